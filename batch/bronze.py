"""Bronze as shards: every (topic, partition) whole, in log order, in one Spark partition.

The kernels are folds over a shard's log. What a date's records become depends on earlier records of the log only, so
a bounded replay reads whole ingest dates (the scope of ``entity_seq``), the dates before that shape the identity
window, and whatever later date's records lie *between* them in the log.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as fn
from pyspark.sql.types import IntegerType, LongType, StringType, StructField, StructType

from batch.ranges import DAY_US, Days, Span, day_text, warm_up_days
from schemas.domains import UNASSIGNED, domains, raw_topic
from udfs.envelope import encode_one
from udfs.reference import KINDS as REFERENCE
from udfs.resubmitted import AMEND, PREFIX, REDRIVE
from udfs.revisions import KINDS as REVISIONS

ENVELOPE = (
    "event_id",
    "entity_id",
    "venue",
    "channel",
    "event_time",
    "event_time_source",
    "ingest_time",
    "source_id",
    "source_seq",
    "payload",
)
LOG = ("topic", "kafka_partition", "kafka_offset")
_MAX_BINS = 64
#: Offsets are below this, so a shard's number and an offset fit one BIGINT.
_OFFSETS = 1 << 48
#: Which records are amended or redriven ones; these arrived on whatever date they were sent again.
AMENDED, REDRIVEN = (f"source_id LIKE '{PREFIX[kind]}%'" for kind in (AMEND, REDRIVE))
RESUBMITTED = f"({AMENDED} OR {REDRIVEN})"
#: Entities to restrict a run to; None for all.
Which = str | Sequence[str] | None


class BronzeError(RuntimeError):
    """Bronze is not there or not readable."""


@dataclass(frozen=True)
class Shard:
    """One topic-partition: rows to fold, and the last offset that may shape the result."""

    topic: str
    partition: int
    rows: int
    last_offset: int


@dataclass(frozen=True)
class Plan:
    """What to read for one kind: dates and shards."""

    days: Days
    shards: tuple[Shard, ...]

    @property
    def rows(self) -> int:
        return sum(shard.rows for shard in self.shards)


def topics_of(kind: str, *, whole: bool = True) -> list[str]:
    """Return the raw topics that feed a kind (or ``revision``, for what revises trades).

    With the trades go frames of no known entity, as dead letters, and channels that are read for their numbers only.
    So do venues of reference data, in a `whole` replay only: their horizon is decades, and what they become is looked
    at as a whole.
    """
    doc = domains()
    names = [topic.name for topic in doc.topics_becoming(*(REVISIONS if kind == "revision" else (kind,)))]
    if kind == "trade":
        rare = {venue.name for venue in doc.venues.values() if set(REFERENCE) & set(venue.channels.values())}
        names += [raw_topic(venue, UNASSIGNED) for venue in doc.venues if whole or venue not in rare]
        names += [topic.name for topic in doc.topics_becoming(*REFERENCE) if whole]
        names += [
            raw_topic(venue.name, channel)
            for venue in doc.venues.values()
            for channel, becomes in venue.channels.items()
            if not becomes and venue.read(channel)
        ]
    return sorted(names)


def read_bronze(spark: SparkSession, lake_uri: str, as_of: str | None = None) -> DataFrame:
    """Open the newest snapshot of Bronze, or the one `as_of` an instant.

    One thread at a time may plan on what is returned: Hudi's index of a table's files is not safe for threads.

    Raises:
        BronzeError: there is no such table.
    """
    path = _path(lake_uri)
    try:
        table = open_table(spark, path, as_of)
    except Exception as error:
        raise BronzeError(f"no Bronze table at {path}: {type(error).__name__}: {first_line(error)}") from error
    missing = {*ENVELOPE, *LOG, "ingest_date"} - set(table.columns)
    if missing:
        raise BronzeError(f"Bronze at {path} lacks the columns {', '.join(sorted(missing))}")
    return table


def open_table(spark: SparkSession, path: str, as_of: str | None = None) -> DataFrame:
    """Open the newest snapshot of a Hudi table, or the one `as_of` an instant."""
    # Listing a local folder costs nothing; Hudi's index of files is worth its start-up on object stores only.
    index = "false" if path.startswith("file:") else "true"
    reader = spark.read.format("hudi").option("hoodie.metadata.enable", index)
    return (reader.option("as.of.instant", as_of) if as_of else reader).load(path)


def newest_instant(spark: SparkSession, lake_uri: str) -> str:
    """Return the instant of Bronze's newest snapshot.

    Raises:
        BronzeError: there is no such table, nothing was committed to it, or Spark has stopped.
    """
    path = _path(lake_uri)
    if not table_exists(spark, path):
        raise BronzeError(f"no Bronze table at {path}")
    jvm, files, _ = _hadoop(spark, path)
    commits = jvm.org.apache.hudi.HoodieDataSourceHelpers.allCompletedCommitsCompactions(files, path)
    if commits.empty():
        raise BronzeError(f"nothing was committed to the Bronze table at {path} yet")
    return str(commits.lastInstant().get().requestedTime())


def table_exists(spark: SparkSession, path: str) -> bool:
    """Tell whether there is a Hudi table.

    Raises:
        BronzeError: Spark has stopped.
    """
    _, files, marker = _hadoop(spark, f"{path}/.hoodie")
    return bool(files.exists(marker))


def _path(lake_uri: str) -> str:
    return f"{lake_uri}/bronze_raw"


def _hadoop(spark: SparkSession, path: str) -> tuple[Any, Any, Any]:
    """Return the JVM, and a path's file system and the path in it: Spark has no public way to ask its file systems."""
    jvm = spark._jvm  # noqa: SLF001
    if jvm is None:
        raise BronzeError("Spark has stopped")
    place = jvm.org.apache.hadoop.fs.Path(path)
    return jvm, place.getFileSystem(spark._jsc.hadoopConfiguration()), place  # noqa: SLF001


