"""The window fold in single cases: what is told when, what is asked for, and what halts it."""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from random import Random

import numpy as np
import pytest
from property.window_oracle import DAY, HORIZON, SECOND, SKEW, Plain, Quote, Revision, Trade, quote_bar
from support.finishing import encode, finish_bar, finish_quote_bar, key_time
from support.reducers import aggregate, keyed

from schemas.catalog import INTERVALS
from schemas.quality import Rule, default_quality, parse
from udfs.kernels.slices import Slices
from udfs.quality import QualityStop
from udfs.state.operator import Journal
from udfs.windows.bar_objects import read_bar, read_quote_bar
from udfs.windows.definition import BARS, QUOTE_BARS, Limits
from udfs.windows.fold import NEVER, Published, WindowFold
from udfs.windows.kernels import layout as at

START = 1_767_571_200 * SECOND
TRADES, CANCELS, QUOTES = "normalized.trade.v1", "normalized.trade_cancel.v1", "normalized.quote.v1"


def trade(seq: int, time: int = 0, price: int = 5 * 10**12, entity: str = "v:A") -> Trade:
    return Trade(entity, START + time, START + time, seq, str(seq), price, 10**12, "buy")


def feed(fold: WindowFold, *records: Trade | Quote | Revision, topic: str = TRADES) -> None:
    fold.fold(topic, Slices.of([record.wire() for record in records]))


def said(told: Published) -> list[tuple[str, int]]:
    bars = [read_bar(value) for value in told.results.wire().tolist()]
    return sorted((bar.interval, bar.version) for bar in bars)


def versions(told: Published) -> dict[tuple[str, str, int], int]:
    bars = map(read_bar, told.results.wire().tolist())
    return {(bar.entity_id, bar.interval, bar.window_start): bar.version for bar in bars}


