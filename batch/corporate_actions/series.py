"""Adjusted series: normalized actions and closes → `udfs.corporate_actions.adjust`, once per series → records.

    normalized.corporate_action.v1 ┐
    normalized.daily_close.v1      ┴─► by series (changes of symbol link entities) ─► adjust ─► factors, bars

Every record carries its wire bytes. Which records there are, and every byte of them, depends on the set of events only;
so publishing is: whatever (key, version) the topic does not have yet.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as fn
from pyspark.sql.types import BinaryType, StringType, StructField, StructType

from batch.publishing.publish import send_rows
from batch.spark import topics
from schemas import catalog
from schemas.catalog import ACTION, ADJUSTED, ADJUSTED_BAR, CLOSE, FACTOR, FACTS
from schemas.quality import Quality
from udfs.corporate_actions.adjust import adjust
from udfs.corporate_actions.factors import Limits, limits
from udfs.corporate_actions.history import Action, Close, History
from udfs.corporate_actions.lineage import Link, ancestors
from udfs.venues.facts import SYMBOL_CHANGE
from udfs.wire.by_contract import encode

_RESULT = StructType([StructField("kind", StringType()), StructField("value", BinaryType())])


class IncompleteError(RuntimeError):
    """A topic no longer has its beginning, so a series cannot be computed from it."""


def inputs(spark: SparkSession, broker: topics.Broker) -> tuple[DataFrame, DataFrame]:
    """Return the actions and closes of the normalized topics, as wire bytes in ``value``.

    Raises:
        BrokerError: no answer.
        IncompleteError: retention has cut a topic.
    """
    return _whole(spark, broker, catalog.topic(ACTION)), _whole(spark, broker, catalog.topic(CLOSE))


def reached(broker: topics.Broker) -> dict[str, dict[int, int]]:
    """Return the end offsets of the normalized topics: what has come through by now.

    Raises:
        BrokerError: no answer.
    """
    found = topics.extents(broker, [catalog.topic(kind) for kind in FACTS])
    return {topic: extent.end for topic, extent in found.items()}


def _whole(spark: SparkSession, broker: topics.Broker, topic: str) -> DataFrame:
    found = topics.extents(broker, [topic])
    if any(not extent.complete for extent in found.values()):
        raise IncompleteError(f"retention has cut {topic}: an adjusted series needs all of it")
    return topics.read(spark, broker, list(found.values())).select("value")


def compute(
    spark: SparkSession,
    actions: DataFrame,
    closes: DataFrame,
    out: Path,
    *,
    entity: str | None = None,
    known_at: int | None = None,
    quality: Quality | None = None,
) -> None:
    """Write the records of all series (or one) into `out`, a local folder, replaced.

    Args:
        spark: the session.
        actions: wire bytes of ``corporate_action`` records, in ``value``; copies are ignored.
        closes: the same of ``daily_close`` records.
        out: where `results` finds them.
        entity: only the series of this entity.
        known_at: only what was known then: ingest times up to it, µs.
        quality: the rules whose limits hold; by default the project's own.
    """
    known = _events(actions, ACTION, known_at)
    changes = known.where(fn.col("kind") == SYMBOL_CHANGE).collect()
    series_of = ancestors([_link(row) for row in changes])

    def placed(pair: tuple[str, Any]) -> Iterator[tuple[str, Any]]:
        for series in series_of.get(pair[0], [pair[0]]):
            if entity is None or series == entity:
                yield series, pair[1]

    events = known.rdd.map(_action).union(_events(closes, CLOSE, known_at).rdd.map(_close))
    results = events.flatMap(placed).groupByKey().flatMap(partial(_series, limits(quality)))
    shutil.rmtree(out, ignore_errors=True)
    spark.createDataFrame(results, _RESULT).write.parquet(str(out))


def compute_nothing(out: Path) -> None:
    """Write the empty result that `compute` makes of no events, without starting a job."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)


def results(spark: SparkSession, out: Path, kind: str) -> DataFrame:
    """Open what `compute` wrote of a kind: the contract's fields and ``value``."""
    return fields(spark.read.schema(_RESULT).parquet(str(out)).where(fn.col("kind") == kind), kind)


def fields(records: DataFrame, kind: str) -> DataFrame:
    """Decode records' wire bytes; records of another contract are left out."""
    decoded = records.select("value", topics.decoded(fn.col("value"), kind).alias("d")).select("d.*", "value")
    return decoded.where("entity_id IS NOT NULL")


def publish(spark: SparkSession, broker: topics.Broker, out: Path) -> dict[str, int]:
    """Send every record whose (key, version) its topic does not have; returns how many of each kind.

    Raises:
        BrokerError, PublishError: the broker was not there or refused.
    """
    sent = {}
    for kind in ADJUSTED:
        identity = [*catalog.key(kind), "version"]
        there = published(spark, broker, kind).select(*identity)
        missing = results(spark, out, kind).join(there, identity, "left_anti")
        topic, order = catalog.topic(kind), catalog.key(kind)[1:]
        sent[kind] = send_rows(missing, topic, order, "known_from", dict(broker.librdkafka))
    return sent


def published(spark: SparkSession, broker: topics.Broker, kind: str) -> DataFrame:
    """Return every version of every record that a topic has, once."""
    found = topics.extents(broker, [catalog.topic(kind)])
    records = fields(topics.read(spark, broker, list(found.values())), kind)
    return records.dropDuplicates([*catalog.key(kind), "version"])


# --- rows to the kernel's events and back ---


def _events(records: DataFrame, kind: str, known_at: int | None) -> DataFrame:
    events = fields(records, kind).dropDuplicates(["event_id"])
    return events if known_at is None else events.where(fn.col("ingest_time") <= known_at)


def _successor(row: Row) -> str:
    return f"{row.venue}:{row.new_symbol}" if row.new_symbol else ""


def _link(row: Row) -> Link:
    return Link(row.entity_id, _successor(row), row.ex_date)


def _action(row: Row) -> tuple[str, Action]:
    ratio = Fraction(int(row.ratio_numerator), int(row.ratio_denominator))
    return row.entity_id, Action(
        row.entity_id, row.action_id, row.revision, row.status, row.kind, row.ex_date, ratio, Fraction(row.amount),
        row.currency, _successor(row), row.ingest_time,
    )  # fmt: skip


def _close(row: Row) -> tuple[str, Close]:
    return row.entity_id, Close(
        row.entity_id, row.date, row.revision, row.close, row.volume, row.published_adjusted_close, row.currency,
        row.basis, row.source_id, row.ingest_time,
    )  # fmt: skip


def _series(allowed: Limits, group: tuple[str, Any]) -> Iterator[tuple[str, bytes]]:
    series, events = group[0], list(group[1])
    actions = [event for event in events if isinstance(event, Action)]
    closes = [event for event in events if isinstance(event, Close)]
    factors, bars = adjust(History(series, actions, closes), allowed)
    for kind, rows in ((FACTOR, factors), (ADJUSTED_BAR, bars)):
        yield from ((kind, encode(kind, row)) for row in rows)


def findings(spark: SparkSession, out: Path) -> list[Mapping[str, Any]]:
    """Return which quality rules spoke, by series and ex date."""
    rows = results(spark, out, FACTOR).where("rules <> ''").orderBy("entity_id", "ex_date").limit(1000)
    return [
        {"entity_id": row.entity_id, "ex_date": row.day.isoformat(), "rule": rule}
        for row in rows.withColumn("day", fn.date_from_unix_date("ex_date")).collect()
        for rule in row.rules.split(",")
    ]
