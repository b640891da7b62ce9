"""Frames that are missing, that come later, and that come with another content; trades that come late."""

from __future__ import annotations

import gzip
import json
import re
from decimal import Decimal
from itertools import islice

import pytest
from support import late, oracle
from support.captures import capture
from support.scenario import Scenario, write

from runtime.readers.conflicts import first_copy
from runtime.readers.log import decode

pytestmark = pytest.mark.timeout(1800)


def _body(line):
    return json.loads(line.split(b" ", 1)[1])["data"]


class TestGapsAndAConflict(Scenario):
    """The beginning of a capture as another venue's: without some frames, then these, then another copy of a trade."""

    ENTITY = "binance_coinm:BTCUSDT"
    LINES = 6_000

    def feed(self, stack, folder):
        with gzip.open(capture("usdm_btcusdt_20240808.gz")) as found:
            lines = list(islice(found, self.LINES))
        trades = [line for line in lines if b'"e":"trade"' in line]
        depths = [line for line in lines if b'"e":"depthUpdate"' in line]
        lost = [trades[500], *trades[600:603], depths[20], *depths[30:32]]
        cls = type(self)
        cls.trade, cls.kept = trades[550], [line for line in lines if line not in lost]
        cls.lost, other = lost, re.sub(rb'"p":"', rb'"p":"1', cls.trade)
        cls.numbers = sorted(
            [("trade", _body(trades[at])["t"], _body(trades[to])["t"]) for at, to in ((500, 500), (600, 602))]
            + [("depth", _body(depths[at])["pu"] + 1, _body(depths[to])["u"]) for at, to in ((20, 20), (30, 31))]
        )
        for name, part in (("kept", cls.kept), ("lost", lost), ("other", [other])):
            path = write(folder / f"{name}.gz", part)
            stack.json("feed", "binance_coinm", "--capture", str(path))

    def test_a_gap_is_told_and_closed(self, outcome):
        told = {}
        for one in outcome.records("normalized.gaps.v1", "gap", self.ENTITY):
            told.setdefault((one["channel"], one["first_id"], one["last_id"]), {})[one["version"]] = one["remaining"]
        assert sorted(told) == self.numbers
        for (_, first, last), remaining in told.items():
            count = last - first + 1
            assert remaining[1] == count, "told when its grace was over"
            assert remaining[max(remaining)] == 0, "closed by what came later"
        found = outcome.stack.json("gaps", "--all", "--entity", self.ENTITY)
        assert (found["open"], len(found["gaps"])) == (0, len(self.numbers))

    def test_another_content_is_a_conflict_beside_the_first_copy(self, outcome):
        letters = outcome.records("deadletter.ingestion.v1", "dead_letter", self.ENTITY)
        (letter,) = {one["dead_letter_id"]: one for one in letters if one["reason"] == "conflict"}.values()
        first = decode("raw_envelope", first_copy(outcome.stack.settings, letter))["payload"]
        assert first == self.trade.split(b" ", 1)[1].strip()
        assert decode("raw_envelope", letter["record"])["payload"] == first.replace(b'"p":"', b'"p":"1')
        (shown,) = outcome.stack.json("deadletters", "show", letter["dead_letter_id"])
        assert (shown["first_copy"]["found_in"], shown["first_copy"]["envelope"]["payload"]) == (
            "kafka", first.decode(),
        )  # fmt: skip
        assert outcome.stack.json("status")["attention"]["conflicts"] == 1

    def test_bars_are_those_of_all_that_came_first(self, outcome, tmp_path):
        path = write(tmp_path / "log.gz", [*self.kept, *self.lost])
        expected, found = oracle.bars([path], "binance_coinm"), outcome.bars(self.ENTITY)
        assert {(self.ENTITY, *key) for key in found} == expected.keys()
        for key, fields in expected.items():
            assert {name: found[key[1:]][name] for name in ("version", "trade_count", "volume", "close")} == {
                name: fields[name] for name in ("version", "trade_count", "volume", "close")
            }, key


class TestLateTrades(Scenario):
    """One trade in twenty is late by 5 to 30 s: within the horizon, behind the watermark."""

    SYMBOLS = 4

    def feed(self, stack, folder):
        cls = type(self)
        cls.path = folder / "late.gz"
        cls.fed = late.write(cls.path, self.SYMBOLS, 60, 2, share=0.05, seed=4)
        stack.json("feed", "sim", "--capture", str(cls.path), "--speed", "20")

    def test_no_window_is_wrong(self, outcome):
        expected = oracle.bars([self.path], "sim")
        entities = {entity for entity, _, _ in expected}
        assert len(entities) == self.SYMBOLS
        assert sum(self.fed.behind.values()) > 10
        found = {(entity, *key): bar for entity in entities for key, bar in outcome.bars(entity).items()}
        assert found.keys() == expected.keys()
        for key, fields in expected.items():
            bar = found[key]
            actual = {name: Decimal(bar[name]) if isinstance(fields[name], Decimal) else bar[name] for name in fields}
            assert actual == fields, key
