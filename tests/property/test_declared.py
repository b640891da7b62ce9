"""Declared results against plain Python: in any history of a stream, and in parts of a batch.

The declarations are users' ones: volume per minute, the last bid, the largest spread. They go through the same life as
bars (``test_window_fold.py``): cuts, copies, ticks, packed entities, saved deltas and slices, crashes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from property.test_window_fold import SILENCES, STEPS, Run, live, logs
from property.test_window_parts import in_parts
from property.window_oracle import HORIZON, SECOND, SKEW, Key, Plain, Quote, Trade

from schemas.catalog import INTERVALS
from udfs.kernels.slices import Slices
from udfs.values.decimals import plain
from udfs.values.times import DAY
from udfs.windows.declared import Declaration, DeclarationError, Reduce, define
from udfs.windows.definition import Definition, Limits
from udfs.windows.fold import WindowFold
from udfs.windows.partial import batch_fold, finished, results_batch
from udfs.wire.avro import write_decimal, write_long, write_text

MINUTE, HOUR = 60 * SECOND, 3_600 * SECOND
DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 38, "scale": 12}
TIME = {"type": "long", "logicalType": "timestamp-micros"}


def schema(**fields: Any) -> dict[str, Any]:
    return {"type": "record", "name": "r", "fields": [{"name": name, "type": kind} for name, kind in fields.items()]}


FLOW = Declaration(
    "flow",
    "trade",
    (MINUTE, HOUR),
    (
        Reduce("volume", "sum", "size"),
        Reduce("bought", "sum", "buy_size"),
        Reduce("notional", "sum", "notional"),
        Reduce("trades", "count"),
        Reduce("high", "max", "price"),
        Reduce("smallest", "min", "notional"),
        Reduce("first_id", "first", "venue_trade_id"),
        Reduce("close", "last", "price"),
        Reduce("last_id", "last", "venue_trade_id"),
    ),
    schema(
        volume=DECIMAL,
        entity_id="string",
        interval="string",
        first_id="string",
        window_start=TIME,
        high=DECIMAL,
        smallest="string",
        notional="string",
        close=DECIMAL,
        last_id="string",
        trades="long",
        bought=DECIMAL,
        version="long",
    ),
    1_001,
)
BOOK = Declaration(
    "book",
    "quote",
    (SECOND, MINUTE),
    (
        Reduce("max_spread", "max", "spread"),
        Reduce("min_spread", "min", "spread"),
        Reduce("spreads", "sum", "spread"),
        Reduce("last_bid", "last", "bid_price"),
        Reduce("last_size", "last", "ask_size"),
        Reduce("first_ask", "first", "ask_price"),
    ),
    schema(
        entity_id="string",
        interval="string",
        window_start=TIME,
        window_end=TIME,
        version="long",
        max_spread=DECIMAL,
        min_spread=DECIMAL,
        spreads=DECIMAL,
        last_bid=DECIMAL,
        last_size=DECIMAL,
        first_ask=DECIMAL,
    ),
    1_002,
)
DEFINED = {"trade": define(FLOW), "quote": define(BOOK)}
NAMES = {"trade": ("1m", "1h"), "quote": ("1s", "1m")}


def number(value: int) -> bytes:
    return write_decimal(value, 38)


def flow(key: Key, trades: Sequence[Trade]) -> bytes:
    entity, interval, start = key
    first, last = min(trades, key=lambda each: each.order), max(trades, key=lambda each: each.order)
    products = [each.price * each.size for each in trades]
    parts = [
        number(sum(each.size for each in trades)),
        write_text(entity),
        write_text(interval),
        write_text(first.trade_id),
        write_long(start),
        number(max(each.price for each in trades)),
        write_text(plain(min(products), 24)),
        write_text(plain(sum(products), 24)),
        number(last.price),
        write_text(last.trade_id),
        write_long(len(trades)),
        number(sum(each.size for each in trades if each.side == "buy")),
        write_long(len(trades)),
    ]
    return b"\0\0\0\x03\xe9" + b"".join(parts)


def book(key: Key, quotes: Sequence[Quote]) -> bytes:
    entity, interval, start = key
    first, last = min(quotes, key=lambda each: each.order), max(quotes, key=lambda each: each.order)
    spreads = [each.values[2] - each.values[0] for each in quotes]
    numbers = max(spreads), min(spreads), sum(spreads), last.values[0], last.values[3], first.values[2]
    head = [write_text(entity), write_text(interval), write_long(start), write_long(start + INTERVALS[interval])]
    return b"\0\0\0\x03\xea" + b"".join([*head, write_long(len(quotes)), *map(number, numbers)])


FINISH: dict[str, Callable[..., bytes]] = {"trade": flow, "quote": book}


@pytest.mark.parametrize("kind", ["trade", "quote"])
def test_declared_results_of_any_history(kind: str) -> None:
    @given(logs(kind, amended=True), STEPS, SILENCES)
    @settings(max_examples=60)
    def lives(log: list[Any], steps: list[tuple[str, int, str]], silent: int) -> None:
        limits = Limits(HORIZON, SKEW, 2, silent)
        fold = WindowFold(DEFINED[kind], (), limits)
        live(Run(DEFINED[kind], Plain(FINISH[kind], NAMES[kind]), limits, fold), log, steps)

    lives()


@pytest.mark.parametrize("kind", ["trade", "quote"])
def test_declared_results_of_parts_are_those_of_the_whole(kind: str) -> None:
    @given(logs(kind), st.integers(1, 4), st.randoms(use_true_random=False))
    @settings(max_examples=40)
    def merged(log: list[Any], tasks: int, random: Random) -> None:
        plainly = Plain(FINISH[kind], NAMES[kind])
        for record in log:
            plainly.add(record)
        wanted = sorted(plainly.version(key, len(records)) for key, records in plainly.windows.items())
        assert sorted(in_parts(DEFINED[kind], log, tasks, random)) == wanted

    merged()


def test_columns_are_what_the_bytes_say() -> None:
    fold = batch_fold(DEFINED["trade"])
    log = [Trade("v:A", k * SECOND, k * SECOND, k, "id" * k, 10**20 + k, 10**12, "buy") for k in range(1, 99)]
    fold.fold("normalized.trade.v1", Slices.of([each.wire() for each in log]))
    decimals = pa.decimal128(38, 12)
    types = {"string": pa.string(), "long": pa.int64()}
    found = [
        pa.field(
            each["name"], types.get(each["type"] if isinstance(each["type"], str) else each["type"]["type"], decimals)
        )
        for each in FLOW.schema["fields"]
    ]
    table = pa.schema([*found, pa.field("value", pa.binary())])
    rows = [row for results in finished(fold) for row in results_batch(DEFINED["trade"], results, table).to_pylist()]
    assert [(row["interval"], row["trades"]) for row in sorted(rows, key=lambda row: row["trades"])] == [
        ("1m", 39),
        ("1m", 59),
        ("1h", 98),
    ]
    for row in rows:
        record = DEFINED["trade"].record(row.pop("value"))
        for name, value in row.items():
            assert getattr(record, name) == (int(value.scaleb(12)) if hasattr(value, "scaleb") else value), name


def test_a_sum_that_does_not_fit_its_contract_is_never_a_number() -> None:
    narrow = {**DECIMAL, "precision": 14}
    definition = _declared((Reduce("volume", "sum", "size"),), volume=narrow)
    fold = batch_fold(definition)
    log = [Trade("v:A", k, k, k, "", 1, 5 * 10**13, "buy") for k in (1, 2)]
    fold.fold("normalized.trade.v1", Slices.of([log[0].wire()]))
    assert len(fold.close().results) == 1
    fold.fold("normalized.trade.v1", Slices.of([log[1].wire()]))
    with pytest.raises(ValueError, match="a window of v:A does not fit its contract"):
        fold.close()


def _declared(
    reducers: tuple[Reduce, ...], kind: str = "trade", lengths: tuple[int, ...] = (MINUTE,), **fields: Any
) -> Definition:
    return define(Declaration("x", kind, lengths, reducers, schema(entity_id="string", **fields), 7))


VOLUME = (Reduce("volume", "sum", "size"),)


@pytest.mark.parametrize(
    ("reducers", "kind", "lengths", "fields", "reason"),
    [
        (VOLUME, "order", (MINUTE,), {"volume": DECIMAL}, "nothing is declared over 'order'"),
        (VOLUME, "quote", (MINUTE,), {"volume": DECIMAL}, "no reducer 'sum' over 'size' of a quote"),
        ((Reduce("x", "mean", "size"),), "trade", (MINUTE,), {"x": DECIMAL}, "no reducer 'mean'"),
        ((Reduce("x", "sum", "venue_trade_id"),), "trade", (MINUTE,), {"x": "string"}, "a text has no sum"),
        (VOLUME, "trade", (MINUTE, 90 * SECOND), {"volume": DECIMAL}, "do not divide"),
        (VOLUME, "trade", (7 * SECOND,), {"volume": DECIMAL}, "do not divide"),
        (VOLUME, "trade", (DAY, DAY), {"volume": DECIMAL}, "equal"),
        (VOLUME, "trade", (), {"volume": DECIMAL}, "0 lengths"),
        (VOLUME, "trade", (MINUTE,), {"volume": "long"}, "is a long in the contract, and computed as decimal"),
        (VOLUME, "trade", (MINUTE,), {"volume": {**DECIMAL, "scale": 2}}, "decimals have 12 places"),
        (VOLUME, "trade", (MINUTE,), {}, "the contract has no field volume"),
        (VOLUME, "trade", (MINUTE,), {"volume": DECIMAL, "y": "long"}, "field 'y' is not declared"),
        (VOLUME * 2, "trade", (MINUTE,), {"volume": DECIMAL}, "declared twice"),
        (
            tuple(Reduce(f"x{k}", "max", "notional") for k in range(9)),
            "trade",
            (MINUTE,),
            {f"x{k}": "string" for k in range(9)},
            "more than the 26 words",
        ),
        (VOLUME, "trade", (2 * SECOND,), {"volume": DECIMAL, "interval": "string"}, "have no name"),
    ],
)
def test_what_cannot_be_computed_is_refused(
    reducers: tuple[Reduce, ...], kind: str, lengths: tuple[int, ...], fields: dict[str, Any], reason: str
) -> None:
    with pytest.raises(DeclarationError, match=reason):
        _declared(reducers, kind, lengths, **fields)