def asked(told: Published) -> list[tuple[str, str, int, int]]:
    return [(each.entity_id, each.reason, each.event_time - START, each.length // SECOND) for each in told.requests]


def test_the_first_result_comes_at_the_watermark_and_corrections_at_once() -> None:
    fold = WindowFold(BARS)
    feed(fold, trade(1, 10), trade(2, SECOND + 5))
    assert said(fold.emit(START + SECOND - 1)) == []
    assert said(fold.emit(START + SECOND)) == [("1s", 1)]
    assert said(fold.emit(START + SECOND)) == []
    feed(fold, trade(3, 20))
    assert said(fold.emit(START + SECOND)) == [("1s", 2)]
    assert said(fold.emit(START + 60 * SECOND)) == [("1m", 3), ("1s", 1)]


def test_open_windows_come_with_ticks_and_the_longest_with_every_fifth() -> None:
    fold = WindowFold(BARS)
    feed(fold, trade(1, 10))
    assert said(fold.emit(NEVER, tick=True)) == [("1m", 1), ("1s", 1), ("5m", 1)]
    assert [said(fold.emit(NEVER, tick=True)) for _ in range(4)] == [[], [], [], [("1d", 1), ("1h", 1)]]


def test_a_tick_is_spread_over_calls() -> None:
    fold = WindowFold(BARS)
    feed(fold, *(trade(1, k * SECOND, entity=f"v:{k}") for k in range(10)))
    first = fold.emit(NEVER, tick=True, budget=4)
    assert (len(first.results), first.waiting) == (4, 26)
    later = fold.emit(NEVER, budget=100)
    assert (len(later.results), later.waiting) == (26, 0)


def test_where_the_watermark_is_far_ahead_results_come_with_ticks() -> None:
    far = START + 30 * DAY
    fold = WindowFold(BARS)
    for k in range(1, 6):
        feed(fold, trade(k, k))
        assert said(fold.emit(far)) == []
    assert said(fold.emit(far, tick=True)) == [("1m", 5), ("1s", 5), ("5m", 5)]
    assert said(fold.close()) == [("1d", 5), ("1h", 5)]


def test_the_history_of_a_second_venue_behind_the_first_is_whole() -> None:
    """41,398 requests for repair and 266 of 455 bars missing, when a global watermark decided what was kept."""
    fold, plain, view = WindowFold(BARS), Plain(), {}
    mark = NEVER
    for day, venue in ((2, "x"), (1, "y"), (0, "z")):
        log = [trade(n, day * DAY + n * 997_001, entity=f"{venue}:A")._replace(seq=n) for n in range(1, 2_000)]
        for begin in range(0, len(log), 250):
            part = log[begin : begin + 250]
            feed(fold, *part)
            for record in part:
                plain.add(record)
            mark = max(mark, part[-1].time - SECOND)
            told = fold.emit(mark, tick=begin % 1_000 == 0)
            assert told.requests == []
            view |= versions(told)
            fold.delta()
    view |= versions(fold.close())
    assert view == {key: len(records) for key, records in plain.windows.items()}
    assert fold.count(at.OPENED_NONE) == 0
    assert fold.count(at.ROWS) < 2_000


def test_missing_numbers_are_asked_for_and_what_came_is_folded() -> None:
    fold = WindowFold(BARS)
    feed(fold, trade(1, 10), trade(4, 20), trade(4, 20), trade(5, 30))
    told = fold.emit(START + SECOND)
    assert asked(told) == [("v:A", "sequence_gap", 20, 1)]
    assert said(told) == [("1s", 3)]
    assert (fold.count(at.DUPLICATES), fold.count(at.LOST)) == (1, 2)
    many = [trade(10 * k, k, entity="v:B") for k in range(1, 1_000)]
    feed(fold, *many)
    assert len(fold.emit(NEVER).requests) == 999


def test_a_date_that_begins_anew_is_no_duplicate_and_an_older_one_is() -> None:
    fold = WindowFold(BARS)
    days = [trade(n, day * DAY) for day in range(4) for n in (1, 2)]
    feed(fold, *days, *days, days[5], days[7])
    assert (fold.count(at.DUPLICATES), fold.count(at.LOST)) == (10, 0)


def test_a_window_with_a_revision_is_asked_for_and_never_told() -> None:
    fold = WindowFold(BARS)
    feed(fold, trade(1, 10), trade(2, 70 * SECOND))
    fold.emit(NEVER, tick=True)
    feed(fold, Revision("v:A", START + 10, START + 80 * SECOND, 1), topic=CANCELS)
    every = [("v:A", "revised", 10, length // SECOND) for length in INTERVALS.values()]
    assert asked(fold.emit(NEVER)) == every
    feed(fold, trade(3, 40), trade(4, 71 * SECOND))
    told = fold.emit(START + 60 * SECOND, tick=True)
    assert sorted(asked(told)) == [("v:A", "revised", 0, length) for length in (1, 60, 300)]
    assert said(told) == [("1m", 2), ("1s", 1)]


def test_revisions_have_numbers_of_their_own_and_a_state() -> None:
    fold = WindowFold(BARS)
    feed(fold, Revision("v:A", START + 10, START, 1), Revision("v:A", START + 10, START, 1), topic=CANCELS)
    fold.emit(NEVER)
    assert fold.count(at.DUPLICATES) == 1
    again = WindowFold.restore(BARS, [fold.delta()])
    feed(again, Revision("v:A", START + 10, START, 1), topic=CANCELS)
    feed(again, trade(1, 20))
    told = again.emit(START + SECOND)
    assert (said(told), asked(told)) == ([], [("v:A", "revised", 0, 1)])
    feed(again, Revision("v:A", START + 10, START, 3), topic=CANCELS)
    assert asked(again.emit(NEVER))[0] == ("v:A", "sequence_gap", 10, 1)


def test_a_revision_of_a_window_that_is_over_opens_none() -> None:
    fold = WindowFold(BARS)
    feed(fold, trade(1, 10 * DAY))
    rows = fold.count(at.ROWS)
    feed(fold, Revision("v:A", START + 10, START + 10 * DAY, 1), topic=CANCELS)
    assert len(fold.emit(NEVER).requests) == len(INTERVALS)
    assert fold.count(at.ROWS) == rows


def stop_rule(text: str) -> tuple[Rule, ...]:
    return parse(text).of("analytics.bar.v1")


@pytest.mark.parametrize(
    "rule",
    [
        'type = "range"\nfield = "high"\nmost = "6"',
        'type = "range"\nfield = "low"\nleast = "5.5"',
        'type = "compare"\nleft = "low"\nmust_be = "=="\nright = "high"',
        'type = "compare"\nleft = "low"\nmust_be = ">="\nright = "high"\ntimes = "0.9"',
        'type = "compare"\nleft = "low"\nmust_be = "!="\nright = "open"',
    ],
)
def test_a_result_that_breaks_a_rule_stops_the_job(rule: str) -> None:
    fold = WindowFold(BARS, stop_rule(f'["analytics.bar.v1".wrong]\naction = "stop"\n{rule}'))
    feed(fold, trade(1, 10), trade(2, 11, price=7 * 10**12))
    with pytest.raises(QualityStop, match=r"quality rule wrong .* stops the job at v:A 1s"):
        fold.emit(START + SECOND)


def test_the_rules_of_the_project_hold() -> None:
    quality = default_quality()
    bars = WindowFold(BARS, quality.of(BARS.topic))
    feed(bars, *(trade(k, k, price=10**12 + k) for k in range(1, 300)))
    assert len(bars.close().results) == 5
    quotes = WindowFold(QUOTE_BARS, quality.of(QUOTE_BARS.topic))
    crossed = Quote("v:A", START, START, 1, (2 * 10**12, 0, 10**12, 0))
    feed(quotes, crossed, topic=QUOTES)
    (value,) = quotes.close().results.wire().tolist()
    assert read_quote_bar(value).spread == -(10**12)


def test_a_volume_that_does_not_fit_is_never_a_number() -> None:
    fold = WindowFold(BARS)
    feed(fold, trade(1, 10))
    row = int(fold._list(at.FRESH)[0])
    fold._state.rows[row * at.WIDTH + at.VOLUME + 1] = 10**38 >> 64
    fold._state.rows[row * at.WIDTH + at.VOLUME] = -1
    with pytest.raises(ValueError, match="a window of v:A does not fit its contract"):
        fold.close()


@pytest.mark.parametrize(("prices", "wanted"), [((1, 2), 2), ((2, 3), 2), ((3, 4), 4), ((1, 1, 2), 1), ((1, 2, 2), 2)])
@pytest.mark.parametrize("size", [1, 2**63, 10**27])
def test_a_vwap_is_rounded_half_to_even(prices: tuple[int, ...], wanted: int, size: int) -> None:
    fold = WindowFold(BARS)
    feed(fold, *(trade(n, n, price)._replace(size=size) for n, price in enumerate(prices, 1)))
    assert {read_bar(value).vwap for value in fold.close().results.wire().tolist()} == {wanted}


def test_limits_are_those_of_the_domain_file() -> None:
    assert QUOTE_BARS.limits() == Limits(HORIZON, SKEW, 2)
    assert BARS.limits() == Limits(HORIZON, SKEW, 2, revising=("sim",))


def test_windows_are_freed_and_their_rows_used_again() -> None:
    fold, journal, kept = WindowFold(BARS), Journal(least=4_096), {}
    for k in range(1, 20_000, 50):
        feed(fold, *(trade(n, n * 300_000) for n in range(k, k + 50)))
        fold.emit(START + k * 300_000)
        flushed = journal.flush(fold)
        kept = {n: part for n, part in (kept | dict(flushed.entries)).items() if n not in flushed.dropped}
    assert fold.count(at.ROWS) < 1_500
    restored = WindowFold.restore(BARS, [part for _, part in sorted(kept.items())])
    assert sum(map(len, kept.values())) < 10 * len(restored.snapshot())
    assert said(restored.close()) == said(fold.close())


def test_long_ids_do_not_pile_up() -> None:
    fold = WindowFold(BARS)
    for k in range(1, 5_000, 100):
        feed(fold, *(trade(n, n * 1_000)._replace(trade_id=f"{n:030d}" + "x" * (n % 9)) for n in range(k, k + 100)))
    assert len(fold._state.texts) < 20_000
    bars = map(read_bar, fold.close().results.wire().tolist())
    bar = next(bar for bar in bars if bar.interval == "1d")
    assert (bar.first_trade_id, bar.last_trade_id) == (f"{1:030d}x", f"{5000:030d}" + "x" * (5000 % 9))


# --- an oracle that shares nothing with the kernels: the SQL, in SQLite -----------------------------------------------


def _amount(scaled: int) -> str:
    return f"{Decimal((0, tuple(map(int, str(scaled))), -12)):f}"


class _Total:
    """An exact sum of decimals (which become whole, ·1e12) and of whole numbers, as text."""

    def __init__(self) -> None:
        self.value = 0

    def step(self, value: str | None) -> None:
        if value is not None:
            self.value += _scaled(value) if "." in value else int(value)

    def finalize(self) -> str:
        return str(self.value)


def _scaled(amount: str) -> int:
    return int(Decimal(amount).scaleb(12))


def _database(table: str, columns: list[str], rows: list[tuple[object, ...]]) -> sqlite3.Connection:
    found = sqlite3.connect(":memory:")
    found.create_function("CONCAT", -1, lambda *parts: "".join(map(str, parts)))
    found.create_collation("amount", lambda a, b: (Decimal(a) > Decimal(b)) - (Decimal(a) < Decimal(b)))
    found.create_function("PRODUCT", 2, lambda price, size: str(_scaled(price) * _scaled(size)))
    found.create_aggregate("TOTAL_OF", 1, _Total)
    amounts = ("price", "bid_price", "bid_size", "ask_price", "ask_size")
    declared = ", ".join(f"{name} TEXT COLLATE amount" if name in amounts else name for name in columns)
    found.execute(f"CREATE TABLE {table} ({declared})")
    found.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(columns))})", rows)
    return found


def test_bars_are_what_the_sql_says() -> None:
    rng, log = Random(11), []
    for n in range(1, 1_500):
        price, size = rng.randrange(1, 10 ** rng.randrange(1, 20)), rng.randrange(1, 10**14)
        time = START + n * 100_000 - rng.choice([0, 0, rng.randrange(119 * SECOND)])
        side = rng.choice(["buy", "sell"])
        log.append(Trade("v:A", time, START + n * 100_000, n, f"id{n}" * rng.choice([1, 5]), price, size, side))
    columns = ["entity_id", "event_time", "ingest_date", "entity_seq", "price", "size", "aggressor", "venue_trade_id"]
    rows = [
        (t.entity, t.time, t.ingest // DAY, t.seq, _amount(t.price), _amount(t.size), t.side, t.trade_id) for t in log
    ]
    db = _database("log", columns, rows)
    db.execute(f"CREATE VIEW trades_keyed AS {keyed('bar', 'log', 'sqlite')}".replace("AS STRING", "AS TEXT"))
    want = set()
    for interval in INTERVALS:
        for row in db.execute(aggregate("bar", interval, "sqlite")):
            entity, count, first, last, high, low, *sums = row
            start = key_time(first) // INTERVALS[interval] * INTERVALS[interval]
            bar = finish_bar(
                entity, interval, start, count, first, last, Decimal(high), Decimal(low), list(map(int, sums))
            )
            want.add(encode(bar))
    fold = WindowFold(BARS)
    feed(fold, *log)
    assert set(fold.close().results.wire().tolist()) == want


def test_quote_bars_are_what_the_sql_says() -> None:
    rng, log = Random(12), []
    for n in range(1, 1_500):
        values = tuple(rng.randrange(k % 2 == 0, 10 ** rng.randrange(1, 16)) for k in range(4))
        time = START + n * 30_000 - rng.choice([0, 0, rng.randrange(119 * SECOND)])
        log.append(Quote("v:A", time, START + n * 30_000, n, values))  # type: ignore[arg-type]
    columns = ["entity_id", "event_time", "ingest_date", "entity_seq"]
    columns += ["bid_price", "bid_size", "ask_price", "ask_size"]
    rows = [(q.entity, q.time, q.ingest // DAY, q.seq, *map(_amount, q.values)) for q in log]
    db = _database("log", columns, rows)
    db.execute(f"CREATE VIEW quotes_keyed AS {keyed('quote_bar', 'log', 'sqlite')}".replace("AS STRING", "AS TEXT"))
    want = set()
    for entity, count, last in db.execute(aggregate("quote_bar", "1s", "sqlite")):
        want.add(encode(finish_quote_bar(entity, key_time(last) // SECOND * SECOND, count, last)))
    fold = WindowFold(QUOTE_BARS)
    feed(fold, *log, topic=QUOTES)
    assert set(fold.close().results.wire().tolist()) == want
    assert quote_bar(("v:A", "1s", START), [log[0]])


def test_columns_are_what_the_bytes_say() -> None:
    fold = WindowFold(BARS)
    feed(fold, *(trade(k, k * SECOND, price=10**20 + k) for k in range(1, 50)))
    results = fold.close().results
    for name, column in BARS.columns.items():
        found = results.facts[:, column.word]
        wanted = [getattr(read_bar(value), name) for value in results.wire().tolist()]
        if column.words == 2:
            words = zip(found.astype(np.uint64).tolist(), results.facts[:, column.word + 1].tolist(), strict=True)
            assert [(high << 64) + low for low, high in words] == wanted
        else:
            assert found.tolist() == wanted
