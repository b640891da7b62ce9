"""Two faults in mid-feed, by the code of `polyglot chaos`: what every scenario asserts, it asserts behind them.

All faults, in every order, are in the long tier (tests/integration/pipeline/test_chaos.py) and in campaigns.
"""

from __future__ import annotations

from random import Random

import pytest
from property.frames import SECOND, binance_trade
from support import oracle
from support.scenario import Scenario, write

from devstack.chaos.audit import Audit
from devstack.chaos.campaign import strike
from devstack.chaos.feeds import Feed
from devstack.chaos.plan import Strike
from devstack.chaos.target import Target
from runtime.console import Console

pytestmark = pytest.mark.timeout(1800)

START = 1_768_000_000 * SECOND  # 2026-01-09, behind what others feed of this venue


class TestFaults(Scenario):
    """Two redundant collectors, each without some of the frames; meanwhile ClickHouse and the TaskManager die."""

    order = 9  # the last: what the others fed is still on its way
    SYMBOLS, FRAMES, SPEED = 3, 6_000, 10.0
    #: Event time of the feed, seconds: it takes 20 s by the clock.
    SECONDS = 200

    def feed(self, stack, folder):
        lines = []
        for n in range(self.FRAMES):
            at = START + n * self.SECONDS * SECOND // self.FRAMES
            frame = binance_trade(f"F{n % self.SYMBOLS}USDT", n, at, f"{100 + n % 90}.25", "0.5")
            lines.append(b"%d %b" % ((at + 20_000) * 1_000, frame))
        sides = {"a": 5, "b": 0}  # which of ten frames a collector misses
        files = [
            ("sim", write(folder / f"faults-{side}.gz", [line for n, line in enumerate(lines) if n % 10 != missed]))
            for side, missed in sides.items()
        ]
        cls = type(self)
        cls.whole = write(folder / "whole.gz", lines)
        feed = Feed(files, START, self.SECONDS, self.SPEED, records=2 * self.FRAMES * 9 // 10)
        with pytest.MonkeyPatch.context() as patch:
            for name in stack.env:
                if name.startswith("POLYGLOT_"):
                    patch.setenv(name, stack.env[name])  # collectors are commands of their own
            target = Target(stack.settings, Random(1))
            target.begin(feed)
            try:
                planned = (Strike("kill-clickhouse", 0.1), Strike("kill-taskmanager", 0.3))
                cls.hits = [strike(target, Console(quiet=True), one) for one in planned]
                target.finish(300)
            finally:
                target.kill_collectors()
            target.await_jobs()

    @pytest.mark.usefixtures("outcome")
    def test_both_faults_met_load(self):
        assert [(hit["fault"], hit.get("skipped"), hit["at"] < 0.9) for hit in self.hits] == [
            ("kill-clickhouse", None, True), ("kill-taskmanager", None, True),
        ]  # fmt: skip

    def test_nothing_is_lost_and_no_bar_is_wrong(self, outcome):
        expected = oracle.bars([self.whole], "sim")
        for n in range(self.SYMBOLS):
            entity = f"sim:F{n}USDT"
            assert len(outcome.events("trade", entity)) == self.FRAMES // self.SYMBOLS
            found = outcome.bars(entity)
            wanted = {key[1:]: bar for key, bar in expected.items() if key[0] == entity}
            assert found.keys() == wanted.keys()
            for key, bar in wanted.items():
                assert (found[key]["version"], found[key]["close"]) == (bar["version"], bar["close"]), key

    def test_the_topics_repeat_but_do_not_contradict_themselves(self, outcome):
        found = Audit(outcome.stack.settings).run()
        assert (found["missing_sequence_numbers"], found["conflicting_copies"]) == (0, 0)
