"""Hudi's table services in Spark, beside the stream that writes: compaction, clustering, cleaning."""

from __future__ import annotations

from collections.abc import Collection

from pyspark.sql import SparkSession

from batch.spark.shared_tables import shared
from schemas.domains import Table

#: On top of what all writers share.
_SERVICE = {
    "hoodie.parquet.compression.codec": "zstd",
    # Else a file of thousand rows is half a megabyte, for a filter of sixty thousand keys.
    "hoodie.parquet.bloom.filter.enabled": "false",
    # One service at a time is asked for; none brings another with it. The stream archives.
    "hoodie.clean.automatic": "false",
    "hoodie.archive.automatic": "false",
}


def compact(spark: SparkSession, path: str, *, unfinished: bool = False) -> None:
    """Merge the log files of each file group into a base file; with ``unfinished`` what a dead run has planned."""
    options = _options(path, {"hoodie.compact.inline.max.delta.commits": "1"})
    _call(spark, f"run_compaction(op => '{_op(unfinished)}', path => '{path}', options => '{options}')")


def cluster(
    spark: SparkSession, table: Table, path: str, partitions: Collection[str], *, unfinished: bool = False
) -> None:
    """Put the small files of some partitions together, sorted; with ``unfinished`` what a dead run has planned."""
    upkeep = table.upkeep
    options = _options(
        path,
        {
            "hoodie.clustering.plan.strategy.small.file.limit": str(upkeep.small_file),
            "hoodie.clustering.plan.strategy.target.file.max.bytes": str(upkeep.file_size),
            "hoodie.clustering.plan.strategy.max.bytes.per.group": str(8 * upkeep.file_size),
            "hoodie.clustering.plan.strategy.single.group.clustering.enabled": "false",
        },
    )
    which = "" if unfinished else f", selected_partitions => '{','.join(sorted(partitions))}'"
    order = ",".join(table.sorted_by)
    what = f"op => '{_op(unfinished)}', path => '{path}', order => '{order}'{which}"
    _call(spark, f"run_clustering({what}, options => '{options}')")


def clean(spark: SparkSession, table: Table, path: str, *, all_old: bool) -> None:
    """Delete files that were replaced longer ago than the table's upkeep keeps them.

    Args:
        spark: a session.
        table: the table.
        path: its folder, as a URI.
        all_old: whether all that was ever replaced is as old. By age Hudi keeps what the last commit before the limit
            saw, which is everything where nothing was committed since.
    """
    spark.sql(f"CREATE TABLE IF NOT EXISTS {table.name} USING hudi LOCATION '{path}'")
    hours = table.upkeep.kept_ms // 3_600_000
    policy = "'KEEP_LATEST_FILE_VERSIONS', file_versions_retained => 1"
    if not all_old:
        policy = f"'KEEP_LATEST_BY_HOURS', hours_retained => {hours}"
    _call(spark, f"run_clean(table => '{table.name}', clean_policy => {policy}, options => '{_options(path, {})}')")


def _op(unfinished: bool) -> str:
    return "execute" if unfinished else "scheduleAndExecute"


def _options(path: str, more: dict[str, str]) -> str:
    return ",".join(f"{name}={value}" for name, value in {**shared(path), **_SERVICE, **more}.items())


def _call(spark: SparkSession, procedure: str) -> None:
    spark.sql(f"CALL {procedure}").collect()
