"""The normalizer as an Arrow function: what Spark's Python workers run.

Nothing is computed here: rows go in, the records of the stream's own fold come out. `window_workers` makes bars.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from batch.ranges import Span
from batch.replaying.bronze_files import read
from batch.replaying.files import (
    COUNTS,
    LOW_RATE,
    LOW_RATE_SCHEMA,
    REJECTED,
    REJECTED_SCHEMA,
    WRITTEN,
    ArrowFunction,
    Batches,
    Copies,
    Folded,
    Kind,
    Spool,
    arrow_schema,
    counted,
    normalized_schema,
    task_name,
)
from batch.replaying.shards import Task
from batch.replaying.steps import ShardKey
from batch.spark.bronze import ENVELOPE
from batch.spark.columns import VALUE
from schemas.catalog import OFFSET
from schemas.quality import Quality
from schemas.versions import Schedule
from udfs.gate.resubmitted import Verdicts
from udfs.normalize.normalizer import Normalizer
from udfs.rows.arrow import to_arrow
from udfs.wire.envelope import Envelopes
from udfs.wire.low_rate import LowRateRecord

_NONE = Schedule()
Shards = Iterable[tuple[ShardKey, pa.RecordBatch]]


def fold(
    kind: Folded, out: Path, span: Span, quality: Quality, copies: Copies, schedule: Schedule = _NONE
) -> ArrowFunction:
    """Return the function that folds shards: tasks (`shards.tasks`) in, Parquet files under `out` and counters out.

    Only records of `span` are written, but all rows shape the state, which is carried within a shard. Memory is some
    batches and the states of a task's shards. The worker writes the files itself: handing wide rows back to the JVM, to
    be written there value by value, costs more than all the rest. ``copies`` are the redriven records, whose originals
    keep the verdicts that the stream gave; ``schedule`` says which versions and rules hold for which offsets.
    """

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        for task in (pickle.loads(one) for batch in batches for one in batch.column("task").to_pylist()):  # noqa: S301
            yield counted(fold_shards(kind, out, span, quality, copies, _read(task), schedule))

    return run


def _read(task: Task) -> Iterator[tuple[ShardKey, pa.RecordBatch]]:
    for step in task.steps:
        yield from read(step, task.wanted, (*ENVELOPE, OFFSET))


def fold_shards(
    kind: Folded, out: Path, span: Span, quality: Quality, copies: Copies, shards: Shards, schedule: Schedule = _NONE
) -> dict[str, int]:
    """Fold envelopes of shards, each shard's in order of its log, into files; return the counters."""
    written: Kind = "quote" if kind == "quote" else "trade"
    schemas = {
        kind: arrow_schema(normalized_schema(written)),
        REJECTED: arrow_schema(REJECTED_SCHEMA),
        LOW_RATE: arrow_schema(LOW_RATE_SCHEMA),
    }
    kept = [name for name in schemas[kind].names if name != VALUE]

    name = task_name(kind)
    counts = dict.fromkeys((*COUNTS, WRITTEN), 0)
    normalizers: dict[ShardKey, Normalizer] = {}
    with ExitStack() as files:
        records = files.enter_context(Spool(out / kind / f"{name}.parquet", schemas[kind]))
        rejected = files.enter_context(Spool(out / REJECTED / f"{name}.parquet", schemas[REJECTED]))
        low_rate = files.enter_context(Spool(out / LOW_RATE / f"{name}.parquet", schemas[LOW_RATE]))
        for key, part in shards:
            if key not in normalizers:
                normalizers[key] = Normalizer(key[0], quality, Verdicts(copies.get(key[0], ())), schedule)
            offsets = part.column(OFFSET).to_numpy(zero_copy_only=False)
            for begin, end in normalizers[key].turns(key[1], offsets):
                done = normalizers[key].process(Envelopes.from_arrow(part.slice(begin, end - begin)))
                rows = done.trades if written == "trade" else done.quotes
                accepted = _within(to_arrow(rows, kept), span)
                records.add(_widen(accepted, schemas[kind]))
                dead_letters = pa.array([letter.encode() for letter in done.dead_letters], pa.binary())
                rejected.add(pa.RecordBatch.from_arrays([dead_letters], schema=schemas[REJECTED]))
                low_rate.add(_low_rate(done.low_rate, schemas[LOW_RATE]))
                for what, count in (
                    ("envelopes", end - begin),
                    ("frames", done.frames),
                    ("duplicates", done.duplicates),
                    ("dead_letters", len(done.dead_letters)),
                    ("not_normalized", done.not_normalized),
                    (WRITTEN, accepted.num_rows),
                ):
                    counts[what] += count
    return counts


def _low_rate(found: list[LowRateRecord], schema: pa.Schema) -> pa.RecordBatch:
    topics, values = [record.topic for record in found], [record.value for record in found]
    return pa.RecordBatch.from_arrays([pa.array(topics, pa.string()), pa.array(values, pa.binary())], schema=schema)


def _within(batch: pa.RecordBatch, span: Span) -> pa.RecordBatch:
    times = batch.column("event_time").cast(pa.int64())
    if span.start is not None:
        keep = pc.greater_equal(times, span.start)
        batch, times = batch.filter(keep), times.filter(keep)
    if span.end is not None:
        batch = batch.filter(pc.less(times, span.end))
    return batch


def _widen(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Bring a kernel's batch into the declared order and types; casts are checked, so nothing is rounded or cut."""
    return pa.RecordBatch.from_arrays([batch.column(field.name).cast(field.type) for field in schema], schema=schema)