def first_line(error: Exception) -> str:
    """Return the first line of an engine's message: the rest is a stack trace."""
    return (str(error).splitlines() or [""])[0]


def reason(error: Exception) -> str:
    """Return why an engine could not read something: the line that names a file, else the first line."""
    lines = [line.strip() for line in str(error).splitlines()]
    return next((line for line in lines if ".parquet" in line or ".log." in line), first_line(error)).lstrip(": ")[:500]


def of_entities(rows: DataFrame, entity: Which) -> DataFrame:
    """Return the rows of these entities."""
    if not entity:
        return rows
    return rows.where(fn.col("entity_id").isin([entity] if isinstance(entity, str) else list(entity)))


def envelope_at(bronze: DataFrame, topic: str, partition: int, offset: int) -> bytes | None:
    """Return what came at a place of the log, as the Kafka value that it was; None: it is not in Bronze."""
    at = (bronze.topic == topic) & (bronze.kafka_partition == partition) & (bronze.kafka_offset == offset)
    row = bronze.where(at).select(*ENVELOPE).first()
    return None if row is None else encode_one(*row)


def plan(bronze: DataFrame, kind: str, span: Span, entity: Which, *, to_the_end: bool = False) -> Plan:
    """Find the shards of a kind and how far each must be read; reads three columns of the dates concerned.

    With `to_the_end` also the dates are read on which events of the span arrived too late.
    """
    doc = domains()
    whole = entity is None and not span.bounded
    topics = [doc.topics[name] for name in topics_of(kind, whole=whole)]
    wanted = span.ingest_days(topics)
    first = None if wanted.first is None else wanted.first - warm_up_days(topics)
    rows = bronze.where(fn.col("topic").isin([topic.name for topic in topics]))
    rows = of_entities(rows.where(Days(first, None).sql("ingest_date")), entity)
    wanted = Days(wanted.first, None) if to_the_end else _with_resubmitted(rows, wanted, span)
    found = (
        rows.groupBy("topic", "kafka_partition", "ingest_date")
        .agg(fn.min("kafka_offset").alias("low"), fn.max("kafka_offset").alias("high"), fn.count("*").alias("n"))
        .collect()
    )
    return _plan(found, wanted, first)


