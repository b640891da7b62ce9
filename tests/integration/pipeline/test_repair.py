"""History behind the watermark is computed as if it came first; beyond the horizon, late events and a backfill are
amended, and all is equal.
"""

import gzip
import json
from collections import Counter

import pytest
from support.metrics import suite
from support.normalized import read
from support.pipeline import assert_equals_oracle, await_watermark
from support.topics import records, values, view

from operations.lifecycle import savepoint

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.timeout(1200)]

SECOND = 1_000_000
NOON = 1_723_118_400 * SECOND  # 2024-08-08T12:00Z
DAY = 86_400 * SECOND
BTC, ETH = "binance_usdm:BTCUSDT", "binance_usdm:ETHUSDT"
LATE = 5


def trade(symbol, number, event):
    body = {"e": "trade", "E": event // 1000, "T": event // 1000, "s": symbol, "t": number, "p": "60000.1", "q": "0.5"}
    return {**body, "X": "MARKET", "m": number % 2 == 0}


def quote(symbol, number, event):
    body = {"e": "bookTicker", "u": number, "s": symbol, "b": "1.5", "B": "2", "a": "1.6", "A": "3"}
    return {**body, "T": event // 1000, "E": event // 1000}


def write(path, frames):
    path.write_text("".join(f"{time * 1000} {json.dumps(body, separators=(',', ':'))}\n" for time, body in frames))
    return str(path)


def packed(path, frames):
    write(path, frames)
    found = path.with_suffix(".gz")
    found.write_bytes(gzip.compress(path.read_bytes()))
    return found


def running():
    """One trade a second; from the 300th on, five that are four minutes old."""
    for n in range(400):
        yield NOON + n * SECOND, trade("BTCUSDT", n + 1, NOON + n * SECOND - 50_000)
        if n % 10 == 0:
            yield NOON + n * SECOND, quote("BTCUSDT", n + 1, NOON + n * SECOND - 40_000)
        if 300 <= n < 300 + LATE:
            yield NOON + n * SECOND + 1, trade("BTCUSDT", 9_000 + n, NOON + (n - 270) * SECOND)


def returning():
    """Another instrument's feed of the day before: it arrives when the watermark is a day ahead."""
    yield from seconds("ETHUSDT", NOON - DAY, range(30))


def seconds(symbol, start, which):
    """One trade a second, and a quote in every third."""
    for n in which:
        at = start + n * SECOND
        yield at + 50_000, trade(symbol, n + 1, at)
        if n % 3 == 0:
            yield at + 60_000, quote(symbol, n + 1, at)


def feed(stack, path):
    stack.json("feed", "binance_usdm", "--capture", path)
    return stack.json("drain", "--timeout", "600")


def version(stack, interval, start):
    rows = records(stack.settings.kafka.bootstrap_servers, "analytics.bar.v1", "bar")
    bars = view(rows, lambda bar: (bar["entity_id"], bar["interval"], bar["window_start"]))
    return bars[BTC, interval, start]["version"]


def test_history_needs_no_repair_and_what_came_too_late_is_amended(pipeline, tmp_path):
    assert feed(pipeline, write(tmp_path / "running", running()))["open_repair_requests"] == 0
    await_watermark(pipeline, NOON)
    assert feed(pipeline, write(tmp_path / "returning", returning()))["open_repair_requests"] == 0
    attention = pipeline.json("status")["attention"]
    assert (attention["open_repairs"], attention["late"], attention["to_amend"]) == (0, LATE, LATE)
    assert attention["amended_events"] == 0
    assert pipeline.json("verify")["differences"] == 0
    bars = records(pipeline.settings.kafka.bootstrap_servers, "analytics.bar.v1", "bar")
    seconds_of_eth = [bar for bar in bars if (bar["entity_id"], bar["interval"]) == (ETH, "1s")]
    assert len(seconds_of_eth) == 30  # no second was told twice: the watermark does not make each event a correction

    minute = version(pipeline, "1m", NOON)
    span = ["--entity", BTC, "--from", "2024-08-08T12:00:00Z", "--to", "2024-08-08T12:10:00Z"]
    narrow = pipeline.json("amend", *span, "--horizon", "3m", "--dry-run")
    assert (narrow["late"], narrow["amended"], narrow["beyond_the_horizon"]) == (LATE, 0, LATE)
    amended = pipeline.json("amend", *span)
    assert (amended["late"], amended["amended"], amended["refused"]) == (LATE, LATE, {})
    for found in (pipeline.json("verify"), pipeline.json("verify", *span[2:])):
        assert found["differences"] == 0
    assert version(pipeline, "1m", NOON) == minute + LATE
    trades = records(pipeline.settings.kafka.bootstrap_servers, "normalized.trade.v1", "trade")
    late = [row for row in trades if row["source_id"].startswith("amend:")]
    assert sorted(row["venue_trade_id"] for row in late) == [str(9_300 + n) for n in range(LATE)]

    again = pipeline.json("amend", *span)
    assert (again["late"], again["amended_before"], again["amended"]) == (LATE, LATE, 0)
    (event,) = records(pipeline.settings.kafka.bootstrap_servers, "amendment.ingestion.v1", "amendment")
    assert (event["entity_id"], event["events"], event["amendment_id"]) == (BTC, LATE, amended["amendment_id"])
    attention = pipeline.json("status")["attention"]
    assert (attention["open_repairs"], attention["late"], attention["to_amend"]) == (0, LATE, 0)
    assert attention["amended_events"] == LATE
    exposed = suite(pipeline)
    assert not [name for name, *_ in exposed if name == "polyglot_repair_requests_total"]
    assert exposed["polyglot_dead_letters_total", "normalization", "late", "raw.binance_usdm.trade.v1"] == LATE
    assert (exposed["polyglot_amendments_total",], exposed["polyglot_amended_events_total",]) == (1, LATE)


def test_windows_go_on_after_a_restart_however_far_the_watermark_was(pipeline, tmp_path):
    after = NOON + DAY  # of all that was fed here before
    feed(pipeline, write(tmp_path / "before", seconds("SOLUSDT", after, range(10))))
    feed(pipeline, write(tmp_path / "meanwhile", seconds("BTCUSDT", after + DAY, range(30))))
    await_watermark(pipeline, after + DAY)
    path = savepoint(pipeline.settings, "analytics")
    pipeline.json("submit", "analytics", "--from-savepoint", path)
    asked = feed(pipeline, write(tmp_path / "backlog", seconds("SOLUSDT", after, range(10, 40))))
    assert asked["open_repair_requests"] == 0
    assert pipeline.json("verify")["differences"] == 0


def test_a_backfill_after_the_horizon_closes_the_gap_and_is_amended(pipeline, tmp_path):
    """Two trades are missing; they come when the log is minutes further on, among copies of trades that are there."""
    entity, start = "binance_coinm:BTCUSDT", NOON + 2 * DAY
    every = [(start + n * SECOND, trade("BTCUSDT", n, start + n * SECOND - 50_000)) for n in range(1, 400)]
    missing, copies = every[49:51], every[19:22]

    def feed_coinm(name, frames):
        pipeline.json("feed", "binance_coinm", "--capture", str(packed(tmp_path / name, frames)))
        assert pipeline.json("drain", "--timeout", "600")["open_repair_requests"] == 0
        return pipeline.json("gaps", "--all", "--entity", entity)

    told = feed_coinm("kept", [frame for frame in every if frame not in missing])
    assert [(gap["first_id"], gap["last_id"], gap["remaining"]) for gap in told["gaps"]] == [(50, 51, 2)]
    waiting = pipeline.json("status")["attention"]["to_amend"]
    assert feed_coinm("backfill", [*copies, *missing])["open"] == 0
    letters = pipeline.json("deadletters", "ls", "--reason", "behind_dedup_window", "--entity", entity)
    assert letters["count"] == len(missing) + len(copies)
    # Which of them are copies only amend can tell.
    attention = pipeline.json("status")["attention"]
    assert (attention["to_amend"], attention["behind_dedup_window"]) == (waiting + 5, 5)

    span = ["--entity", entity, "--from", "2024-08-10T12:00:00Z", "--to", "2024-08-10T12:10:00Z"]
    amended = pipeline.json("amend", *span)
    assert (amended["late"], amended["accepted_in_time"], amended["amended"]) == (len(missing), len(copies), 2)
    assert pipeline.json("status")["attention"]["to_amend"] == waiting
    expected = assert_equals_oracle(pipeline, [packed(tmp_path / "whole", every)], "binance_coinm")
    assert expected[entity, "5m", start]["trade_count"] == 300
    assert pipeline.json("verify")["differences"] == 0
    again = pipeline.json("amend", *span, "--dry-run")
    assert (again["late"], again["amended_before"], again["amended"]) == (2, 2, 0)


def test_bounded_runs_end_and_write_the_same_bytes(pipeline):
    """Both jobs anew, from the beginning of their topics: copies of every record, and no view changes.

    The last test of this stack: versions in the topics are lower behind it than before.
    """
    bootstrap = pipeline.settings.kafka.bootstrap_servers
    normalized, bars = ("normalized.trade.v1", "normalized.quote.v1"), "analytics.bar.v1"
    before = {topic: Counter(values(bootstrap, topic)) for topic in (*normalized, bars)}
    ended = pipeline.json("submit", "--bounded")
    assert [(job["name"], job["state"]) for job in ended] == [
        ("normalize-bounded", "FINISHED"),
        ("analytics-bounded", "FINISHED"),
    ]
    for topic in normalized:
        assert Counter(values(bootstrap, topic)) == Counter({value: 2 * n for value, n in before[topic].items()})
    # A bar is told when its run tells it, so versions between the first and the last may be others.
    assert len(values(bootstrap, bars)) >= before[bars].total() + len(set(map(_key, before[bars])))
    assert pipeline.json("drain", "--timeout", "600")["open_repair_requests"] == 0
    assert pipeline.json("verify")["differences"] == 0


def _key(value):
    bar = read("bar", value)
    return bar["entity_id"], bar["interval"], bar["window_start"]
