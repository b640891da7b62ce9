"""What another engine has put into a replay's own topics, as the files that Spark's replay writes (`files`).

Of a bar the latest version counts, as for every reader of its topic; of other records each once, however often a job
that was restarted has sent it. What differs although it must not (two records of one number, or of one version) stays
twice, and is a difference where the replay is compared.
"""

from __future__ import annotations

import shutil
from functools import reduce
from pathlib import Path

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as fn
from pyspark.sql.types import StructType

from batch.ranges import Span
from batch.replaying.files import (
    LOW_RATE,
    LOW_RATE_SCHEMA,
    REJECTED,
    REJECTED_SCHEMA,
    bar_schema,
    normalized_schema,
    records,
)
from batch.replaying.replay import BARS, KINDS, BalanceError, Replayed
from batch.spark.columns import VALUE
from batch.spark.topics import Broker, Extent, contents, decoded, extents, read
from batch.spark.views import within
from schemas import catalog
from schemas.domains import domains

_DEAD_LETTERS = catalog.dead_letters("normalization")
_REPAIR = "repair_request"
#: Topics that the jobs of a replay write.
WRITTEN = (*domains().topics_of("normalization"), *(catalog.topic(kind) for kind in (*BARS, _REPAIR)))


def collect(spark: SparkSession, broker: Broker, prefix: str, out: Path, span: Span, entity: str | None) -> Replayed:
    """Write what the topics behind a prefix hold of a span and an entity into `out`, a folder that is replaced.

    Raises:
        BalanceError: the windows lack something: their job asks for a repair.
        BrokerError: no answer.
    """
    found = extents(broker, [prefix + topic for topic in WRITTEN])

    def topic(name: str) -> DataFrame:
        there: list[Extent] = [found[prefix + name]] if prefix + name in found else []
        return read(spark, broker, there)

    demand_no_repair(contents(topic(catalog.topic(_REPAIR)), _REPAIR), span, entity)
    result = Replayed(out)
    for kind in KINDS:
        rows = _flat(topic(catalog.topic(kind)), kind, span, entity, normalized_schema(kind))
        _write(rows.dropDuplicates([VALUE]), out / kind, normalized_schema(kind))
    for bar in BARS:
        rows = _flat(topic(catalog.topic(bar)), bar, span, entity, bar_schema(bar))
        _write(newest(rows, bar), out / bar, bar_schema(bar))
    _write(topic(_DEAD_LETTERS).select(VALUE).distinct(), out / REJECTED, REJECTED_SCHEMA)
    low_rate = [name for name in domains().topics_of("normalization") if name not in _FULL_RATE]
    rows = reduce(DataFrame.unionAll, (topic(n).select(fn.lit(n).alias("topic"), VALUE).distinct() for n in low_rate))
    _write(rows, out / LOW_RATE, LOW_RATE_SCHEMA)
    result.records = {kind: records(spark, out, kind).count() for kind in (*KINDS, *BARS)}
    return result


_FULL_RATE = {*(catalog.topic(kind) for kind in KINDS), _DEAD_LETTERS}


def _flat(log: DataFrame, kind: str, span: Span, entity: str | None, schema: StructType) -> DataFrame:
    """Return what lies in a span: the columns of a schema out of the wire bytes; what is not readable stays in."""
    rows = log.select(VALUE, decoded(fn.col(VALUE), kind).alias("d")).select(VALUE, "d.*")
    return within(kind, span, entity)(rows).select(*(fn.col(f"`{name}`") for name in schema.fieldNames()))


def newest(rows: DataFrame, bar: str) -> DataFrame:
    """Return the records of each bar's highest version."""
    key: list[Column] = [fn.col(f"`{name}`") for name in catalog.key(bar)]
    ranked = rows.withColumn("newest", fn.max("version").over(Window.partitionBy(*key)))
    return ranked.where("version IS NULL OR version = newest").drop("newest").dropDuplicates([VALUE])


def demand_no_repair(requests: DataFrame, span: Span, entity: str | None) -> None:
    """See that no window of a span was left to repair.

    Raises:
        BalanceError: one was.
    """
    asked = requests.where(span.sql_window())
    if entity:
        asked = asked.where(fn.col("entity_id") == entity)
    first = asked.orderBy("window_start").first()
    if first is not None:
        raise BalanceError(
            f"{asked.count()} windows were left to repair; the first: {first.entity_id}, {first.kind}, "
            f"{first.reason}, {first.window_start}"
        )


def _write(rows: DataFrame, folder: Path, schema: StructType) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    typed = rows.select(*(fn.col(f"`{field.name}`").cast(field.dataType) for field in schema))
    typed.write.parquet(str(folder))
