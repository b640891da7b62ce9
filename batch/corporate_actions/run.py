"""One run of `polyglot adjust`: compute the series, publish what is new, bring the stores to what the topics say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from batch.corporate_actions import series as adjust
from batch.corporate_actions import stores as adjust_stores
from batch.spark.bronze import table_exists
from batch.spark.clickhouse import Endpoint
from batch.spark.topics import Broker
from schemas import catalog
from schemas.catalog import ADJUSTED, ADJUSTED_BAR
from schemas.quality import Quality


@dataclass(frozen=True)
class Stores:
    """Where topics and stores are; a store that is None is left alone."""

    scratch: Path
    broker: Broker
    lake_uri: str | None
    clickhouse: Endpoint | None


def recompute(
    spark: SparkSession,
    stores: Stores,
    *,
    entity: str | None = None,
    known_at: int | None = None,
    quality: Quality | None = None,
) -> dict[str, Any]:
    """Return how many records were published and stored, by kind and table, and which quality rules spoke.

    Raises:
        BrokerError, PublishError, IncompleteError, ClickHouseUnavailableError: something was not there or refused.
    """
    results = stores.scratch / "results"
    actions, closes = adjust.inputs(spark, stores.broker)
    adjust.compute(spark, actions, closes, results, entity=entity, known_at=known_at, quality=quality)
    published = adjust.publish(spark, stores.broker, results)
    return {"published": published, "stored": _store(spark, stores), "findings": adjust.findings(spark, results)}


def _store(spark: SparkSession, stores: Stores) -> dict[str, int]:
    stored = {}
    for kind in ADJUSTED:
        table = catalog.lake_table(kind)
        rows = adjust.published(spark, stores.broker, kind).persist()
        if stores.lake_uri:
            exists = table_exists(spark, f"{stores.lake_uri}/{table}")
            stored[table] = adjust_stores.upsert(spark, stores.lake_uri, kind, rows, exists=exists)
        if stores.clickhouse and kind == ADJUSTED_BAR:
            stored[adjust_stores.HISTORY] = adjust_stores.insert(spark, stores.clickhouse, rows, stores.scratch)
        rows.unpersist()
    return stored


def follow(look: Callable[[], Any], run: Callable[[], None], wait: Callable[[], bool]) -> None:
    """Run at once, and again whenever `look` returns something new, until `wait` returns True.

    What comes in during a run was not seen before it, so it is found right after.
    """
    seen: Any = None
    while True:
        if (now := look()) != seen:
            run()
            seen = now
        if wait():
            return
