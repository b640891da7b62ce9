"""Rules of data quality: rejected records with their reasons, marked ones, and their counts wherever one looks.

What a rule that stops does, and what a fix and a redrive bring back: tests/unit/udfs/quality/test_quality_stop.py and
test_resubmitted.py, and, on a stack, the long tests of tests/integration/pipeline/test_quality.py.
"""

from __future__ import annotations

from typing import ClassVar

import pytest
from property.frames import SECOND, binance_trade
from support.metrics import suite
from support.scenario import Scenario, write

pytestmark = pytest.mark.timeout(1800)

TOPIC, RAW = "normalized.trade.v1", "raw.sim.trade.v1"
START = 1_767_700_000 * SECOND  # 2026-01-06, behind what others feed of this venue


class TestRules(Scenario):
    """One symbol's trades, some of which are dear (marked) and some absurd (rejected): see the rules in conftest.py."""

    ENTITY = "sim:RULESUSDT"
    PRICES: ClassVar = {7: "600000000", 11: "2000000000", 12: "2000000001", 20: "999999999.5", 30: "3000000000"}

    def feed(self, stack, folder):
        lines = []
        for n in range(40):
            at = START + n * SECOND
            frame = binance_trade("RULESUSDT", n, at, self.PRICES.get(n, "100.5"), "0.25")
            lines.append(b"%d %b" % ((at + 20_000) * 1_000, frame))
        stack.json("feed", "sim", "--capture", str(write(folder / "rules.gz", lines)))

    def test_a_rejected_record_is_a_dead_letter_and_nothing_else(self, outcome):
        trades = outcome.events("trade", self.ENTITY)
        assert {one["venue_trade_id"] for one in trades.values()} == {str(n) for n in range(40)} - {"11", "12", "30"}
        letters = outcome.records("deadletter.normalization.v1", "dead_letter", self.ENTITY)
        assert {(one["dead_letter_id"], one["reason"]) for one in letters} == {
            (f"{self.ENTITY}:trade:{n}", "quality.absurd") for n in (11, 12, 30)
        }
        listed = outcome.stack.json("deadletters", "ls", "--reason", "quality.absurd", "--limit", "10")
        assert listed["groups"][0]["topic"] == RAW
        (shown,) = outcome.stack.json("deadletters", "show", f"{self.ENTITY}:trade:11")
        assert shown["contract"] == "trade.v1"
        assert '"e":"trade"' in shown["envelope"]["payload"]

    def test_a_marked_record_passes(self, outcome):
        flags = outcome.records("quality.normalization.v1", "quality_flag", self.ENTITY)
        dear = {one["event_id"] for one in flags if one["rule"] == "dear"}
        assert dear == {f"{self.ENTITY}:trade:{n}" for n in (7, 20)} <= outcome.events("trade", self.ENTITY).keys()

    def test_they_are_counted_alike_wherever_one_looks(self, outcome):
        lines = {(one["rule"], one["action"]): one["count"] for one in outcome.stack.json("quality")}
        assert (lines["absurd", "fail"], lines["dear", "flag"]) == (3, 2)
        exposed = suite(outcome.stack)
        assert exposed["polyglot_dead_letters_total", "normalization", "quality.absurd", RAW] == 3
        assert exposed["polyglot_quality_records_total", "fail", "absurd", TOPIC] == 3
        assert exposed["polyglot_quality_records_total", "flag", "dear", TOPIC] == 2
        assert exposed["polyglot_consumer_lag_records", "polyglot-normalize", RAW] >= 0
