"""What is new since a commit of Bronze, as spans of event time: the days that a verification must look at again.

Everything that stream and batch compute comes from Bronze's records, by the versions that hold. So what no new record
belongs to, and was not restated, is as it was when it was last compared, unless a store has changed by itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession

from batch.ranges import Span
from batch.spark.bronze import read_bronze
from batch.spark.topics import Broker, contents, extents, read
from runtime.object_store import local, source
from schemas import catalog
from schemas.catalog import DAY, REVISIONS, SECOND

#: Events of one frame lie so close together; the frame says the time of one.
_FRAME = SECOND


def new_spans(spark: SparkSession, lake_uri: str, broker: Broker, instant: str, restated: set[int]) -> list[Span]:
    """Return whole days, those that follow each other as one span, that Bronze's commits behind an instant belong to.

    The days ``restated`` (since the epoch) are among them.

    Raises:
        BronzeError: there is no Bronze table, or its files are not local.
        BrokerError: no answer.
    """
    files = [file for file in read_bronze(spark, lake_uri).inputFiles() if committed(file) > instant]
    days, since = days_of(files)
    if files:
        days |= _revised(spark, broker, since)
    return spans(days | restated)


def committed(uri: str) -> str:
    """Return the instant of the commit that wrote a file of a Hudi table, which is the last part of its name."""
    return local(uri).stem.rsplit("_", 1)[-1]


def days_of(files: Iterable[str]) -> tuple[set[int], int]:
    """Return the event dates of files' records, days since the epoch, and the oldest event time, µs."""
    days: set[int] = set()
    since = 1 << 62
    for file in files:
        times = pq.read_table(source(file), columns=["event_time"]).column("event_time")
        if len(times):
            since = min(since, pc.min(times).as_py())
            at = np.asarray(times)
            days |= {*np.unique((at - _FRAME) // DAY).tolist(), *np.unique((at + _FRAME) // DAY).tolist()}
    return days, since


def _revised(spark: SparkSession, broker: Broker, since: int) -> set[int]:
    """Return the dates of trades that were cancelled or corrected at or after a time: their bars are others now."""
    found = extents(broker, [catalog.topic(kind) for kind in REVISIONS])
    parts: list[DataFrame] = []
    for kind in REVISIONS:
        extent = found.get(catalog.topic(kind))
        if extent is not None and not extent.empty:
            rows = contents(read(spark, broker, [extent]), kind).where(f"event_time >= {since}L")
            parts.append(rows.selectExpr(f"CAST(floor(trade_time / {DAY}) AS BIGINT) AS day").distinct())
    return {row.day for row in reduce(DataFrame.union, parts).collect()} if parts else set()


def spans(days: Iterable[int]) -> list[Span]:
    """Return days since the epoch as spans, those that follow each other as one."""
    found: list[tuple[int, int]] = []
    for day in sorted(days):
        if found and found[-1][1] == day:
            found[-1] = (found[-1][0], day + 1)
        else:
            found.append((day, day + 1))
    return [Span(first * DAY, end * DAY) for first, end in found]
