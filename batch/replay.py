"""Replay: Bronze → the same kernels → the same reducers → the same finishing kernels, bounded by time and entity.

    bronze_raw ──(one Spark partition per shard, in log order)──► fold ──► trade, quote (and dead letters)
    trade, quote ──► sql/bars.sql, sql/quote_bars.sql ──► finish ──► bar, quote_bar

Every record carries its wire bytes in ``value``: what the stream must have written, byte for byte.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as fn

import sql
from batch import kernels
from batch.bronze import plan, read_bronze, sharded
from batch.ranges import Span

KINDS: tuple[kernels.Kind, ...] = ("trade", "quote")
BARS: tuple[kernels.Bar, ...] = ("bar", "quote_bar")


@dataclass
class Replayed:
    """Where the records are (Parquet, one folder a kind under `out`) and how it went; times in seconds."""

    out: str
    records: dict[str, int] = field(default_factory=dict)
    balance: dict[str, dict[str, int]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def events(self) -> int:
        """Return how many Bronze events were folded."""
        return sum(counts.get("envelopes", 0) for counts in self.balance.values())

    def as_json(self) -> dict[str, Any]:
        total = self.seconds.get("total", 0.0)
        rate = round(self.events / total) if total else 0
        return {**asdict(self), "events": self.events, "events_per_second": rate}


class BalanceError(RuntimeError):
    """A kernel lost or invented records: in ≠ out + duplicates + dead letters + not normalized."""


def replay(spark: SparkSession, lake_uri: str, out: str, span: Span, entity: str | None = None) -> Replayed:
    """Recompute a range from Bronze into `out` (a URI; folders trade, quote, bar, quote_bar are replaced).

    Trades and quotes are those whose event time lies in `span`; bars those whose whole window does.

    Raises:
        BronzeError: there is no Bronze table.
        BalanceError: counts do not balance.
    """
    began = time.perf_counter()
    result = Replayed(out)
    bronze = read_bronze(spark, lake_uri)

    def both(kind: kernels.Kind, bar: kernels.Bar) -> None:
        _normalize(spark, bronze, result, kind, span, entity)
        _aggregate(spark, result, kind, bar, span)

    # Two kinds side by side: while one waits for its last shard, the other uses the core.
    with ThreadPoolExecutor(len(KINDS)) as pool:
        for done in [pool.submit(both, kind, bar) for kind, bar in zip(KINDS, BARS, strict=True)]:
            done.result()
    result.seconds["total"] = round(time.perf_counter() - began, 3)
    return result


def _normalize(
    spark: SparkSession, bronze: DataFrame, result: Replayed, kind: kernels.Kind, span: Span, entity: str | None
) -> None:
    began = time.perf_counter()
    counts = spark.sparkContext.accumulator({}, kernels.CountsParam())
    written = spark.sparkContext.accumulator({}, kernels.CountsParam())
    work = plan(bronze, kind, span, entity)
    schema = kernels.normalized_schema(kind)
    if work.shards:
        rows = sharded(spark, bronze, work, entity).mapInArrow(kernels.fold(kind, counts, written, span), schema)
    else:
        rows = spark.createDataFrame([], schema)
    rows.write.mode("overwrite").parquet(f"{result.out}/{kind}")
    balance = {name: counts.value.get(name, 0) for name in kernels.COUNTS}
    accounted = sum(balance[name] for name in kernels.COUNTS if name != "envelopes")
    if not balance["envelopes"] == accounted == work.rows:
        raise BalanceError(f"{kind}: {work.rows} rows of Bronze, {balance}")
    result.balance[kind] = balance
    result.records[kind] = written.value.get(kind, 0)
    result.seconds[kind] = round(time.perf_counter() - began, 3)


def _aggregate(spark: SparkSession, result: Replayed, kind: kernels.Kind, bar: kernels.Bar, span: Span) -> None:
    began = time.perf_counter()
    source, view = f"replayed_{kind}", f"{kind}s_keyed"
    records(spark, result.out, kind).createOrReplaceTempView(source)
    spark.sql(sql.keyed(bar, "spark", source)).createOrReplaceTempView(view)
    intervals = tuple(sql.INTERVALS) if bar == "bar" else ("1s",)
    parts = [spark.sql(sql.aggregate(bar, "spark", interval)) for interval in intervals]
    reduced = parts[0]
    for part in parts[1:]:
        reduced = reduced.unionAll(part)
    bars = reduced.mapInArrow(kernels.finish(bar), kernels.bar_schema(bar)).where(span.sql_window())
    bars.write.mode("overwrite").parquet(f"{result.out}/{bar}")
    result.records[bar] = spark.read.parquet(f"{result.out}/{bar}").count()
    result.seconds[bar] = round(time.perf_counter() - began, 3)


def records(spark: SparkSession, out: str, kind: str) -> DataFrame:
    """Open what a replay wrote of a kind (contract columns and ``value``)."""
    rows = spark.read.parquet(f"{out}/{kind}")
    return rows.where(fn.col(kernels.REJECTED).isNull()).drop(kernels.REJECTED) if kind in KINDS else rows


def rejected(spark: SparkSession, out: str) -> DataFrame:
    """Open the wire bytes (``value``) of the dead letters that a replay met."""
    parts = [spark.read.parquet(f"{out}/{kind}").select(kernels.REJECTED) for kind in KINDS]
    return parts[0].unionAll(parts[1]).where(fn.col(kernels.REJECTED).isNotNull()).toDF(kernels.VALUE)
