"""The normalizer as an Arrow function: what Spark's Python workers run.

Nothing is computed here: rows go in, the records of the stream's own fold come out. `window_workers` makes bars.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from batch.ranges import Span
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
from batch.spark.columns import VALUE
from schemas.quality import Quality
from udfs.gate.resubmitted import Verdicts
from udfs.normalize.normalizer import Normalizer
from udfs.rows.arrow import to_arrow
from udfs.wire.envelope import Envelopes
from udfs.wire.low_rate import LowRateRecord


def fold(kind: Folded, out: Path, span: Span, quality: Quality, copies: Copies) -> ArrowFunction:
    """Return the function that folds sorted shards: batches in, Parquet files under `out` and counters out.

    Only records of `span` are written, but all rows shape the state, which is carried within a shard. Memory is some
    batches and the state of one shard. Rows must come sorted by (topic, partition, offset). The worker writes the
    files itself: handing wide rows back to the JVM, to be written there value by value, costs more than all the rest.
    ``copies`` are the redriven records, whose originals keep the verdicts that the stream gave.
    """
    written: Kind = "quote" if kind == "quote" else "trade"
    schemas = {
        kind: arrow_schema(normalized_schema(written)),
        REJECTED: arrow_schema(REJECTED_SCHEMA),
        LOW_RATE: arrow_schema(LOW_RATE_SCHEMA),
    }
    kept = [name for name in schemas[kind].names if name != VALUE]

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        name = task_name(kind)
        counts = dict.fromkeys((*COUNTS, WRITTEN), 0)
        shard: tuple[str, int] | None = None
        normalizer: Normalizer | None = None
        with ExitStack() as files:
            records = files.enter_context(Spool(out / kind / f"{name}.parquet", schemas[kind]))
            rejected = files.enter_context(Spool(out / REJECTED / f"{name}.parquet", schemas[REJECTED]))
            low_rate = files.enter_context(Spool(out / LOW_RATE / f"{name}.parquet", schemas[LOW_RATE]))
            for batch in batches:
                for key, part in _by_shard(batch):
                    if key != shard or normalizer is None:
                        verdicts = Verdicts(copies.get(key[0], ()))
                        shard, normalizer = key, Normalizer(key[0], quality, verdicts)
                    done = normalizer.process(Envelopes.from_arrow(part))
                    rows = done.trades if written == "trade" else done.quotes
                    accepted = _within(to_arrow(rows, kept), span)
                    records.add(_widen(accepted, schemas[kind]))
                    dead_letters = [letter.encode() for letter in done.dead_letters]
                    rejected.add(
                        pa.RecordBatch.from_arrays([pa.array(dead_letters, pa.binary())], schema=schemas[REJECTED])
                    )
                    low_rate.add(_low_rate(done.low_rate, schemas[LOW_RATE]))
                    for what, count in (
                        ("envelopes", part.num_rows),
                        ("frames", done.frames),
                        ("duplicates", done.duplicates),
                        ("dead_letters", len(done.dead_letters)),
                        ("not_normalized", done.not_normalized),
                        (WRITTEN, accepted.num_rows),
                    ):
                        counts[what] += count
        yield counted(counts)

    return run


def _low_rate(found: list[LowRateRecord], schema: pa.Schema) -> pa.RecordBatch:
    topics, values = [record.topic for record in found], [record.value for record in found]
    return pa.RecordBatch.from_arrays([pa.array(topics, pa.string()), pa.array(values, pa.binary())], schema=schema)


def _by_shard(batch: pa.RecordBatch) -> Iterator[tuple[tuple[str, int], pa.RecordBatch]]:
    """Cut a sorted batch where the shard changes; usually it is one slice."""
    if batch.num_rows == 0:
        return
    topics, parts = batch.column("topic"), batch.column("kafka_partition")
    last = batch.num_rows - 1
    first_key = (topics[0].as_py(), parts[0].as_py())
    if first_key == (topics[last].as_py(), parts[last].as_py()):
        yield first_key, batch
        return
    keys = zip(topics.to_pylist(), parts.to_pylist(), strict=True)
    start = 0
    for key, run in groupby(keys):
        length = sum(1 for _ in run)
        yield key, batch.slice(start, length)
        start += length


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
