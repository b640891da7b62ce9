"""Checks that need no replay: the raw log against Bronze, and dense sequences in the normalized topics.

Ids are told apart by 64-bit hashes first, which takes no shuffle of texts. Where these do not prove that a statement
holds, it is looked at again with the ids themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

from pyspark.sql import Column, DataFrame, Observation, SparkSession, Window
from pyspark.sql import functions as fn

from batch.ranges import Span
from batch.spark import topics
from batch.spark.bronze import ENVELOPE
from batch.spark.views import UNREADABLE, View, canonical, half_sums, iso_day, sha256
from schemas.catalog import LOG
from schemas.domains import domains

#: What Bronze keeps of a record besides its bytes.
_COLUMNS = (*LOG, *(name for name in ENVELOPE if name != "payload"), "payload_sha256", "ingest_date")


#: So many numbers are made at once.
_BLOCK = 65_536


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


@dataclass(frozen=True)
class RawIds:
    """The event ids of the raw log, told apart by hash; `repeated`: hash and first place of those that came again."""

    records: int
    envelopes: int
    ids: int
    repeated: DataFrame


def raw_ids(spark: SparkSession, log: DataFrame) -> RawIds:
    """Count the event ids of the raw topics, and find those that came more than once."""
    named = log.select(
        "topic",
        _place("partition", "offset").alias("place"),
        topics.decoded(fn.col("value"), "raw_envelope", ("event_id",)).getField("event_id").alias("event_id"),
    )
    groups = named.groupBy(fn.expr("IF(event_id IS NULL, NULL, xxhash64(topic, event_id))").alias("id")).agg(
        fn.count("*").alias("n"), fn.min("place").alias("first")
    )
    seen = Observation()
    is_id = fn.col("id").isNotNull()
    counted = groups.observe(seen, fn.sum("n").alias("records"), fn.sum(fn.when(is_id, fn.col("n"))).alias("envelopes"),
                             fn.count("id").alias("ids"))  # fmt: skip
    repeated = counted.where(is_id).where("n > 1").select("id", "first").collect()
    found = seen.get
    schema = "id BIGINT, first BIGINT"
    return RawIds(
        found["records"] or 0, found["envelopes"] or 0, found["ids"] or 0, spark.createDataFrame(repeated, schema)
    )


def _place(partition: str, offset: str) -> Column:
    """Return a number that orders a topic's records as `LOG` does; offsets are below 2^47."""
    return fn.shiftleft(fn.col(partition).cast("bigint"), 47) + fn.col(offset)


def expected_bronze(
    copies: DataFrame, again: DataFrame | None, span: Span, entity: str | None, ids: RawIds | None = None
) -> View:
    """Return what Bronze must hold: of every event id the first copy in log order, and what was let in `again`.

    With `ids` the digests are made without grouping the records by their ids.
    """
    rest = [name for name in (*LOG, *ENVELOPE, "payload_sha256") if name not in ("payload", "event_id", "topic")]
    readable = _within(copies.where("event_id IS NOT NULL"), span, entity)
    first = readable.groupBy("topic", "event_id").agg(
        fn.min_by(fn.struct(*rest), fn.struct("kafka_partition", "kafka_offset")).alias("first")
    )
    flat = first.select("topic", "event_id", "first.*")
    if again is not None:
        flat = flat.unionByName(_within(again, span, entity).select(*flat.columns))
    view = _bronze_view(flat.withColumn("ingest_date", iso_day("ingest_time")))
    if ids is None or again is not None:
        return view
    firsts = readable.withColumn("id", fn.xxhash64("topic", "event_id")).join(fn.broadcast(ids.repeated), "id", "left")
    only = firsts.where(fn.col("first").isNull() | (fn.col("first") == _place("kafka_partition", "kafka_offset")))
    digested = _bronze_view(only.withColumn("ingest_date", iso_day("ingest_time"))).rows.select("day", "row")
    return replace(view, digested=digested)


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


