"""A small Bronze table written by Spark from frames, as the ingest job's log would have it."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from schemas.domains import raw_topic
from udfs.gate.assign import assign

PARTITIONS = 4


class Frame(NamedTuple):
    """A frame as a collector received it; µs UTC."""

    ingest_time: int
    payload: bytes


def read_capture(path: Path, limit: int | None = None) -> Iterator[Frame]:
    """Read `<receive ns> <JSON>` lines."""
    with gzip.open(path, "rb") as lines:
        for n, line in enumerate(lines):
            if limit is not None and n >= limit:
                return
            receive_ns, payload = line.rstrip(b"\n").split(b" ", 1)
            yield Frame(int(receive_ns) // 1000, payload)


def partition_of(entity_id: str) -> int:
    """Return an entity's partition (which one does not matter, as long as it is always the same)."""
    return crc32(entity_id.encode()) % PARTITIONS


def bronze_rows(venue: str, frames: Iterable[Frame], source: str = "test") -> list[dict[str, Any]]:
    """Return Bronze rows: identities assigned, one log per (topic, partition), offsets in order of the frames.

    An id that was there before is left out, as ingest does.
    """
    rows, offsets, seen = [], dict[tuple[str, int], int](), set[str]()
    for seq, frame in enumerate(frames, start=1):
        who = assign(venue, frame.payload)
        topic = raw_topic(venue, who.channel)
        partition = partition_of(who.entity_id)
        offset = offsets.get((topic, partition), 0)
        offsets[topic, partition] = offset + 1
        if who.event_id in seen:
            continue
        seen.add(who.event_id)
        rows.append(
            {
                "event_id": who.event_id,
                "entity_id": who.entity_id,
                "venue": venue,
                "channel": who.channel,
                "event_time": frame.ingest_time if who.event_time is None else who.event_time,
                "event_time_source": "ingest" if who.event_time is None else "venue",
                "ingest_time": frame.ingest_time,
                "source_id": source,
                "source_seq": seq,
                "payload": frame.payload,
                "topic": topic,
                "kafka_partition": partition,
                "kafka_offset": offset,
                "ingest_date": datetime.fromtimestamp(frame.ingest_time // 1_000_000, UTC).date().isoformat(),
            }
        )
    return rows


BRONZE_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("event_id", "entity_id", "venue", "channel")),
        ("event_time", pa.int64()),
        ("event_time_source", pa.string()),
        ("ingest_time", pa.int64()),
        ("source_id", pa.string()),
        ("source_seq", pa.int64()),
        ("payload", pa.binary()),
        ("topic", pa.string()),
        ("kafka_partition", pa.int32()),
        ("kafka_offset", pa.int64()),
        ("ingest_date", pa.string()),
    ]
)


def write_hudi(spark: SparkSession, table: pa.Table, path: Path, name: str, key: str, partition: str) -> None:
    """Write (replace) a copy-on-write table."""
    staged = path.parent / f"{name}.staged.parquet"
    staged.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, staged)
    options = {
        "hoodie.table.name": name,
        "hoodie.datasource.write.operation": "bulk_insert",
        "hoodie.datasource.write.recordkey.field": key,
        "hoodie.datasource.write.partitionpath.field": partition,
        "hoodie.bulkinsert.shuffle.parallelism": "1",
        "hoodie.metadata.enable": "false",
    }
    rows = spark.read.parquet(str(staged)).coalesce(1)
    rows.write.format("hudi").options(**options).mode("overwrite").save(path.as_uri())
    staged.unlink()


def write_bronze(spark: SparkSession, lake: Path, rows: list[dict[str, Any]]) -> None:
    """Write ``bronze_raw`` under `lake`; rows are shuffled so that nothing leans on the order of files."""
    shuffled = sorted(rows, key=lambda row: crc32(row["event_id"].encode()))
    table = pa.Table.from_pylist(shuffled, BRONZE_SCHEMA)
    write_hudi(spark, table, lake / "bronze_raw", "bronze_raw", "event_id", "ingest_date")
