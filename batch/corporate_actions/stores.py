"""Stores of adjusted series: each tails its topic and is brought to what the topic says (law 1).

analytics.adjustment_factor.v1 ─► silver_adjustment_factor (Hudi, latest version per key)
analytics.adjusted_bar.v1 ──────► gold_adjusted_bar (the same), ClickHouse adjusted_bars_history (every version)

Only what a store lacks is written, so a run that was killed is simply repeated. The lake is maintained beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.exceptions import ClickHouseError
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as fn

from batch.ranges import Days
from batch.spark import clickhouse
from batch.spark.bronze import open_table
from batch.spark.clickhouse import ClickHouseUnavailableError, Endpoint
from batch.spark.shared_tables import shared
from batch.spark.views import event_date, key_of
from schemas import catalog
from schemas.catalog import ADJUSTED_BAR, CLICKHOUSE_HISTORY, DATED_BY

HISTORY = CLICKHOUSE_HISTORY[ADJUSTED_BAR]
RECORD_KEY = "record_key"
_CHUNK = 20_000


def upsert(spark: SparkSession, lake_uri: str, kind: str, published: DataFrame, *, exists: bool) -> int:
    """Write the latest version of every key that a lake table does not have; returns how many."""
    table = catalog.lake_table(kind)
    newest = Window.partitionBy(*catalog.key(kind)).orderBy(fn.desc("version"))
    latest = published.withColumn("rank", fn.row_number().over(newest)).where("rank = 1").drop("rank", "value")
    if exists:
        identity = [*catalog.key(kind), "version"]
        latest = latest.join(open_table(spark, f"{lake_uri}/{table}").select(*identity), identity, "left_anti")
    rows = (
        latest.withColumn(RECORD_KEY, key_of(kind))
        .withColumn("event_date", event_date(kind))
        .withColumn("event_year", fn.substring("event_date", 1, 4))
        .select(RECORD_KEY, *catalog.columns(kind), "event_date", "event_year")
        .persist()
    )
    try:
        count = rows.count()
        if count:
            path = f"{lake_uri}/{table}"
            rows.coalesce(1).write.format("hudi").options(**_hudi(table, path)).mode("append").save(path)
    finally:
        rows.unpersist()
    return count


def _hudi(table: str, path: str) -> dict[str, str]:
    return {
        **shared(path),
        "hoodie.table.name": table,
        "hoodie.datasource.write.table.type": "MERGE_ON_READ",
        "hoodie.datasource.write.operation": "upsert",
        "hoodie.datasource.write.recordkey.field": RECORD_KEY,
        "hoodie.datasource.write.partitionpath.field": "event_year",
        "hoodie.datasource.write.precombine.field": "version",
        "hoodie.record.merge.mode": "EVENT_TIME_ORDERING",
        "hoodie.upsert.shuffle.parallelism": "2",
    }


def insert(spark: SparkSession, endpoint: Endpoint, published: DataFrame, scratch: Path) -> int:
    """Insert every version of every bar that ClickHouse does not have; returns how many.

    Raises:
        ClickHouseUnavailableError: no answer, or the tables are not there.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    missing = published
    if clickhouse.fetch(endpoint, HISTORY, Days(None, None), target := scratch / "history.parquet"):
        identity = [*catalog.key(ADJUSTED_BAR), "version"]
        there = dated(spark.read.parquet(str(target)), ADJUSTED_BAR)
        missing = published.join(there.select(*identity), identity, "left_anti")
    names = catalog.columns(ADJUSTED_BAR)
    # Days and µs are what ClickHouse keeps of a Date32 and a DateTime64(6): integers go in as they are.
    rows = (list(row) for row in missing.select(*names).toLocalIterator())
    client = endpoint.client()
    try:
        return sum(_insert(client, names, chunk) for chunk in _chunks(rows))
    except ClickHouseError as error:
        raise ClickHouseUnavailableError(f"ClickHouse refused {HISTORY}: {error}") from error
    finally:
        client.close()


def _insert(client: Any, names: list[str], chunk: list[list[Any]]) -> int:
    client.insert(HISTORY, chunk, column_names=names)
    return len(chunk)


def _chunks(rows: Iterator[list[Any]]) -> Iterator[list[list[Any]]]:
    while chunk := list(islice(rows, _CHUNK)):
        yield chunk


def dated(rows: DataFrame, kind: str) -> DataFrame:
    """Turn the dates of a table read from ClickHouse, ISO texts there, into the contract's days."""
    for name in (DATED_BY[kind], "as_of"):
        if name in rows.columns:
            rows = rows.withColumn(name, fn.unix_date(fn.to_date(name)))
    return rows
