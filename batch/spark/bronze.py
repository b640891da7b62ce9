"""Hudi tables as DataFrames: Bronze, and what else is in the lake."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as fn

from schemas import catalog
from schemas.catalog import BRONZE, LOG
from udfs.gate.resubmitted import AMEND, PREFIX, REDRIVE
from udfs.wire.envelope import encode_one

#: Columns of a frame's envelope.
ENVELOPE = tuple(catalog.columns("raw_envelope"))
#: Which records are amended or redriven ones; these arrived on whatever date they were sent again.
AMENDED, REDRIVEN = (f"source_id LIKE '{PREFIX[kind]}%'" for kind in (AMEND, REDRIVE))
RESUBMITTED = f"({AMENDED} OR {REDRIVEN})"
#: Entities to restrict a run to; None for all.
Which = str | Sequence[str] | None


class BronzeError(RuntimeError):
    """Bronze is not there or not readable."""


def read_bronze(spark: SparkSession, lake_uri: str, as_of: str | None = None) -> DataFrame:
    """Open the newest snapshot of Bronze, or the one `as_of` an instant.

    One thread at a time may plan on what is returned: Hudi's index of a table's files is not safe for threads.

    Raises:
        BronzeError: there is no such table.
    """
    path = _path(lake_uri)
    try:
        table = open_table(spark, path, as_of)
    except Exception as error:
        raise BronzeError(f"no Bronze table at {path}: {type(error).__name__}: {first_line(error)}") from error
    missing = {*ENVELOPE, *LOG, "ingest_date"} - set(table.columns)
    if missing:
        raise BronzeError(f"Bronze at {path} lacks the columns {', '.join(sorted(missing))}")
    return table


def open_table(spark: SparkSession, path: str, as_of: str | None = None) -> DataFrame:
    """Open the newest snapshot of a Hudi table, or the one `as_of` an instant."""
    # Listing a local folder costs nothing; Hudi's index of files is worth its start-up on object stores only.
    index = "false" if path.startswith("file:") else "true"
    reader = spark.read.format("hudi").option("hoodie.metadata.enable", index)
    return (reader.option("as.of.instant", as_of) if as_of else reader).load(path)


def newest_instant(spark: SparkSession, lake_uri: str) -> str:
    """Return the instant of Bronze's newest snapshot.

    Raises:
        BronzeError: there is no such table, nothing was committed to it, or Spark has stopped.
    """
    path = _path(lake_uri)
    if not table_exists(spark, path):
        raise BronzeError(f"no Bronze table at {path}")
    jvm, files, _ = _hadoop(spark, path)
    commits = jvm.org.apache.hudi.HoodieDataSourceHelpers.allCompletedCommitsCompactions(files, path)
    if commits.empty():
        raise BronzeError(f"nothing was committed to the Bronze table at {path} yet")
    return str(commits.lastInstant().get().requestedTime())


def table_exists(spark: SparkSession, path: str) -> bool:
    """Tell whether there is a Hudi table.

    Raises:
        BronzeError: Spark has stopped.
    """
    _, files, marker = _hadoop(spark, f"{path}/.hoodie")
    return bool(files.exists(marker))


def _path(lake_uri: str) -> str:
    return f"{lake_uri}/{BRONZE}"


def _hadoop(spark: SparkSession, path: str) -> tuple[Any, Any, Any]:
    """Return the JVM, and a path's file system and the path in it: Spark has no public way to ask its file systems."""
    jvm = spark._jvm  # noqa: SLF001
    if jvm is None:
        raise BronzeError("Spark has stopped")
    place = jvm.org.apache.hadoop.fs.Path(path)
    return jvm, place.getFileSystem(spark._jsc.hadoopConfiguration()), place  # noqa: SLF001


def first_line(error: Exception) -> str:
    """Return the first line of an engine's message: the rest is a stack trace."""
    return (str(error).splitlines() or [""])[0]


def reason(error: Exception) -> str:
    """Return why an engine could not read something: the line that names a file, else the first line."""
    lines = [line.strip() for line in str(error).splitlines()]
    return next((line for line in lines if ".parquet" in line or ".log." in line), first_line(error)).lstrip(": ")[:500]


def of_entities(rows: DataFrame, entity: Which) -> DataFrame:
    """Return the rows of these entities."""
    if not entity:
        return rows
    return rows.where(fn.col("entity_id").isin([entity] if isinstance(entity, str) else list(entity)))


def envelope_at(bronze: DataFrame, topic: str, partition: int, offset: int) -> bytes | None:
    """Return the Kafka value at an offset, rebuilt from Bronze; None: Bronze does not have it."""
    at = (bronze.topic == topic) & (bronze.kafka_partition == partition) & (bronze.kafka_offset == offset)
    row = bronze.where(at).select(*ENVELOPE).first()
    return None if row is None else encode_one(*row)
