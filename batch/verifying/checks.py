"""Checks that need no replay: the raw log against Bronze, and dense sequences in the normalized topics.

The hashes of one reading (`reading`) say first whether a statement holds. Where they do not prove it, it is looked at
again with the ids themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as fn

from batch.ranges import Span
from batch.spark import topics
from batch.spark.bronze import ENVELOPE
from batch.spark.views import UNREADABLE, View, canonical, iso_day, sha256
from batch.verifying.one_pass import Topic
from schemas.catalog import LOG
from schemas.domains import domains

#: What Bronze keeps of a record besides its bytes.
_COLUMNS = (*LOG, *(name for name in ENVELOPE if name != "payload"), "payload_sha256", "ingest_date")


@dataclass(frozen=True)
class Check:
    """One statement that must hold; `found` are the numbers behind it."""

    name: str
    holds: bool
    found: dict[str, Any]


def raw_copies(log: DataFrame) -> DataFrame:
    """Decode the raw topics: a row per record, the envelope's fields and its place in the log; null id: no envelope."""
    decoded = topics.decoded(fn.col("value"), "raw_envelope").alias("d")
    placed = log.select(
        "topic", fn.col("partition").alias("kafka_partition"), fn.col("offset").alias("kafka_offset"), decoded
    ).select(*LOG, "d.*")
    return placed.withColumn("payload_sha256", fn.sha2("payload", 256)).drop("payload")


def expected_bronze(copies: DataFrame, again: DataFrame | None, span: Span, entity: str | None) -> View:
    """Return what Bronze must hold: of every event id the first copy in log order, and what was let in `again`."""
    rest = [name for name in (*LOG, *ENVELOPE, "payload_sha256") if name not in ("payload", "event_id", "topic")]
    first = (
        copies.where("event_id IS NOT NULL")
        .groupBy("topic", "event_id")
        .agg(fn.min_by(fn.struct(*rest), fn.struct("kafka_partition", "kafka_offset")).alias("first"))
    )
    flat = _within(first.select("topic", "event_id", "first.*"), span, entity)
    if again is not None:
        flat = flat.unionByName(_within(again, span, entity).select(*flat.columns))
    return _bronze_view(flat.withColumn("ingest_date", iso_day("ingest_time")))


def let_in_again(copies: DataFrame, bronze: DataFrame) -> DataFrame:
    """Return the later copies in the log that Bronze may hold: those whose id had been forgotten.

    An id is remembered for a window of time behind its entity's newest record (`udfs.dedup`). A later copy is let
    in if its own time, or its first copy's, is behind that window. The newest record is looked for among all copies
    here, duplicates too: that is at least what the fold knew, so this says what may be there, not what must.
    """
    raw = [domains().topics[name] for name in domains().raw_topics()]
    gates = fn.create_map(*(fn.lit(x) for t in raw for x in (t.name, 1000 * t.horizon_ms)))
    skews = fn.create_map(*(fn.lit(x) for t in raw for x in (t.name, 1000 * t.max_skew_ms)))
    lag = fn.col("ingest_time") - fn.col("event_time")
    accepted = lag.between(-fn.col("skew"), fn.col("horizon"))
    same = Window.partitionBy("topic", "event_id").orderBy("kafka_partition", "kafka_offset")
    before = Window.partitionBy("topic", "kafka_partition", "entity_id").orderBy("kafka_offset")
    judged = (
        copies.where("event_id IS NOT NULL")
        .withColumn("horizon", gates[fn.col("topic")])
        .withColumn("skew", skews[fn.col("topic")])
        .withColumn("time", fn.when(accepted, fn.col("event_time")).otherwise(fn.col("ingest_time")))
        .withColumn("nth", fn.row_number().over(same))
        .withColumn("first_time", fn.first("time").over(same))
        .withColumn("newest", fn.max("ingest_time").over(before.rowsBetween(Window.unboundedPreceding, -1)))
    )
    oldest = fn.least("time", "first_time")
    forgotten = judged.where("nth > 1").where(oldest < fn.col("newest") - fn.col("horizon") - fn.col("skew"))
    return forgotten.join(bronze.select(*LOG), list(LOG), "left_semi")


def actual_bronze(bronze: DataFrame, span: Span, entity: str | None) -> View:
    """Return what Bronze holds, row for row."""
    return _bronze_view(_within(bronze.withColumn("payload_sha256", fn.sha2("payload", 256)), span, entity))


def typed_bronze(bronze: DataFrame, span: Span, entity: str | None) -> DataFrame:
    """Return Bronze's rows as they are compared, payloads and all."""
    names = [*LOG, *ENVELOPE]
    rows = _within(bronze, span, entity)
    return rows.select(*names, fn.col("ingest_date").cast("string").alias("ingest_date"))


def _within(rows: DataFrame, span: Span, entity: str | None) -> DataFrame:
    rows = rows.where(span.sql_event())
    return rows.where(fn.col("entity_id") == entity) if entity else rows


def _bronze_view(rows: DataFrame) -> View:
    columns: list[Column] = [fn.col(name).cast("string") for name in _COLUMNS]
    return View(
        rows.select(
            fn.coalesce("ingest_date", fn.lit(UNREADABLE)).alias("day"),
            fn.col("event_id").alias("key"),
            sha256(canonical(columns)).alias("row"),
            fn.array(*columns).alias("fields"),
        ),
        _COLUMNS,
    )


