"""Windows as rows of Arrow: partial ones that a batch shuffles by entity and day and merges, and finished ones.

Windows never span a UTC day, so partial windows of one (entity, day) may be merged anywhere. No order is needed: the
reducers know none, and a batch's records are unique.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from schemas.catalog import INTERVALS
from schemas.quality import Rule
from schemas.versions import Schedule
from udfs.kernels.slices import Bits, Longs, Slices
from udfs.rows.arrow import packed, texts
from udfs.values.times import DAY
from udfs.windows.definition import BUY, Definition, Limits, Reader, header
from udfs.windows.fold import NEVER, WindowFold
from udfs.windows.kernels import layout as at
from udfs.windows.kernels.results import NOTHING, Results
from udfs.windows.kernels.revised import count_revisions, fold_revised

#: Nothing is forgotten in a batch.
FOREVER = Limits(horizon=1 << 60, max_skew=0, dates=1)
#: Windows of a task before they are handed on, to keep within memory: 64 MB.
MOST = 250_000
_WORDS = pa.binary(8 * at.SAVED)
#: Columns of partial windows: ``first_id`` and ``last_id`` are the ids that are too long for words, else empty.
SCHEMA = pa.schema(
    [
        pa.field("entity_id", pa.string(), nullable=False),
        pa.field("day", pa.int64(), nullable=False),
        pa.field("words", pa.binary(), nullable=False),
        pa.field("first_id", pa.binary(), nullable=False),
        pa.field("last_id", pa.binary(), nullable=False),
    ]
)


def batch_fold(definition: Definition, rules: tuple[Rule, ...] = (), schedule: Schedule | None = None) -> WindowFold:
    """Return a fold that forgets nothing and takes every record for a new one."""
    return WindowFold(definition, rules, FOREVER, schedule, numbered=False)


def partial_windows(fold: WindowFold, rows: int = 32_768) -> Iterator[pa.RecordBatch]:
    """Yield all windows of a fold, ``rows`` at a time."""
    for words, names, ids in fold.windows(rows):
        content = pa.py_buffer(words.tobytes())
        fixed = pa.Array.from_buffers(_WORDS, len(words), [None, content])
        day = words[:, at.START] // DAY
        columns = [texts(names, pa.string()), pa.array(day, pa.int64()), fixed.cast(pa.binary())]
        columns += [texts(each, pa.binary()) for each in ids]
        yield pa.RecordBatch.from_arrays(columns, schema=SCHEMA)


def as_revised(verdicts: Bits, numbers: Longs) -> Reader:
    """Return the reader of trades whose revisions are all known; see `udfs.windows.kernels.revised`."""
    head = header("trade")
    return lambda s, values, first: fold_revised(s, *values.parts, first, head, BUY, verdicts, numbers)


def as_events(kind: str) -> Reader:
    """Return the reader of cancels or corrections that only counts them."""
    head = header(kind)
    return lambda s, values, first: count_revisions(s, *values.parts, first, head)


def merge(fold: WindowFold, batch: pa.RecordBatch) -> None:
    """Merge partial windows into a fold of the same definition."""
    if not batch.num_rows:
        return
    packed = Slices.of_arrow(batch.column("words"))
    begin, size = int(packed.start[0]), 8 * at.SAVED
    content = packed.data[begin : begin + batch.num_rows * size].tobytes()
    words = np.frombuffer(bytearray(content), dtype="<i8").reshape(-1, at.SAVED)
    ids = [Slices.of_arrow(batch.column(name)) for name in ("first_id", "last_id")]
    fold.merge(Slices.of_arrow(batch.column("entity_id")), words, ids)


def finished(fold: WindowFold, rows: int = 32_768) -> Iterator[Results]:
    """Yield all windows of a fold as results, about ``rows`` at a time.

    Raises:
        QualityStop: one breaks a rule.
    """
    published = fold.close(budget=rows)
    yield published.results
    while published.waiting:
        published = fold.emit(NEVER, budget=rows)
        yield published.results


def results_batch(definition: Definition, results: Results, schema: pa.Schema) -> pa.RecordBatch:
    """Return results as columns of their contract, and ``value``, the wire bytes; ``schema`` has their types."""
    columns = {name: _column(results, field.word, field.words) for name, field in definition.columns.items()}
    columns["entity_id"] = texts(results.entity_ids(), pa.string())
    for name, word in definition.text_columns.items():
        found = Slices(results.values, results.facts[:, word].copy(), results.facts[:, word + 1].copy())
        columns[name] = texts(found, pa.string())
    if "interval" in schema.names:
        columns["interval"] = pa.array(_intervals(definition, results), pa.string())
    for name, word in definition.missing_times.items():
        found_times = results.facts[:, word]
        columns[name] = pa.array(found_times, pa.int64(), mask=found_times == NOTHING)
    columns["value"] = packed(results.wire(), pa.binary())
    arrays = [_typed(columns[field.name], field.type) for field in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _intervals(definition: Definition, results: Results) -> Any:
    names = {length: name for name, length in INTERVALS.items()}
    by_level = np.array([names[length] for length in definition.lengths], dtype=object)
    return by_level[results.facts[:, definition.level]]


def _column(results: Results, word: int, words: int) -> Any:
    if words == 1:
        return results.facts[:, word].copy()
    return np.ascontiguousarray(results.facts[:, word : word + 2])


def _typed(column: Any, kind: pa.DataType) -> pa.Array:
    if pa.types.is_decimal(kind):  # 128 bits, low word first, as they are
        return pa.Array.from_buffers(kind, len(column), [None, pa.py_buffer(column)])
    return pa.array(column, kind) if isinstance(column, np.ndarray) else column