def _with_resubmitted(rows: DataFrame, wanted: Days, span: Span) -> Days:
    """Return the dates up to the last on which an event of the span was sent again: no horizon bounds that."""
    if wanted.last is None:
        return wanted
    # A frame may hold several events: a day either way has them all.
    start = None if span.start is None else span.start - DAY_US
    wider = Span(start, None if span.end is None else span.end + DAY_US)
    again = rows.where(RESUBMITTED).where(wider.sql_event()).where(Days(wanted.last + 1, None).sql("ingest_date"))
    last = again.agg(fn.max("ingest_date").alias("day")).collect()[0].day
    return wanted if last is None else Days(wanted.first, _day(last))


def _plan(found: list[Any], wanted: Days, first: int | None) -> Plan:
    low = "" if wanted.first is None else day_text(wanted.first)
    high = "9999" if wanted.last is None else day_text(wanted.last)
    last_offset: dict[tuple[str, int], int] = {}
    for row in found:
        if low <= row.ingest_date <= high:
            key = (row.topic, row.kafka_partition)
            last_offset[key] = max(last_offset.get(key, -1), row.high)
    counts = dict.fromkeys(last_offset, 0)
    last_day = high
    for row in found:
        key = (row.topic, row.kafka_partition)
        if key in last_offset and row.low <= last_offset[key]:
            counts[key] += row.n
            last_day = max(last_day, row.ingest_date)
    # ISO dates sort as text; the bound may lie behind the last wanted date when logs interleave.
    last = None if wanted.last is None else max(wanted.last, _day(last_day))
    shards = (Shard(topic, part, counts[topic, part], end) for (topic, part), end in last_offset.items())
    return Plan(Days(first, last), tuple(sorted(shards, key=lambda s: (s.topic, s.partition))))


def _day(text: str) -> int:
    return (date.fromisoformat(text) - date(1970, 1, 1)).days


def sharded(spark: SparkSession, bronze: DataFrame, work: Plan, entity: Which) -> DataFrame:
    """Return the rows of a plan: one Spark partition per bin of shards, in each shard by shard, in order of the log.

    They are sorted by one number, which needs no comparing of rows.

    Raises:
        BronzeError: an offset is too large.
    """
    if any(shard.last_offset >= _OFFSETS for shard in work.shards):
        raise BronzeError(f"offsets are to be below {_OFFSETS}")
    bins = min(max(len(work.shards), 1), _MAX_BINS)
    placed = _place(work.shards, bins)
    salts = _salts(spark, bins)
    table = [(s.topic, s.partition, s.last_offset, salts[placed[s]], n * _OFFSETS) for n, s in enumerate(work.shards)]
    schema = StructType(
        [
            StructField("topic", StringType(), nullable=False),
            StructField("kafka_partition", IntegerType(), nullable=False),
            StructField("last_offset", LongType(), nullable=False),
            StructField("bin", LongType(), nullable=False),
            StructField("first", LongType(), nullable=False),
        ]
    )
    limits = fn.broadcast(spark.createDataFrame(table, schema))
    rows = bronze.where(work.days.sql("ingest_date"))
    rows = of_entities(rows.where(fn.col("topic").isin(sorted({shard.topic for shard in work.shards}))), entity)
    rows = rows.select(*LOG, *ENVELOPE).join(limits, ["topic", "kafka_partition"]).where("kafka_offset <= last_offset")
    placed_rows = rows.select(
        "topic", "kafka_partition", *ENVELOPE, "bin", (rows["first"] + rows["kafka_offset"]).alias("at")
    )
    return placed_rows.repartition(bins, "bin").sortWithinPartitions("at").drop("bin", "at")


def _place(shards: tuple[Shard, ...], bins: int) -> dict[Shard, int]:
    """Spread shards over bins, largest first to the emptiest."""
    heap = [(0, index) for index in range(bins)]
    placed = {}
    for shard in sorted(shards, key=lambda s: (-s.rows, s.topic, s.partition)):
        load, index = heapq.heappop(heap)
        placed[shard] = index
        heapq.heappush(heap, (load + shard.rows, index))
    return placed


def _salts(spark: SparkSession, bins: int) -> list[int]:
    """Return for each Spark partition a number that hashes to it, so that no two bins share one by chance."""
    column = fn.pmod(fn.hash("id"), fn.lit(bins)).alias("bin")
    rows = spark.range(64 * bins, numPartitions=1).select("id", column).groupBy("bin").agg(fn.min("id").alias("id"))
    salts = {row.bin: row.id for row in rows.collect()}
    return [salts[index] for index in range(bins)]
