"""A small lake as the jobs would have written it, without Kafka and Flink: a few seconds of a simulated venue.

The folds are the stream's own. What Flink does around them (topics, checkpoints, commits) is left out, so this shows
what `batch.verify` compares, and not how it is delivered.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession

from batch.spark import views
from batch.spark.topics import contents
from collectors.sim import SimSpec, Simulator
from collectors.wrap import Wrapper
from runtime.config import Settings
from schemas import catalog
from schemas.domains import domains, raw_topic
from udfs.ingest.ingestor import Ingestor
from udfs.kernels.slices import Slices
from udfs.lake.bronze import bronze_columns
from udfs.normalize.normalizer import Normalizer
from udfs.windows.definition import BARS, QUOTE_BARS, Definition
from udfs.windows.fold import WindowFold
from udfs.wire.envelope import decode

VENUE = "sim"


def write(spark: SparkSession, folder: Path, *, frames: int = 1_000, bars: Definition = BARS) -> Settings:
    """Write Bronze, Silver and Gold of some simulated frames; return the settings of that installation.

    Args:
        spark: the session of `batch.open_session`.
        folder: empty; becomes the installation's ``var_dir``.
        frames: how many.
        bars: the definition by which the stream computes its bars.
    """
    settings = Settings(var_dir=folder)
    bronze: list[pa.RecordBatch] = []
    normalized: dict[str, list[bytes]] = {kind: [] for kind in catalog.NORMALIZED}
    for topic, values in _raw(frames).items():
        ingested = Ingestor(topic).process(values, range(len(values)), partition=0)
        bronze += [rows for _, rows in bronze_columns(ingested.bronze)]
        out = Normalizer(topic).process(decode(values)[0])
        normalized["trade"] += out.trades.encode()
        normalized["quote"] += out.quotes.encode()
    _write(settings, catalog.BRONZE, _open(spark, folder, pa.Table.from_batches(bronze)))
    for kind, values in normalized.items():
        rows = contents(_values(spark, values), kind)
        _write(settings, catalog.lake_table(kind), rows.withColumn("ingest_date", views.iso_date("ingest_date")))
    for definition, kind in ((bars, "trade"), (QUOTE_BARS, "quote")):
        fold = WindowFold(definition)
        fold.fold(catalog.topic(kind), Slices.of(normalized[kind]))
        bar, results = definition.contract, fold.close().results
        rows = contents(_values(spark, results.wire().tolist()), bar)
        rows = rows.withColumn("bar_key", views.key_of(bar)).withColumn("event_date", views.event_date(bar))
        _write(settings, catalog.lake_table(bar), rows)
    return settings


def change(settings: Settings, table: str, column: str, value: Any) -> str:
    """Change one number of a lake table behind everybody's back; return the key of the row."""
    path = min(Path(settings.lake_uri.removeprefix("file://"), table).rglob("*.parquet"))
    with pq.ParquetFile(path) as file:
        found = file.read()
    rows = found.to_pylist()
    rows[0][column] = value
    pq.write_table(pa.Table.from_pylist(rows, found.schema), path)
    path.with_name(f".{path.name}.crc").unlink(missing_ok=True)  # as the writer would have left it
    return str(rows[0].get("bar_key") or rows[0]["event_id"])


def _raw(frames: int) -> dict[str, list[bytes]]:
    """Return the values of the raw topics, in log order."""
    simulated = Simulator(SimSpec(seed=7, symbols=2, rate=200), frames)
    wrapper = Wrapper(VENUE, simulated.source_id)
    found: dict[str, list[bytes]] = defaultdict(list)
    for block in simulated.blocks(0):
        for value, channel in zip(wrapper.wrap(block), block.channel, strict=True):
            found[raw_topic(VENUE, channel)].append(value)
    return found


def _values(spark: SparkSession, values: list[bytes]) -> DataFrame:
    return spark.createDataFrame([(value,) for value in values], "value BINARY")


def _open(spark: SparkSession, folder: Path, table: pa.Table) -> DataFrame:
    folder.mkdir(parents=True, exist_ok=True)
    staged = folder / "staged.parquet"
    pq.write_table(table, staged)
    return spark.read.parquet(str(staged))


def _write(settings: Settings, table: str, rows: DataFrame) -> None:
    layout = domains().tables[table]
    options = {
        "hoodie.table.name": table,
        "hoodie.datasource.write.operation": "bulk_insert",
        "hoodie.datasource.write.recordkey.field": layout.key[0] if len(layout.key) == 1 else "bar_key",
        "hoodie.datasource.write.partitionpath.field": layout.partition,
        "hoodie.bulkinsert.shuffle.parallelism": "1",
        "hoodie.metadata.enable": "false",
    }
    writer = rows.coalesce(1).write.format("hudi").options(**options).mode("overwrite")
    writer.save(f"{settings.lake_uri}/{table}")