def bronze_ids(bronze: DataFrame) -> tuple[int, int]:
    """Return how many rows and distinct event ids Bronze has."""
    rows, ids = bronze.selectExpr("count(*)", "count(DISTINCT xxhash64(topic, event_id))").collect()[0]
    if rows != ids:
        ids = bronze.selectExpr("count(DISTINCT topic, event_id)").collect()[0][0]
    return rows, ids


def raw_check(copies: Callable[[], DataFrame], raw: Topic, bronze_rows: int, bronze_ids: int, again: int) -> Check:
    """State that Bronze has every distinct event id of the raw topics once, but for copies that were let in `again`.

    Args:
        copies: opens the raw log, for the ids themselves.
        raw: what was read of all raw topics.
        bronze_rows: of Bronze.
        bronze_ids: of Bronze, distinct ones.
        again: how many rows of Bronze are such copies.
    """
    records, distinct = raw.records, raw.groups
    envelopes = records - raw.unreadable
    if distinct != bronze_ids:
        records, envelopes, distinct = (
            copies().agg(fn.count("*"), fn.count("event_id"), fn.count_distinct("topic", "event_id")).collect()[0]
        )
    found = {
        "raw_records": records,
        "raw_not_an_envelope": records - envelopes,
        "raw_distinct_event_ids": distinct,
        "raw_duplicates": envelopes - distinct,
        "bronze_rows": bronze_rows,
        "bronze_distinct_event_ids": bronze_ids,
        "bronze_let_in_again": again,
    }
    holds = distinct == bronze_ids == bronze_rows - again
    return Check("raw distinct event ids = Bronze rows", holds, found)


def sequence_check(log: Callable[[], DataFrame], kind: str, topic: str, read: Topic) -> Check:
    """State that ``entity_seq`` is 1, 2, 3 … per (entity, ingest date), each number for one event; keys are entities.

    `read` is of the whole topic, and so is `log`, which names what is not as it should be; transport duplicates (same
    bytes again) are counted, not held against it. ``frames`` in what is found are the raw records that the topic's
    records are of: each once, however many trades it holds.
    """
    found = plain_sequences(read)
    if found is None:
        wanted = ("event_id", "entity_id", "ingest_date", "entity_seq")
        found = _sequences(log().select("key", "value", topics.decoded(fn.col("value"), kind, wanted).alias("d")))
    holds = not found["not_dense"] and found["wrong_keys"] == 0
    return Check(f"entity_seq is dense in {topic}", holds, found)


def plain_sequences(read: Topic) -> dict[str, Any] | None:
    """Return what is found if all is well; None if that is not certain."""
    if read.unreadable or read.wrong_keys or read.ill or read.ids != read.kept:
        return None
    return {
        "records": read.kept,
        "frames": read.groups,
        "transport_duplicates": read.records - read.kept,
        "wrong_keys": 0,
        "entities_and_days": read.series,
        "not_dense": [],
    }


def _sequences(rows: DataFrame) -> dict[str, Any]:
    flat = rows.select("key", sha256(fn.coalesce("value", fn.lit(b""))).alias("row"), "d.*")
    distinct = flat.groupBy("entity_id", "ingest_date", "entity_seq", "event_id", "row").agg(
        fn.count("*").alias("copies"), fn.sum(wrong_key()).alias("wrong_keys")
    )
    groups = distinct.groupBy("entity_id", "ingest_date").agg(
        fn.count("*").alias("records"),
        fn.sum("copies").alias("copies"),
        fn.sum("wrong_keys").alias("wrong_keys"),
        fn.min("entity_seq").alias("low"),
        fn.max("entity_seq").alias("high"),
        fn.count_distinct("entity_seq").alias("seqs"),
        fn.count_distinct("event_id").alias("ids"),
        fn.count_distinct(topics.frame_id()).alias("frames"),
    )
    bad = fn.expr("entity_id IS NULL OR low <> 1 OR high <> records OR seqs <> records OR ids <> records")
    sums = (fn.sum(name) for name in ("records", "copies", "wrong_keys", "frames"))
    total = groups.agg(*sums, fn.count("*"), fn.count_if(bad)).collect()[0]
    records, copies, wrong, frames, count, not_dense = (int(value or 0) for value in total)
    broken = groups.where(bad).orderBy("entity_id", "ingest_date").limit(5).collect() if not_dense else []
    return {
        "records": records,
        "frames": frames,
        "transport_duplicates": copies - records,
        "wrong_keys": wrong,
        "entities_and_days": count,
        "not_dense": [row.asDict() for row in broken],
    }


def wrong_key() -> Column:
    """Return 1 where the Kafka key is not the entity's id."""
    key = fn.col("key").cast("string")
    return fn.when(key.eqNullSafe(fn.col("entity_id")), 0).otherwise(1)


def key_check(read: Mapping[str, Topic]) -> Check:
    """State that each record of these topics has the Kafka key that `schemas/domains.toml` says.

    What is found is the count of wrong keys of each topic that has any.
    """
    found = {name: topic.wrong_keys for name, topic in sorted(read.items()) if topic.wrong_keys}
    return Check("Kafka keys are what the topics are keyed by", not found, found)


def balance_check(balance: dict[str, dict[str, int]]) -> Check:
    """State that the replay lost nothing: in = out + duplicates + dead letters + not normalized."""
    total: dict[str, int] = {}
    for counts in balance.values():
        for name, count in counts.items():
            total[name] = total.get(name, 0) + count
    out = sum(count for name, count in total.items() if name != "envelopes")
    return Check(
        "replay: in = out + duplicates + dead letters + not normalized", total.get("envelopes", 0) == out, total
    )
