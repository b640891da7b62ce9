"""What the ingest kernel returns, as rows of the Bronze table and of the dead-letter topic."""

from __future__ import annotations

from pyflink.common import Row, Types

from flink_jobs.wire_rows import WIRE_RECORD, dead_letter_rows
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
BRONZE_ROWS = Types.ROW_NAMED(
    ["bronze", "dead_letters"],
    [
        Types.OBJECT_ARRAY(Types.ROW_NAMED(list(BRONZE_COLUMNS), [_TYPES[t] for t in BRONZE_COLUMNS.values()])),
        Types.OBJECT_ARRAY(WIRE_RECORD),
    ],
)


#: What a micro-batch carries of each record.
PACKED = {
    "`value`": _TYPES["BYTES"],
    "`offset`": Types.LONG(),
    "UNIX_TIMESTAMP(CAST(`timestamp` AS STRING)) * 1000": Types.LONG(),
}


def bronze_rows(fold: Ingestor, batch: Row) -> Row:
    """Fold one micro-batch, Row(topic, partition, values, offsets, record times)."""
    _, partition, values, offsets, times = batch
    out = fold.process(values, offsets, partition, times)
    return Row(
        [Row(*row) for row in out.bronze.rows()],
        dead_letter_rows("deadletter.ingestion.v1", out.dead_letters),
    )
