"""Why a replay finds nothing: a range or an entity that cannot be meant is told apart from a day without events."""

from __future__ import annotations

from difflib import get_close_matches
from urllib.parse import unquote

from pyspark.sql import SparkSession

from batch.ranges import RangeError, Span, day_text
from batch.spark.bronze import read_bronze

_MOST = 5


def demand_possible(spark: SparkSession, lake_uri: str, span: Span, entity: str | None) -> None:
    """See that Bronze, which had nothing of a span and an entity, could have had.

    Raises:
        BronzeError: there is no Bronze table.
        RangeError: the span ends before Bronze begins, or Bronze knows no such entity.
    """
    bronze = read_bronze(spark, lake_uri)
    begin = min((unquote(file).rsplit("/", 2)[-2] for file in bronze.inputFiles()), default="")
    last = span.event_days().last
    if last is not None and day_text(last) < begin:
        raise RangeError(f"Bronze begins on {begin}: there is nothing before {span.as_json()['to']}")
    if entity is not None and bronze.where(bronze.entity_id == entity).first() is None:
        known = [row.entity_id for row in bronze.select("entity_id").distinct().collect()]
        near = get_close_matches(entity, known, _MOST, 0.6) or sorted(known)[:_MOST]
        raise RangeError(f"Bronze has nothing of an entity {entity!r}; there are, for example, {', '.join(near)}")
