"""Captures: accounted for and equal to an independent oracle, one venue's history behind another's, across midnight."""

from __future__ import annotations

import gzip
import re
from collections import deque
from decimal import Decimal

import pytest
from confluent_kafka.admin import AdminClient
from property.frames import coinbase_match, coinbase_ticker, kraken_spread, kraken_trade
from support import oracle
from support.captures import capture
from support.scenario import Scenario, write

pytestmark = pytest.mark.timeout(1800)

#: When the capture of usdm begins, µs UTC.
BEGIN = 1_723_161_255_000_000
DAY_US = 86_400_000_000


def assert_equal(outcome, paths, entity):
    """Demand that the instrument's bars and quote bars are those of the oracle over its captures; return the bars."""
    venue = entity.split(":")[0]
    expected, found = oracle.bars(paths, venue), outcome.bars(entity)
    assert {(entity, *key) for key in found} == expected.keys()
    for key, fields in expected.items():
        bar = found[key[1:]]
        actual = {name: Decimal(bar[name]) if isinstance(fields[name], Decimal) else bar[name] for name in fields}
        assert actual == fields, key
    quotes, found = oracle.quote_bars(paths, venue), outcome.quote_bars(entity)
    assert {(entity, start) for start in found} == quotes.keys()
    for (_, start), fields in quotes.items():
        assert {name: found[start][name] for name in fields} == fields, start
    return expected


class TestUsdm(Scenario):
    """A whole capture, forty times as fast as it happened; its end comes again from a second collector."""

    ENTITY = "binance_usdm:BTCUSDT"
    AGAIN = 10_000

    def feed(self, stack, folder):
        path = capture("usdm_btcusdt_20240808.gz")
        fed = stack.json("feed", "binance_usdm", "--capture", str(path), "--speed", "40")
        assert fed["frames"] == 93_954
        with gzip.open(path) as lines:
            part = write(folder / "part.gz", deque(lines, self.AGAIN))
        assert stack.json("feed", "binance_usdm", "--capture", str(part))["frames"] == self.AGAIN

    def test_bars_are_the_oracles(self, outcome):
        expected = assert_equal(outcome, [capture("usdm_btcusdt_20240808.gz")], self.ENTITY)
        assert {interval for _, interval, _ in expected} == {"1s", "1m", "5m", "1h", "1d"}

    def test_every_frame_is_there_once(self, outcome):
        assert len(outcome.events("trade", self.ENTITY)) == 21_313
        assert len(outcome.events("quote", self.ENTITY)) == 66_089
        ours = f"where entity_id = '{self.ENTITY}'"
        ((bars, quotes),) = outcome.ask(
            f"select (select count() from bars_latest {ours}), (select sum(quote_count) from quote_bars_latest {ours})"
        )
        assert (bars, int(quotes)) == (len(outcome.bars(self.ENTITY)), 66_089)

    def test_the_live_stream_spark_and_flink_have_one_digest(self, outcome):
        """The captured day three ways, per table and entity; Flink reads the day's part of the log alone."""
        day = ("--from", "2024-08-08", "--to", "2024-08-09", "--entity", self.ENTITY)
        found = outcome.stack.json("verify", "--engine", "both", *day)
        assert (found["passed"], found["differences"], found["engine"]) == (True, 0, "both")
        replays = {one["table"]: one for one in found["engines"]}
        assert replays.keys() == {f"normalized.{kind}.v1" for kind in ("trade", "quote")} | {
            f"analytics.{bar}.v1" for bar in ("bar", "quote_bar")
        }
        for table, one in replays.items():
            (entity,) = one["entities"]
            assert (entity["entity"], entity["equal"]) == (self.ENTITY, True)
            assert entity["spark_digest"] == entity["flink_digest"]
            (live,) = [store for store in found["tables"] if store["table"] == table]
            assert (live["found"], live["status"]) == (entity["flink"], "equal")
        assert replays["normalized.trade.v1"]["flink"] == 21_313
        topics = AdminClient({"bootstrap.servers": outcome.stack.settings.kafka.bootstrap_servers}).list_topics(
            timeout=30
        )
        assert [name for name in topics.topics if name.startswith("replay-")] == []


