"""The window fold as Arrow functions: what Spark's Python workers run to make bars.

    trade, quote (Parquet) ──► windows of a task ──(by entity and day)──► merged windows ──► bar, quote_bar (Parquet)

It is the fold of the stream (``udfs/windows``). Here it forgets nothing and needs no order: only windows are sorted,
never records.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import BinaryType, LongType, StringType, StructField, StructType

from batch.ranges import Span
from batch.replaying.files import LOW_RATE, WRITTEN, ArrowFunction, Bar, Batches, Spool, bar_schema, counted, task_name
from batch.replaying.revisions import Resolved, verdicts
from batch.spark.columns import VALUE
from schemas import catalog
from schemas.catalog import REVISIONS
from schemas.quality import Quality
from schemas.versions import Schedule
from udfs.kernels.slices import Slices
from udfs.windows.definition import DEFINITIONS, Definition, Reader
from udfs.windows.fold import WindowFold
from udfs.windows.kernels import layout as at
from udfs.windows.partial import (
    MOST,
    as_events,
    as_revised,
    batch_fold,
    finished,
    merge,
    partial_windows,
    results_batch,
)

#: What `fold_files` takes.
PATHS_SCHEMA = StructType([StructField("path", StringType())])
#: What it gives; `udfs.windows.partial.SCHEMA` says what the columns mean.
WINDOWS_SCHEMA = StructType(
    [
        StructField("entity_id", StringType()),
        StructField("day", LongType()),
        StructField("words", BinaryType()),
        StructField("first_id", BinaryType()),
        StructField("last_id", BinaryType()),
    ]
)
#: Windows never span a UTC day, so all parts of one meet in the task that has its entity's day.
MEET = ("entity_id", "day")
_TRADE = ("entity_id", "venue_trade_id", "event_time")


def _definition(bar: Bar) -> Definition:
    """Return how a kind of bar is defined; a worker asks for it, because Spark would send a copy with the function."""
    return DEFINITIONS[bar]


def fold_files(bar: Bar, resolved: Resolved) -> ArrowFunction:
    """Return the function that folds files of a replay's records into windows: paths in, windows out.

    The worker reads the files itself, as it wrote them: handing rows over through the JVM costs more than the fold.

    Args:
        bar: what the windows become. Those of bars take low-rate records, too: cancels and corrections are events.
        resolved: what became of the revised trades.
    """

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        definition = _definition(bar)
        fold = batch_fold(definition)
        for path in (Path(text) for batch in batches for text in batch.column("path").to_pylist()):
            found = _revisions(path) if path.parent.name == LOW_RATE else _records(path, definition, resolved)
            for reader, values in found:
                fold.read(reader, values)
                if fold.count(at.ROWS) > MOST:
                    yield from partial_windows(fold)
                    fold = batch_fold(definition)
        yield from partial_windows(fold)

    return run


def _records(path: Path, definition: Definition, resolved: Resolved) -> Iterator[tuple[Reader, Slices]]:
    """Yield a file's trades or quotes, and how they are read."""
    plain = definition.readers[catalog.topic(definition.kind)]
    for part in pq.ParquetFile(path).iter_batches(columns=[VALUE, *(_TRADE if resolved else ())]):
        reader = as_revised(*verdicts(part, resolved)) if resolved else plain
        yield reader, Slices.of_arrow(part.column(VALUE))


def _revisions(path: Path) -> Iterator[tuple[Reader, Slices]]:
    """Yield the cancels and the corrections among a file's low-rate records, and how they are read."""
    for part in pq.ParquetFile(path).iter_batches():
        for kind in REVISIONS:
            those = part.filter(pc.equal(part.column("topic"), catalog.topic(kind)))
            yield as_events(kind), Slices.of_arrow(those.column(VALUE))


def merge_windows(bar: Bar, out: Path, span: Span, quality: Quality, schedule: Schedule | None = None) -> ArrowFunction:
    """Return the function that merges windows and writes bars: windows in, Parquet files under ``out`` and counts out.

    Windows must come sorted by ``MEET``; memory is some hundred thousand of them. Only those that lie in ``span`` as a
    whole are written, each by the version that holds for it.
    """
    schema = to_arrow_schema(bar_schema(bar))

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        definition, rules = _definition(bar), quality.of(catalog.topic(bar))
        fold, written = batch_fold(definition, rules, schedule), 0
        with Spool(out / bar / f"{task_name(bar)}.parquet", schema) as bars:

            def write(fold: WindowFold) -> int:
                count = 0
                for results in finished(fold):
                    batch = _whole(results_batch(definition, results, schema), span)
                    bars.add(batch)
                    count += batch.num_rows
                return count

            last = None
            for batch in batches:
                rest = batch
                if fold.count(at.ROWS) > MOST:
                    cut = _others(batch, last)
                    merge(fold, batch.slice(0, cut))
                    rest = batch.slice(cut)
                    if rest.num_rows:
                        written += write(fold)
                        fold = batch_fold(definition, rules, schedule)
                merge(fold, rest)
                last = _day(batch, batch.num_rows - 1) if batch.num_rows else last
            written += write(fold)
        yield counted({WRITTEN: written})

    return run


def _day(batch: pa.RecordBatch, row: int) -> tuple[str, int]:
    entity, day = (batch.column(name)[row].as_py() for name in MEET)
    return entity, day


def _others(batch: pa.RecordBatch, key: tuple[str, int] | None) -> int:
    """Return how many of a sorted batch's first rows are of an entity's day."""
    return next((row for row in range(batch.num_rows) if _day(batch, row) != key), batch.num_rows)


def _whole(batch: pa.RecordBatch, span: Span) -> pa.RecordBatch:
    """Return the bars whose whole window lies in a span: one that the span cuts was made from a part of its events."""
    if span.start is not None:
        batch = batch.filter(pc.greater_equal(batch.column("window_start"), span.start))
    if span.end is not None:
        batch = batch.filter(pc.less_equal(batch.column("window_end"), span.end))
    return batch
