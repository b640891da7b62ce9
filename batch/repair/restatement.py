"""Restatement: windows that were published are computed anew by another version of their formula, and published.

Which version holds for them is recorded before (`operations.cutovers.restatement`), so the stream, repairs and every
later replay say the same of them. The version of a restated bar is raised by more than a window has events, so
consumers take it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from batch.publishing.publish import publish
from batch.ranges import Span
from batch.replaying.replay import replay
from schemas.catalog import DAY
from schemas.quality import Quality
from schemas.versions import Schedule


def recompute(
    spark: SparkSession,
    lake_uri: str,
    scratch: Path,
    kafka: Mapping[str, Any],
    span: Span,
    schedule: Schedule,
    quality: Quality | None = None,
) -> int:
    """Replay the days of a span and publish the bars of windows that start in it; return how many.

    Args:
        spark: the session.
        lake_uri: where the lake is.
        scratch: a local folder (replaced).
        kafka: librdkafka properties.
        span: bounded; it may cut windows, of which those belong to it that start in it.
        schedule: which versions hold where, the restatement among them.
        quality: data-quality rules, where the schedule has none.

    Raises:
        ValueError: the span is not bounded.
        BronzeError: no Bronze.
        BalanceError: a kernel lost records.
        PublishError, PublishBarrierError: the broker did not take a record, or the stream is not through.
    """
    if span.start is None or span.end is None:
        raise ValueError("a restatement is bounded in time")
    days = Span(span.start // DAY * DAY, -(-span.end // DAY) * DAY)
    done = replay(spark, lake_uri, scratch, days, kinds=("trade",), quality=quality, schedule=schedule)
    inside = f"window_start >= {span.start}L AND window_start < {span.end}L"
    return publish(spark, done.out, kafka, ("bar",), lambda bars: bars.where(inside))["bar"]
