"""A table of Silver or Gold that was lost, made again out of Bronze."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as fn

from batch.ranges import Span
from batch.replaying.files import records
from batch.replaying.replay import BAR_OF, replay
from batch.spark import views
from batch.spark.bronze import table_exists
from batch.spark.columns import VALUE
from batch.spark.shared_tables import shared
from batch.spark.topics import contents
from schemas import catalog
from schemas.domains import Table
from schemas.quality import Quality
from schemas.versions import Schedule

#: Of the commit's extra metadata: the runs of the job whose results are all in it. See ``FilesCommitter`` of
#: ``connectors/hudi``: a run that goes on from one of these finds files staged in the lost table, and nothing else.
REBUILT = "polyglot.rebuilt"
_META = "polyglot."


class TableThereError(RuntimeError):
    """A table that is there is not made again."""


def rebuild(
    spark: SparkSession,
    lake_uri: str,
    tables: Sequence[Table],
    scratch: Path,
    runs: Collection[str],
    *,
    quality: Quality | None = None,
    schedule: Schedule | None = None,
) -> dict[str, int]:
    """Write tables that are gone out of a replay of all of Bronze; return how many rows each has.

    Nobody else writes to them, and Bronze has just what the jobs have read.

    Args:
        spark: a session.
        lake_uri: the lake's root.
        tables: of ``trade``, ``quote``, ``bar`` or ``quote_bar``.
        scratch: a local folder for the replay, replaced.
        runs: ids of the runs of the jobs that write to them.
        quality: the rules that judge frames; by default the project's own.
        schedule: which versions of behaviour hold where.

    Raises:
        TableThereError: a table is there.
        BronzeError: there is no Bronze.
        BalanceError: the replay's counts do not balance.
    """
    for table in tables:
        if table_exists(spark, f"{lake_uri}/{table.name}"):
            raise TableThereError(f"{lake_uri}/{table.name} is there")
    wanted = {table.contract for table in tables}
    bars = any(table.mode == "upsert" for table in tables)
    kinds = [kind for kind, bar in BAR_OF.items() if {kind, bar} & wanted]
    replay(spark, lake_uri, scratch, Span(), kinds=kinds, reduce=bars, quality=quality, schedule=schedule)
    return {table.name: _write(spark, lake_uri, table, scratch, runs) for table in tables}


def _write(spark: SparkSession, lake_uri: str, table: Table, scratch: Path, runs: Collection[str]) -> int:
    path = f"{lake_uri}/{table.name}"
    rows = _rows(spark, scratch, str(table.contract)).persist()
    try:
        options = {**shared(path), **_layout(table), REBUILT: ",".join(runs)}
        rows.write.format("hudi").options(**options).mode("append").save(path)
        return rows.count()
    finally:
        rows.unpersist()


def _rows(spark: SparkSession, scratch: Path, kind: str) -> DataFrame:
    """Return the columns that the sinks write of a kind."""
    found = contents(records(spark, scratch, kind).select(VALUE), kind)
    if kind in catalog.BARS:
        return found.select(
            views.key_of(kind).alias("bar_key"), *catalog.columns(kind), views.event_date(kind).alias("event_date")
        )
    return found.withColumn("ingest_date", views.iso_date(fn.col("ingest_date")))


def _layout(table: Table) -> dict[str, str]:
    """Return Hudi's options of a table that is as the sink would have made it."""
    upsert = table.mode == "upsert"
    found = {
        "hoodie.table.name": table.name,
        "hoodie.datasource.write.table.type": "MERGE_ON_READ" if upsert else "COPY_ON_WRITE",
        "hoodie.datasource.write.operation": "upsert" if upsert else "bulk_insert",
        "hoodie.datasource.write.recordkey.field": "bar_key" if upsert else table.key[0],
        "hoodie.datasource.write.partitionpath.field": table.partition,
        "hoodie.datasource.write.partitionpath.urlencode": "true",
        "hoodie.datasource.write.commitmeta.key.prefix": _META,
        "hoodie.parquet.compression.codec": "zstd",
        "hoodie.bulkinsert.shuffle.parallelism": "2",
        "hoodie.upsert.shuffle.parallelism": "2",
    }
    if not upsert:
        return found
    return found | {
        "hoodie.table.ordering.fields": "version",
        "hoodie.datasource.write.precombine.field": "version",
        "hoodie.record.merge.mode": "EVENT_TIME_ORDERING",
        # As the sink looks for a key (BucketUpsert).
        "hoodie.index.type": "BUCKET",
        "hoodie.bucket.index.num.buckets": "4",
        "hoodie.compact.inline": "false",
    }