def raw_check(copies: DataFrame, bronze_rows: int, bronze_ids: int, again: int, ids: RawIds | None = None) -> Check:
    """State that Bronze has every distinct event id of the raw topics once, but for copies that were let in `again`."""
    if ids is not None and ids.ids == bronze_ids:
        records, envelopes, distinct = ids.records, ids.envelopes, ids.ids
    else:
        records, envelopes, distinct = copies.agg(
            fn.count("*"), fn.count("event_id"), fn.count_distinct("topic", "event_id")
        ).collect()[0]
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


def sequence_check(log: DataFrame, kind: str, topic: str) -> Check:
    """State that ``entity_seq`` is 1, 2, 3 … per (entity, ingest date), each number for one event; keys are entities.

    `log` has the whole topic; transport duplicates (same bytes again) are counted, not held against it. ``frames`` in
    what is found are the raw records that the topic's records are of: each once, however many trades it holds.
    """
    wanted = ("event_id", "entity_id", "ingest_date", "entity_seq")
    rows = log.select("key", "value", topics.decoded(fn.col("value"), kind, wanted).alias("d"))
    found = _plain_sequences(rows.select("key", "d.*")) or _sequences(rows)
    holds = not found["not_dense"] and found["wrong_keys"] == 0
    return Check(f"entity_seq is dense in {topic}", holds, found)


def _plain_sequences(flat: DataFrame) -> dict[str, Any] | None:
    """Return what is found if all is well and no record came twice; None if that is not certain."""
    entity = ("entity_id", "ingest_date")
    events = flat.select(
        *entity,
        "entity_seq",
        wrong_key().alias("wrong"),
        fn.xxhash64(*entity, "event_id").alias("event"),
        fn.xxhash64(*entity, topics.frame_id()).alias("frame"),
    ).persist()
    try:
        per = events.groupBy(*entity).agg(
            fn.count("*").alias("n"),
            fn.sum("wrong").alias("wrong"),
            fn.min("entity_seq").alias("low"),
            fn.max("entity_seq").alias("high"),
            *_hash_sums(fn.col("entity_seq"), "seqs"),
        )
        # The same sums over 1 … n: equal if each number is there once.
        starts = fn.explode(fn.expr(f"sequence(0L, n - 1, {_BLOCK}L)")).alias("at")
        number = fn.explode(fn.expr(f"sequence(at + 1, least(at + {_BLOCK}, n))")).alias("number")
        numbers = per.select(*entity, "n", starts).select(*entity, number)
        ideal = numbers.groupBy(*entity).agg(*_hash_sums(fn.col("number"), "ideal"))
        well = fn.expr(
            "entity_id IS NOT NULL AND wrong = 0 AND low = 1 AND high = n AND seqs0 <=> ideal0 AND seqs1 <=> ideal1"
        )
        total = per.join(ideal, list(entity), "left").agg(fn.sum("n"), fn.count("*"), fn.count_if(~well)).collect()[0]
        records, groups, ill = (int(value or 0) for value in total)
        ids, frames = events.agg(fn.count_distinct("event"), fn.count_distinct("frame")).collect()[0]
    finally:
        events.unpersist()
    if ill or ids != records:
        return None
    return {
        "records": records,
        "frames": frames,
        "transport_duplicates": 0,
        "wrong_keys": 0,
        "entities_and_days": groups,
        "not_dense": [],
    }


def _hash_sums(number: Column, name: str) -> list[Column]:
    return [one.alias(f"{name}{n}") for n, one in enumerate(half_sums(fn.xxhash64(number.cast("bigint"))))]


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


def key_check(logs: Mapping[str, DataFrame]) -> Check:
    """State that each record of these topics (name → log) has the Kafka key that `schemas/domains.toml` says.

    What is found is the count of wrong keys of each topic that has any.
    """
    parts = []
    for topic, log in logs.items():
        known = domains().topics[topic]
        named = topics.decoded(fn.col("value"), known.contract, (known.key,)).getField(known.key)
        wrong = ~fn.col("key").cast("string").eqNullSafe(named)
        parts.append(log.select(fn.lit(topic).alias("name"), wrong.cast("int").alias("wrong")))
    counted = reduce(DataFrame.unionAll, parts).groupBy("name").agg(fn.sum("wrong").alias("wrong")).collect()
    found = {row.name: row.wrong for row in sorted(counted) if row.wrong}
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
