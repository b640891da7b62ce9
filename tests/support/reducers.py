"""Bars by SQL: the reducers of ``sql/`` in Spark, and the plain finishing; an oracle of what the window fold makes."""

from __future__ import annotations

from collections.abc import Iterator

from pyspark.sql import DataFrame, SparkSession

import sql
from batch.topics import contents
from udfs.bars import INTERVALS, finish_bar, finish_quote_bar, key_time
from udfs.times import SECOND

SUMS = [f"{side}{name}_l{k}" for side in ("", "buy_") for name, n in (("size", 3), ("notional", 4)) for k in range(n)]


def reduced(spark: SparkSession, bar: sql.Kind, records: DataFrame) -> Iterator[bytes]:
    """Yield the wire bytes of all bars of some records (wire bytes in ``value``), none of which was revised."""
    view = "trades_keyed" if bar == "bar" else "quotes_keyed"
    contents(records, "trade" if bar == "bar" else "quote").createOrReplaceTempView("records")
    spark.sql(sql.keyed(bar, "spark", "records")).createOrReplaceTempView(view)
    for interval, length in INTERVALS.items() if bar == "bar" else [("1s", SECOND)]:
        for row in spark.sql(sql.aggregate(bar, "spark", interval)).collect():
            start = key_time(row.close_key) // length * length
            if bar == "quote_bar":
                yield finish_quote_bar(row.entity_id, start, row.quote_count, row.close_key).encode()
                continue
            keys, extremes = (row.open_key, row.close_key), (row.high, row.low)
            sums = [row[name] for name in SUMS]
            yield finish_bar(
                row.entity_id, interval, start, row.trade_count, *keys, *extremes, sums, row.version
            ).encode()
