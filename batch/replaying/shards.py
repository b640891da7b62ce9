"""Bronze as shards: every (topic, partition) whole, in log order, in one Spark partition.

The kernels are folds over a shard's log. What a date's records become depends on earlier records of the log only, so
a bounded replay reads whole ingest dates (the scope of ``entity_seq``), the dates before that shape the identity
window, and whatever later date's records lie *between* them in the log.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from datetime import date
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as fn
from pyspark.sql.types import IntegerType, LongType, StringType, StructField, StructType

from batch.ranges import Days, Span, day_text, warm_up_days
from batch.spark.bronze import ENVELOPE, RESUBMITTED, BronzeError, Which, of_entities
from schemas.catalog import DAY, FACTS, LOG, REVISIONS
from schemas.domains import UNASSIGNED, domains, raw_topic

_MAX_BINS = 64
#: Offsets are below this, so a shard's number and an offset fit one BIGINT.
_OFFSETS = 1 << 48


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
        rare = {venue.name for venue in doc.venues.values() if set(FACTS) & set(venue.channels.values())}
        names += [raw_topic(venue, UNASSIGNED) for venue in doc.venues if whole or venue not in rare]
        names += [topic.name for topic in doc.topics_becoming(*FACTS) if whole]
        names += [
            raw_topic(venue.name, channel)
            for venue in doc.venues.values()
            for channel, becomes in venue.channels.items()
            if not becomes and venue.read(channel)
        ]
    return sorted(names)


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
    start = None if span.start is None else span.start - DAY
    wider = Span(start, None if span.end is None else span.end + DAY)
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
