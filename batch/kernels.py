"""The kernels of ``udfs/`` as Arrow functions: what Spark's Python workers run to normalize.

Nothing is computed here: rows go in, the records of the stream's own fold come out. ``batch/windows.py`` makes bars.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path
from typing import Any, Literal, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark import TaskContext
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import (
    BinaryType,
    DataType,
    DecimalType,
    IntegerType,
    LongType,
    StringType,
    StructField,
    StructType,
)

from batch.ranges import Span
from schemas.contracts import contract
from schemas.quality import Quality
from udfs.envelope import Envelopes
from udfs.normalize import Normalizer
from udfs.resubmitted import Verdicts
from udfs.side import SideRecord

Kind = Literal["trade", "quote"]
#: Raw topics are folded by what they become; revisions of trades are rare, so all that comes of them is side records.
Folded = Literal["trade", "quote", "revision"]
Bar = Literal["bar", "quote_bar"]
Batches = Iterable[pa.RecordBatch]
#: Topic → (event id, source id) of its redriven records.
Copies = Mapping[str, Sequence[tuple[str, str]]]
ArrowFunction = Callable[[Batches], Iterator[pa.RecordBatch]]

#: Wire bytes of a record.
VALUE = "value"
#: Where rejected records are kept, beside the kinds, and those of low-rate topics.
REJECTED = "rejected"
SIDE = "side"

#: Columns of records that are kept beside their wire bytes: for publishing in order, and for revisions of trades.
KEPT = ("entity_id", "event_time", "ingest_date", "entity_seq", "venue_trade_id")
#: Texts of few values.
REPEATED = ("entity_id", "ingest_date", "interval")


def spark_type(avro: Any) -> DataType:
    """Return the column type of an Avro field: times stay µs in a BIGINT, dates days in an INT, decimals exact."""
    if isinstance(avro, dict) and avro.get("logicalType") == "decimal":
        return DecimalType(avro["precision"], avro["scale"])
    base = avro["type"] if isinstance(avro, dict) else avro
    kinds: dict[str, DataType] = {
        "string": StringType(),
        "long": LongType(),
        "int": IntegerType(),
        "bytes": BinaryType(),
    }
    return kinds[base]


def columns(name: str) -> list[StructField]:
    """Return a contract's columns."""
    return [StructField(f["name"], spark_type(f["type"])) for f in contract(name).schema["fields"]]


def normalized_schema(kind: Kind) -> StructType:
    """Return what `fold` writes: a few of the contract's columns, and the wire bytes, which hold them all."""
    return StructType([*(field for field in columns(kind) if field.name in KEPT), StructField(VALUE, BinaryType())])


#: Dead letters, as their wire bytes.
REJECTED_SCHEMA = StructType([StructField(VALUE, BinaryType())])
#: Records of low-rate topics: which, and their wire bytes.
SIDE_SCHEMA = StructType([StructField("topic", StringType()), StructField(VALUE, BinaryType())])
#: What a task says: counters by name.
COUNTS_SCHEMA = StructType([StructField("name", StringType()), StructField("count", LongType())])


def bar_schema(bar: Bar) -> StructType:
    return StructType([*columns(bar), StructField(VALUE, BinaryType())])


def _arrow(schema: StructType) -> pa.Schema:
    return to_arrow_schema(schema)


#: What a fold counts: the first is the sum of the next four; the last is how many records came out.
COUNTS = ("envelopes", "frames", "duplicates", "dead_letters", "not_normalized")
WRITTEN = "written"


def fold(kind: Folded, out: Path, span: Span, quality: Quality, copies: Copies) -> ArrowFunction:
    """Return the function that folds sorted shards: batches in, Parquet files under `out` and counters out.

    Only records of `span` are written, but all rows shape the state, which is carried within a shard. Memory is some
    batches and the state of one shard. Rows must come sorted by (topic, partition, offset). The worker writes the
    files itself: handing wide rows back to the JVM, to be written there value by value, costs more than all the rest.
    ``copies`` are the redriven records, whose originals keep the verdicts that the stream gave.
    """
    written: Kind = "quote" if kind == "quote" else "trade"
    schemas = {kind: _arrow(normalized_schema(written)), REJECTED: _arrow(REJECTED_SCHEMA), SIDE: _arrow(SIDE_SCHEMA)}
    kept = [name for name in schemas[kind].names if name != VALUE]

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        name = task_name(kind)
        counts = dict.fromkeys((*COUNTS, WRITTEN), 0)
        shard: tuple[str, int] | None = None
        normalizer: Normalizer | None = None
        with ExitStack() as files:
            records = files.enter_context(Spool(out / kind / f"{name}.parquet", schemas[kind]))
            rejected = files.enter_context(Spool(out / REJECTED / f"{name}.parquet", schemas[REJECTED]))
            side = files.enter_context(Spool(out / SIDE / f"{name}.parquet", schemas[SIDE]))
            for batch in batches:
                for key, part in _by_shard(batch):
                    if key != shard or normalizer is None:
                        verdicts = Verdicts(copies.get(key[0], ()))
                        shard, normalizer = key, Normalizer(key[0], quality, verdicts)
                    done = normalizer.process(Envelopes.from_arrow(part))
                    rows = done.trades if written == "trade" else done.quotes
                    accepted = _within(rows.to_arrow(kept), span)
                    records.add(_widen(accepted, schemas[kind]))
                    letters = [letter.encode() for letter in done.dead_letters]
                    rejected.add(pa.RecordBatch.from_arrays([pa.array(letters, pa.binary())], schema=schemas[REJECTED]))
                    side.add(_side(done.side, schemas[SIDE]))
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


def counted(counts: Mapping[str, int]) -> pa.RecordBatch:
    """Return a task's counters as rows."""
    columns = [pa.array(list(counts), pa.string()), pa.array(list(counts.values()), pa.int64())]
    return pa.RecordBatch.from_arrays(columns, schema=_arrow(COUNTS_SCHEMA))


def task_name(what: str) -> str:
    """Return a name for a task's file of something."""
    context = TaskContext.get()
    return f"{what}-{context.partitionId():05d}-{context.taskAttemptId()}" if context else what


def _side(found: list[SideRecord], schema: pa.Schema) -> pa.RecordBatch:
    topics, values = [record.topic for record in found], [record.value for record in found]
    return pa.RecordBatch.from_arrays([pa.array(topics, pa.string()), pa.array(values, pa.binary())], schema=schema)


class Spool:
    """A Parquet file that is written in large row groups, and not at all when nothing comes."""

    def __init__(self, path: Path, schema: pa.Schema, rows: int = 32_768) -> None:
        self._path, self._schema, self._limit = path, schema, rows
        self._held: list[pa.RecordBatch] = []
        self._rows = 0
        self._writer: pq.ParquetWriter | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._flush()
        if self._writer is not None:
            self._writer.close()

    def add(self, batch: pa.RecordBatch) -> None:
        if batch.num_rows:
            self._held.append(batch)
            self._rows += batch.num_rows
        if self._rows >= self._limit:
            self._flush()

    def _flush(self) -> None:
        if not self._held:
            return
        if self._writer is None:
            # Dictionaries pay for texts of few values only; statistics for nobody who reads whole files.
            repeated = [name for name in REPEATED if name in self._schema.names]
            self._writer = pq.ParquetWriter(
                self._path, self._schema, compression="snappy", use_dictionary=repeated or False, write_statistics=False
            )
        self._writer.write_table(pa.Table.from_batches(self._held, self._schema))
        self._held, self._rows = [], 0


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
