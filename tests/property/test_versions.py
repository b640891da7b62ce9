"""Which version holds: for a window by its start, for a frame by its offset, whatever the order in which things come.

The oracle looks the version up in plain Python and computes bars with fractions.
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction
from random import Random

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from property.frames import binance_trade
from property.oracle import Raw, avro, envelope
from property.window_oracle import HORIZON, SECOND, Trade

from schemas.catalog import INTERVALS
from schemas.versions import ALWAYS, FOREVER, Held, Schedule, Turn, VersionError, pack, unpack
from udfs.kernels.slices import Slices
from udfs.normalize.normalizer import Normalizer
from udfs.windows.bar_objects import read_bar
from udfs.windows.definition import BARS
from udfs.windows.fold import NEVER, WindowFold
from udfs.windows.partial import batch_fold, finished, merge, partial_windows
from udfs.wire.envelope import decode

START = 1_767_571_200 * SECOND  # a midnight
NOON = START + 43_200 * SECOND
TRADES, RAW = "normalized.trade.v1", "raw.sim.trade.v1"
#: Starts of windows around a time that five intervals have in common, and around times that they have not.
STARTS = st.sampled_from([NOON + n * SECOND for n in (-3_600, -60, -1, 0, 1, 59, 60, 300, 3_600)])
HELD = st.lists(
    st.one_of(
        st.builds(lambda version, start: Held("bar", version, start), st.integers(1, 2), STARTS | st.just(ALWAYS)),
        st.builds(
            lambda version, start, length: Held("bar", version, start, start + length * SECOND, restated=True),
            st.integers(1, 2), STARTS, st.integers(1, 4_000),
        ),
    ),
    max_size=5,
).map(lambda held: Schedule((Held("bar", 1), *held)))  # fmt: skip
#: Sizes and prices whose quotients are often ties at the last digit.
TIMES = st.integers(-4_000 * 10, 4_000 * 10)
PRICES = st.integers(1, 9) | st.sampled_from([10**12 + 1, 10**12 + 2, 10**27])
#: Offsets from which rules hold, and what these are called.
CUTS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 3)), max_size=5)


def holding(schedule: Schedule, start: int) -> tuple[int, int]:
    """Return the version that holds for a window, and how often it was restated."""
    covering = [one for one in schedule.held if one.start <= start < one.end]
    return covering[-1].version, sum(one.restated for one in covering)


def bar(schedule: Schedule, interval: str, start: int, trades: list[Trade]) -> bytes:
    """Return a bar as its version has it, by fractions and fastavro."""
    version, edition = holding(schedule, start)
    ordered = sorted(trades, key=lambda trade: trade.order)
    bought = [trade for trade in trades if trade.side == "buy"]
    volume, notional = sum(t.size for t in trades), sum(t.price * t.size for t in trades)
    vwap = round(Fraction(notional, volume)) if version == 1 else (2 * notional + volume) // (2 * volume)
    numbers = {
        "open": ordered[0].price, "close": ordered[-1].price, "high": max(t.price for t in trades),
        "low": min(t.price for t in trades), "volume": volume, "vwap": vwap, "buy_volume": sum(t.size for t in bought),
    }  # fmt: skip
    with localcontext(prec=80):
        record = {name: Decimal(number).scaleb(-12) for name, number in numbers.items()}
        texts = {"notional": notional, "buy_notional": sum(t.price * t.size for t in bought)}
        for name, number in texts.items():
            text = f"{Decimal(number).scaleb(-24):.24f}"
            record[name] = text.rstrip("0").rstrip(".")
    record |= {
        "entity_id": trades[0].entity, "interval": interval, "window_start": start,
        "window_end": start + INTERVALS[interval], "trade_count": len(trades), "first_trade_id": ordered[0].trade_id,
        "last_trade_id": ordered[-1].trade_id, "version": len(trades) + (edition << 40),
        **({"last_trade_time": ordered[-1].time} if version == 2 else {}),
    }  # fmt: skip
    return avro("bar", record, version)


def trades_of(times: list[int], prices: list[int], seed: int) -> list[Trade]:
    """Return a log: trades at some tenths of seconds around noon, in an order in which all are in time."""
    random = Random(seed)
    found = [(NOON + tenth * SECOND // 10, price) for tenth, price in zip(sorted(times), prices, strict=False)]
    late = [(time + random.randrange(HORIZON), time, price) for time, price in found]
    return [
        Trade("sim:X", time, received, seq, f"id{seq}", price, 1 + seq % 3, ("buy", "sell")[seq % 2])
        for seq, (received, time, price) in enumerate(sorted(late), 1)
    ]


LOGS = st.builds(
    trades_of, st.lists(TIMES, min_size=1, max_size=20), st.lists(PRICES, min_size=20, max_size=20), st.integers(0, 99)
)


def wanted(schedule: Schedule, trades: list[Trade]) -> dict[tuple[str, int], bytes]:
    windows: dict[tuple[str, int], list[Trade]] = {}
    for trade in trades:
        for interval, length in INTERVALS.items():
            windows.setdefault((interval, trade.time // length * length), []).append(trade)
    return {key: bar(schedule, *key, mine) for key, mine in windows.items()}


@given(LOGS, HELD, st.integers(1, 5))
def test_each_window_has_the_version_of_its_start_however_late_its_trades_come(
    trades: list[Trade], schedule: Schedule, size: int
) -> None:
    fold, view, mark = WindowFold(BARS, schedule=schedule), {}, NEVER
    told = []
    for begin in range(0, len(trades), size):
        part = trades[begin : begin + size]
        fold.fold(TRADES, Slices.of([trade.wire() for trade in part]))
        mark = max(mark, part[-1].ingest)
        told += fold.emit(mark).results.wire().tolist()
        fold = WindowFold.restore(BARS, [fold.snapshot()], schedule=schedule)
    told += fold.close().results.wire().tolist()
    for value in told:
        found = read_bar(value)
        assert found.version >> 40 == holding(schedule, found.window_start)[1]
        view[found.interval, found.window_start] = value
    assert view == wanted(schedule, trades)


@given(LOGS, HELD, st.integers(1, 5))
def test_a_batch_gives_the_same_bytes_out_of_its_parts(trades: list[Trade], schedule: Schedule, size: int) -> None:
    whole = batch_fold(BARS, schedule=schedule)
    for begin in range(0, len(trades), size):
        part = batch_fold(BARS)
        part.fold(TRADES, Slices.of([trade.wire() for trade in trades[begin : begin + size]]))
        for windows in partial_windows(part):
            merge(whole, windows)
    values = [value for results in finished(whole) for value in results.wire().tolist()]
    view = {(found.interval, found.window_start): value for value in values if (found := read_bar(value))}
    assert view == wanted(schedule, trades)


@given(HELD)
def test_a_schedule_comes_back_from_its_text(schedule: Schedule) -> None:
    more = schedule.plus([Held("normalize", 1, offsets={("raw.a.b.v1", 3): 7}, rules='x = "y, z"\n')])
    assert Schedule.of_text(unpack(pack(more.text()))) == more
    assert more.last("normalize") == more.held[-1]
    assert more.last("bar") == [one for one in schedule.held if one.end == FOREVER][-1]


@given(CUTS)
def test_the_last_entry_that_holds_for_an_offset_counts(cuts: list[tuple[int, int]]) -> None:
    held = [Held("normalize", 1, offsets={(RAW, 2): offset}, rules=str(rules)) for offset, rules in cuts]
    found = Schedule((Held("normalize", 1, rules="base"), *held)).turns("normalize", RAW, 2)
    for offset in range(14):
        covering = ["base", *(str(rules) for first, rules in cuts if first <= offset)]
        assert [turn.rules for turn in found if turn.offset <= offset][-1] == covering[-1]
    elsewhere = Schedule(tuple(held)).turns("normalize", RAW, 3)
    assert elsewhere == [Turn(0, 1, str(cuts[-1][1]) if cuts else "")]


@example(cuts=[(3, 1)], first=3, length=3)
@example(cuts=[(5, 1)], first=3, length=3)
@example(cuts=[(6, 1)], first=3, length=3)
@given(CUTS, st.integers(0, 11), st.integers(1, 12))
def test_copies_of_a_part_of_the_log_are_judged_as_the_part_or_not_at_all(
    cuts: list[tuple[int, int]], first: int, length: int
) -> None:
    held = [Held("normalize", 1, offsets={(RAW, 2): offset}, rules=str(rules)) for offset, rules in cuts]
    schedule = Schedule((Held("normalize", 1, rules="base"), *held, Held("bar", 2, NOON)))
    turns = schedule.turns("normalize", RAW, 2)
    wanted = {[turn for turn in turns if turn.offset <= n][-1].rules for n in range(first, first + length)}
    if len(wanted) > 1:
        with pytest.raises(VersionError, match=r"raw\.sim\.trade\.v1/2: from offset \d+ on"):
            schedule.of_copies({(RAW, 2): (first, first + length)})
        return
    found = schedule.of_copies({(RAW, 2): (first, first + length)})
    copies = found.turns("normalize", RAW, 2)
    assert {[turn for turn in copies if turn.offset <= n][-1].rules for n in range(length)} == wanted
    assert found.turns("normalize", RAW, 3) == schedule.turns("normalize", RAW, 3)
    assert found.pieces("bar") == schedule.pieces("bar")


RULE = '["normalized.trade.v1".dear]\ntype="range"\naction="{}"\nfield="price"\nmost="{}"\n'


@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=30),
    st.lists(st.tuples(st.integers(0, 32), st.integers(1, 9), st.sampled_from(["fail", "flag"])), max_size=3),
    st.integers(1, 12),
)
def test_a_frame_is_judged_by_the_rules_of_its_offset(
    prices: list[int], cuts: list[tuple[int, int, str]], size: int
) -> None:
    held = [
        Held("normalize", 1, offsets={(RAW, 1): first}, rules=RULE.format(action, most)) for first, most, action in cuts
    ]
    normalizer = Normalizer(RAW, schedule=Schedule((Held("normalize", 1), *held)))
    raws = [
        Raw(f"sim:A:trade:{n}", "sim:A", "sim", "trade", NOON + n * SECOND, "venue", NOON + n * SECOND, "run", n + 1,
            binance_trade("A", n, NOON + n * SECOND, str(price), "1"))
        for n, price in enumerate(prices)
    ]  # fmt: skip
    rejected, flagged = [], []
    for begin in range(0, len(raws), size):
        part = raws[begin : begin + size]
        offsets = np.arange(begin, begin + len(part), dtype=np.int64)
        for first, last in normalizer.turns(1, offsets):
            out = normalizer.process(decode([envelope(raw) for raw in part[first:last]])[0])
            rejected += [letter.dead_letter_id for letter in out.dead_letters]
            flagged += [record.key for record in out.low_rate if record.topic == "quality.normalization.v1"]

    def broken(action: str) -> list[int]:
        found = []
        for n, price in enumerate(prices):
            mine = [(most, what) for first, most, what in cuts if first <= n][-1:]
            found += [n for most, what in mine if what == action and price > most]
        return found

    assert rejected == [f"sim:A:trade:{n}" for n in broken("fail")]
    assert len(flagged) == len(broken("flag"))
