"""What is different in a replay's jobs: windows stay, and originals of redriven records keep their verdicts."""

from functools import partial

import pytest
from property.window_oracle import Trade

from flink_jobs.analytics import windows
from schemas.contracts import contract
from schemas.quality import default_quality
from schemas.versions import Held, Schedule
from udfs.kernels.slices import Slices
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


@pytest.mark.parametrize("forget", [True, False])
@pytest.mark.parametrize("version", [1, 2])
def test_windows_are_computed_by_the_version_that_holds_in_a_replay_too(forget, version):
    restore = windows(BARS, default_quality(), forget=forget).restore
    fold = restore(BARS.contract, (), schedule=Schedule((Held("bar", version),)))
    fold.fold("normalized.trade.v1", Slices.of([Trade("sim:X", 0, 0, 1, "id", 1, 1, "buy").wire()]))
    assert {value[:5] for value in fold.close().results.wire().tolist()} == {contract("bar", version).header}


def test_a_replay_knows_what_was_redriven_of_a_topic(monkeypatch):
    seen = []
    monkeypatch.setattr("udfs.normalize.normalizer.Verdicts", lambda copies: seen.append([*copies]))
    copies = {"raw.sim.trade.v1": [("e~redriven", "redrive:1:d:late:")]}
    restore = partial(Normalizer.restore, copies=copies)
    for topic in ("raw.sim.trade.v1", "raw.sim.agg_trade.v1"):
        monkeypatch.setattr(Normalizer, "__init__", lambda *_: None)
        restore(topic, ())
    assert seen == [copies["raw.sim.trade.v1"], []]