class TestSpotAcrossMidnight(Scenario):
    """Two days of another venue, at full speed, when the watermark of the first one is past them."""

    order = 1
    ENTITY = "binance_spot:BTCUSDT"
    NAMES = ("spot_btcusdt_20240808.gz", "spot_btcusdt_20240809.gz")

    def feed(self, stack, folder):
        stack.json("feed", "binance_spot", *(part for name in self.NAMES for part in ("--capture", str(capture(name)))))

    def test_bars_on_both_sides_of_midnight_are_the_oracles(self, outcome):
        expected = assert_equal(outcome, [capture(name) for name in self.NAMES], self.ENTITY)
        assert len(expected) > 500
        assert sorted(start // DAY_US for _, interval, start in expected if interval == "1d") == [19_943, 19_944]

    def test_numbers_begin_anew_with_the_day(self, outcome):
        """Every record is there, and on either day its numbers are 1, 2, 3 …"""
        for kind, count in (("trade", 9_757 + 10_147), ("quote", 28_040 + 45_134)):
            records = outcome.events(kind, self.ENTITY).values()
            days = {one["ingest_date"] for one in records}
            assert (len(records), len(days)) == (count, 2)
            for day in days:
                numbers = sorted(one["entity_seq"] for one in records if one["ingest_date"] == day)
                assert numbers == list(range(1, len(numbers) + 1))


class TestHistoryOfYearsBefore(Scenario):
    """A capture of 2021 behind those of 2024: it asks for no repair, and its bars are there."""

    order = 2

    def feed(self, stack, folder):
        with gzip.open(capture("coinbase_20210417.gz", "books")) as found:
            frames = [line for line in found if re.match(rb"[\d.]+: \{", line) and b'"BTC-USD"' not in line]
        lines = [line.split(b": ", 1) for line in frames]
        history = write(folder / "2021.gz", [b"%d %b" % (round(float(at) * 1e9), frame) for at, frame in lines])
        stack.json("feed", "coinbase", "--capture", str(history))

    def test_its_bars_are_there(self, outcome):
        days = "select count() from bars_latest where entity_id like 'coinbase:%' and interval = '1d'"
        assert outcome.ask(f"{days} and window_start < '2022-01-01'")[0][0] > 5

    def test_no_repair_was_asked_for(self, outcome):
        """Of nothing: windows are kept by their own entity's clock."""
        assert outcome.drained["open_repair_requests"] == 0
        assert outcome.records("repair.analytics.v1", "repair_request") == []


class TestOtherDialects(Scenario):
    """Frames of Coinbase and Kraken from the first capture's first seconds; those of Kraken hold one to three prints.

    Sent once more, all of it is a transport duplicate.
    """

    #: Of each venue; of Kraken there are two prints in the mean.
    FRAMES = 60

    def feed(self, stack, folder):
        made = {
            "coinbase": (coinbase_match, coinbase_ticker, "BTC-USD"),
            "kraken": (kraken_trade, kraken_spread, "XBT/USD"),
        }
        for venue, (trade, quote, symbol) in made.items():
            lines = []
            for number in range(self.FRAMES):
                at = BEGIN + number * 50_000
                for build, identity in ((trade, 1 + number), (quote, 1_000 + number)):
                    frame = build(symbol, identity, at, str(60_000 + number), "0.25")
                    lines.append(b"%d %b" % ((at + 20_000) * 1_000, frame))
            path = str(write(folder / f"{venue}.gz", lines))
            for again in ((), ("--no-resume",)):
                assert stack.json("feed", venue, "--capture", path, *again)["frames"] == 2 * self.FRAMES

    def test_the_days_bars_are_right(self, outcome):
        columns = "entity_id, open, high, low, close, volume, trade_count"
        which = "entity_id in ('coinbase:BTC-USD', 'kraken:XBT/USD') and interval = '1d'"
        rows = outcome.ask(f"select {columns} from bars_latest where {which} and window_start > '2024-01-01'")
        days = {row[0]: [*map(Decimal, row[1:6]), row[6]] for row in rows}
        first, last = Decimal(60_000), Decimal(60_000 + self.FRAMES - 1)
        assert days == {
            "coinbase:BTC-USD": [first, last, first, last, Decimal(15), self.FRAMES],
            "kraken:XBT/USD": [first, last, first, last, Decimal(30), 2 * self.FRAMES],
        }
