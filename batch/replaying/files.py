"""What a replay writes: Parquet files under one folder a kind, and how they are opened again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, Self
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark import TaskContext
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import BinaryType, LongType, StringType, StructField, StructType

from batch.spark.columns import VALUE, columns
from schemas.catalog import BARS

Kind = Literal["trade", "quote"]
#: Raw topics are folded by what they become; all that comes of revisions is low-rate records.
Folded = Literal["trade", "quote", "revision"]
Bar = Literal["bar", "quote_bar"]
Batches = Iterable[pa.RecordBatch]
#: Topic → (event id, source id) of its redriven records.
Copies = Mapping[str, Sequence[tuple[str, str]]]
ArrowFunction = Callable[[Batches], Iterator[pa.RecordBatch]]

#: Where rejected records are kept, beside the kinds, and those of low-rate topics.
REJECTED = "rejected"
LOW_RATE = "low_rate"

#: Columns of records that are kept beside their wire bytes: for publishing in order, and for revisions of trades.
KEPT = ("entity_id", "event_time", "ingest_date", "entity_seq", "venue_trade_id")
#: Texts of few values.
REPEATED = ("entity_id", "ingest_date", "interval")


def normalized_schema(kind: Kind) -> StructType:
    """Return what `fold` writes: a few of the contract's columns, and the wire bytes, which hold them all."""
    return StructType([*(field for field in columns(kind) if field.name in KEPT), StructField(VALUE, BinaryType())])


#: Dead letters, as their wire bytes.
REJECTED_SCHEMA = StructType([StructField(VALUE, BinaryType())])
#: Records of low-rate topics: which, and their wire bytes.
LOW_RATE_SCHEMA = StructType([StructField("topic", StringType()), StructField(VALUE, BinaryType())])
#: What a task says: counters by name.
COUNTS_SCHEMA = StructType([StructField("name", StringType()), StructField("count", LongType())])


def bar_schema(bar: Bar) -> StructType:
    return StructType([*columns(bar), StructField(VALUE, BinaryType())])


def arrow_schema(schema: StructType) -> pa.Schema:
    return to_arrow_schema(schema)


#: What a fold counts: the first is the sum of the next four; the last is how many records came out.
COUNTS = ("envelopes", "frames", "duplicates", "dead_letters", "not_normalized")
WRITTEN = "written"


def counted(counts: Mapping[str, int]) -> pa.RecordBatch:
    """Return a task's counters as rows."""
    arrays = [pa.array(list(counts), pa.string()), pa.array(list(counts.values()), pa.int64())]
    return pa.RecordBatch.from_arrays(arrays, schema=arrow_schema(COUNTS_SCHEMA))


def task_name(what: str) -> str:
    """Return a name for a task's file of something: the same for every attempt, so that only one of them counts."""
    context = TaskContext.get()
    return f"{what}-{context.partitionId():05d}" if context else what


class Spool:
    """A Parquet file that is written in large row groups, and not at all when nothing comes.

    It is there as a whole or not: it has another name, which no reader looks at, until it is closed. Of an executor
    that dies nothing is left that counts, and a task that is done again replaces its file.
    """

    def __init__(self, path: Path, schema: pa.Schema, rows: int = 32_768) -> None:
        self._path, self._schema, self._limit = path, schema, rows
        self._draft = path.with_name(f"_{path.name}.{uuid4().hex}")
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
            if kind is None:
                self._draft.replace(self._path)
            else:
                self._draft.unlink()

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
                self._draft,
                self._schema,
                compression="snappy",
                use_dictionary=repeated or False,
                write_statistics=False,
            )
        self._writer.write_table(pa.Table.from_batches(self._held, self._schema))
        self._held, self._rows = [], 0


# --- opening what was written ---


def records(spark: SparkSession, out: Path, kind: str) -> DataFrame:
    """Open what a replay wrote of a kind: ``value``, the wire bytes, and columns: a bar's all, else `KEPT`."""
    schema = bar_schema(kind) if kind in BARS else normalized_schema(kind)  # type: ignore[arg-type]
    return spark.read.schema(schema).parquet(str(out / kind))


def rejected(spark: SparkSession, out: Path) -> DataFrame:
    """Open the wire bytes (``value``) of the dead letters that a replay met."""
    return spark.read.schema(REJECTED_SCHEMA).parquet(str(out / REJECTED))


def low_rate(spark: SparkSession, out: Path, topic: str, folded: str = "") -> DataFrame:
    """Open the wire bytes (``value``) of a low-rate topic's records; with ``folded`` those of one kind's fold."""
    files = out / LOW_RATE / f"{folded}-*" if folded else out / LOW_RATE
    rows = spark.read.schema(LOW_RATE_SCHEMA).parquet(str(files))
    return rows.where(rows.topic == topic).select(VALUE)


def low_rate_topics(spark: SparkSession, out: Path) -> set[str]:
    """Return the low-rate topics that a replay wrote records of."""
    rows = spark.read.schema(LOW_RATE_SCHEMA).parquet(str(out / LOW_RATE))
    return {row.topic for row in rows.select("topic").distinct().collect()}
