"""Windows of a batch: folded in parts, in any order, shuffled and merged, they are what one list of records says."""

from __future__ import annotations

from collections import Counter
from random import Random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from property.test_window_fold import logs
from property.window_oracle import DAY, Plain, Quote, Revision, Trade, bar, quote_bar
from pyspark.sql.pandas.types import to_arrow_schema
from support.finishing import encode

from batch.replaying.files import bar_schema
from schemas.catalog import INTERVALS
from udfs.kernels.slices import Slices
from udfs.windows.bar_objects import read_bar, read_quote_bar
from udfs.windows.definition import BARS, QUOTE_BARS, Definition
from udfs.windows.kernels.revised import CANCELLED, CORRECTED, STANDS
from udfs.windows.partial import as_events, as_revised, batch_fold, finished, merge, partial_windows, results_batch


def in_parts(definition: Definition, log: list[Trade] | list[Quote], tasks: int, random: Random) -> list[bytes]:
    """Fold a log as Spark does: tasks in any order, windows shuffled by entity and day, merged in any order."""
    topic = next(iter(definition.readers))
    mixed = random.sample(log, len(log))
    parts: list[pa.RecordBatch] = []
    for k in range(tasks):
        fold = batch_fold(definition)
        for record in mixed[k::tasks]:
            fold.fold(topic, Slices.of([record.wire()]))
        parts += partial_windows(fold, rows=random.choice([1, 3, 100]))
    random.shuffle(parts)
    values = []
    for reducer in range(2):
        fold = batch_fold(definition)
        for part in parts:
            chosen = [(sum(row["entity_id"].encode()) + row["day"]) % 2 == reducer for row in part.to_pylist()]
            merge(fold, part.filter(pa.array(chosen)))
        for results in finished(fold, rows=random.choice([1, 5, 1_000])):
            values += results.wire().tolist()
    return values


@given(logs("trade", amended=True), st.integers(1, 4), st.randoms(use_true_random=False))
@settings(max_examples=50)
def test_bars_of_parts_are_bars_of_the_whole(log: list[Trade], tasks: int, random: Random) -> None:
    windows: dict[tuple[str, str, int], list[Trade]] = {}
    for record in log:
        for interval, length in INTERVALS.items():
            windows.setdefault((record.entity, interval, record.time // length * length), []).append(record)
    assert sorted(in_parts(BARS, log, tasks, random)) == sorted(bar(key, records) for key, records in windows.items())


@given(logs("quote"), st.integers(1, 4), st.randoms(use_true_random=False))
@settings(max_examples=50)
def test_quote_bars_of_parts_are_quote_bars_of_the_whole(log: list[Quote], tasks: int, random: Random) -> None:
    plain = Plain(quote_bar, ("1s",))
    for record in log:
        plain.add(record)
    wanted = sorted(plain.version(key, len(records)) for key, records in plain.windows.items())
    assert sorted(in_parts(QUOTE_BARS, log, tasks, random)) == wanted


@given(logs("trade"), st.randoms(use_true_random=False))
@settings(max_examples=50)
def test_bars_of_revised_trades_count_everything_and_have_what_is_left(log: list[Trade], random: Random) -> None:
    chosen = [random.choice([STANDS, STANDS, CANCELLED, CORRECTED]) for _ in log]
    cancels = [Revision(trade.entity, trade.time, trade.ingest, trade.seq) for trade in log[::3]]
    left, events = {}, Counter()
    for record, verdict in [*zip(log, chosen, strict=True), *((cancel, CANCELLED) for cancel in cancels)]:
        for interval, length in INTERVALS.items():
            key = record.entity, interval, record.time // length * length
            events[key] += 1
            kept = left.setdefault(key, [])
            if verdict != CANCELLED:
                kept.append(record._replace(price=7, size=9) if verdict == CORRECTED else record)
    fold = batch_fold(BARS)
    numbers = np.tile(np.array([7, 0, 9, 0], dtype=np.int64), len(log))
    fold.read(as_revised(np.array(chosen, dtype=np.int8), numbers), Slices.of([trade.wire() for trade in log]))
    fold.read(as_events("trade_cancel"), Slices.of([cancel.wire() for cancel in cancels]))
    again = batch_fold(BARS)
    for part in partial_windows(fold, rows=3):
        merge(again, part)
    found = [value for results in finished(again) for value in results.wire().tolist()]
    assert sorted(found) == sorted(bar(key, trades, events[key]) for key, trades in left.items())


@pytest.mark.parametrize("kind", ["bar", "quote_bar"])
def test_columns_are_those_of_the_contract(kind: str) -> None:
    definition = BARS if kind == "bar" else QUOTE_BARS
    start = 19_000 * DAY
    fold = batch_fold(definition)
    for n in range(1, 200):
        time = start + n * 700_000
        record = (
            Trade("v:A", time, time, n, f"{n}" * 9, 10**20 + n, 10**20, "buy")
            if kind == "bar"
            else Quote("v:A", time, time, n, (10**20, n, 10**19, 3 * n))
        )
        fold.fold(next(iter(definition.readers)), Slices.of([record.wire()]))
    schema = to_arrow_schema(bar_schema(kind))  # type: ignore[arg-type]
    for results in finished(fold, rows=50):
        for row in results_batch(definition, results, schema).to_pylist():
            record = read_bar(row["value"]) if kind == "bar" else read_quote_bar(row["value"])
            assert encode(record) == row.pop("value")
            for name, value in row.items():
                scale = 10 ** (13 if name == "mid" else 12)
                assert getattr(record, name) == (int(value * scale) if hasattr(value, "scaleb") else value), name
