"""What the ingest kernel returns, as rows of the Bronze table and of the dead-letter topic."""

from __future__ import annotations

from typing import Any

from pyflink.common import Types

from flink_jobs.shards import rows
from flink_jobs.wire_rows import WIRE_COLUMNS, dead_letter_columns
from udfs.ingest import Context, Ingestor

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
#: What each record's row carries, and what is said once per context (``udfs.ingest.Context``).
ROW = ("event_id", "event_time", "ingest_time", "source_seq", "payload", "kafka_offset")
_FIELDS = Types.ROW_NAMED([*ROW, "context"], [*(_TYPES[BRONZE_COLUMNS[name]] for name in ROW), Types.INT()])
_CONTEXT = Types.ROW_NAMED(list(Context._fields), [Types.STRING()] * len(Context._fields))
#: A part of a micro-batch is what it has of one topic. Most of Bronze's columns are the same in many of its rows, and
#: what is handed over twice is paid for twice: Python writes, and the JVM reads, one value at a time.
PART = {
    "topic": Types.STRING(),
    "kafka_partition": Types.INT(),
    "contexts": Types.OBJECT_ARRAY(_CONTEXT),
    "records": Types.OBJECT_ARRAY(_FIELDS),
}
OUTPUT = {"bronze": PART, "dead_letters": WIRE_COLUMNS}

#: What a micro-batch carries of each record. A dead letter's time is exact to the second (and seconds since 1970 do not
#: fit TIMESTAMPDIFF's INT for long).
PACKED = {
    "`value`": _TYPES["BYTES"],
    "`offset`": Types.LONG(),
    "(1577836800 + TIMESTAMPDIFF(SECOND, TO_TIMESTAMP_LTZ(1577836800, 0), `timestamp`)) * 1000": Types.LONG(),
}


def bronze_columns(
    fold: Ingestor, partition: int, values: list[bytes], offsets: list[int], times: list[int]
) -> tuple[tuple[list[Any], ...], ...]:
    """Fold one micro-batch of a shard into a part with rows of Bronze, if it has any, and columns of dead letters."""
    out = fold.process(values, offsets, partition, times)
    part: tuple[list[Any], ...] = ([], [], [], [])
    if len(out.bronze):
        contexts = tuple(map(list, zip(*out.bronze.contexts, strict=True)))
        part = ([out.bronze.topic], [partition], [list(rows(contexts))], [list(rows(out.bronze.columns()))])
    return part, dead_letter_columns("deadletter.ingestion.v1", [*out.dead_letters, *out.conflicts])


def bronze_select(view: str) -> str:
    """Return the SELECT of Bronze's rows out of the parts in ``view``."""
    columns = {
        **dict.fromkeys(("topic", "kafka_partition"), "p.`{}`"),
        **dict.fromkeys(Context._fields, "p.contexts[r.context + 1].`{}`"),
        **dict.fromkeys(ROW, "r.`{}`"),
    }
    return f"""
        SELECT {", ".join(columns[name].format(name) for name in BRONZE_COLUMNS)}
        FROM {view}
        CROSS JOIN UNNEST({view}.bronze) AS p ({", ".join(f"`{name}`" for name in PART)})
        CROSS JOIN UNNEST(p.records) AS r ({", ".join(f"`{name}`" for name in (*ROW, "context"))})
    """
