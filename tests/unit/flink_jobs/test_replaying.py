"""What is different in a replay's jobs: windows stay, and originals of redriven records keep their verdicts."""

from functools import partial

import pytest

from flink_jobs.analytics import windows
from schemas.quality import default_quality
from udfs.normalize.normalizer import Normalizer
from udfs.windows.definition import BARS, QUOTE_BARS
from udfs.windows.kernels import layout as at


@pytest.mark.parametrize("definition", [BARS, QUOTE_BARS])
def test_windows_are_kept_for_as_long_as_the_limits_say_and_in_a_replay_for_good(definition):
    kept = [
        windows(definition, default_quality(), forget=forget).restore(definition.contract, ()).count(at.KEEP)
        for forget in (True, False)
    ]
    assert kept[0] == definition.limits().keep
    assert kept[1] > 1 << 59


def test_a_replay_knows_what_was_redriven_of_a_topic(monkeypatch):
    seen = []
    monkeypatch.setattr("udfs.normalize.normalizer.Verdicts", lambda copies: seen.append([*copies]))
    copies = {"raw.sim.trade.v1": [("e~redriven", "redrive:1:d:late:")]}
    restore = partial(Normalizer.restore, copies=copies)
    for topic in ("raw.sim.trade.v1", "raw.sim.agg_trade.v1"):
        monkeypatch.setattr(Normalizer, "__init__", lambda *_: None)
        restore(topic, ())
    assert seen == [copies["raw.sim.trade.v1"], []]
