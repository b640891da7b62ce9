"""What the ingest kernel returns, as columns of the Bronze table and of the dead-letter topic."""

from __future__ import annotations

from typing import Any

from pyflink.common import Types

from flink_jobs.wire_rows import WIRE_COLUMNS, dead_letter_columns
from udfs.ingest import Ingestor

BRONZE_COLUMNS = {
    "event_id": "STRING",
    "entity_id": "STRING",
    "venue": "STRING",
    "channel": "STRING",
    "event_time": "BIGINT",
    "event_time_source": "STRING",
    "ingest_time": "BIGINT",
    "source_id": "STRING",
    "source_seq": "BIGINT",
    "payload": "BYTES",
    "ingest_date": "STRING",
    "topic": "STRING",
    "kafka_partition": "INT",
    "kafka_offset": "BIGINT",
}
_TYPES = {
    "STRING": Types.STRING(),
    "BIGINT": Types.LONG(),
    "INT": Types.INT(),
    "BYTES": Types.PRIMITIVE_ARRAY(Types.BYTE()),
}
OUTPUT = {
    "bronze": {name: _TYPES[sql_type] for name, sql_type in BRONZE_COLUMNS.items()},
    "dead_letters": WIRE_COLUMNS,
}


#: What a micro-batch carries of each record.
PACKED = {
    "`value`": _TYPES["BYTES"],
    "`offset`": Types.LONG(),
    "UNIX_TIMESTAMP(CAST(`timestamp` AS STRING)) * 1000": Types.LONG(),
}


def bronze_columns(
    fold: Ingestor, partition: int, values: list[bytes], offsets: list[int], times: list[int]
) -> tuple[tuple[list[Any], ...], ...]:
    """Fold one micro-batch of a shard into columns of Bronze and of dead letters."""
    out = fold.process(values, offsets, partition, times)
    letters = [*out.dead_letters, *out.conflicts]
    return out.bronze.columns(), dead_letter_columns("deadletter.ingestion.v1", letters)
