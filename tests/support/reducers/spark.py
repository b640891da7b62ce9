"""Bars by the reducers in Spark SQL, and the plain finishing."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from pyspark.sql import DataFrame, SparkSession

from batch.spark.topics import contents
from schemas.catalog import INTERVALS
from support.finishing import encode, finish_bar, finish_quote_bar, key_time
from support.reducers import SUMS, Kind, aggregate, keyed
from udfs.values.times import SECOND
from udfs.wire.avro import unscaled


def reduced(spark: SparkSession, bar: Kind, records: DataFrame) -> Iterator[bytes]:
    """Yield the wire bytes of all bars of some records (wire bytes in ``value``), none of which was revised."""
    kind, view = ("trade", "trades_keyed") if bar == "bar" else ("quote", "quotes_keyed")
    contents(records, kind).createOrReplaceTempView("records")
    spark.sql(keyed(bar, "records", "spark")).createOrReplaceTempView(view)
    for interval, length in INTERVALS.items() if bar == "bar" else [("1s", SECOND)]:
        for row in spark.sql(aggregate(bar, interval, "spark")).collect():
            start = key_time(row.close_key) // length * length
            if bar == "quote_bar":
                yield encode(finish_quote_bar(row.entity_id, start, row.quote_count, row.close_key))
                continue
            keys, extremes = (row.open_key, row.close_key), (row.high, row.low)
            sums = [unscaled(row[name] or Decimal(0), places) for name, places in SUMS.items()]
            yield encode(finish_bar(row.entity_id, interval, start, row.trade_count, *keys, *extremes, sums))
