"""What the ingest kernel returns, as rows of the Bronze table and records of the dead-letter topic."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat
from typing import Any

from pyflink.common import Types
from pyflink.fn_execution.coder_impl_fast import InternalRow

from flink_jobs.operators.blocks import BYTES
from flink_jobs.replies import dead_letter_records
from udfs.blocks import Part, Records, reply
from udfs.ingest import Context, Ingested, Ingestor

_INSERT = 0  # a row kind, as PyFlink's coders write it

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
_TYPES = {"STRING": Types.STRING(), "BIGINT": Types.LONG(), "INT": Types.INT(), "BYTES": BYTES}
#: What each record's row carries, and what is said once per context (``udfs.ingest.Context``).
ROW = ("event_id", "event_time", "ingest_time", "source_seq", "payload", "kafka_offset")
_FIELDS = Types.ROW_NAMED([*ROW, "context"], [*(_TYPES[BRONZE_COLUMNS[name]] for name in ROW), Types.INT()])
_CONTEXT = Types.ROW_NAMED(list(Context._fields), [Types.STRING()] * len(Context._fields))
#: A part is what a block has of one topic. Most of Bronze's columns are the same in many of its rows, and
#: what is handed over twice is paid for twice: Python writes, and the JVM reads, one value at a time.
PART = {
    "topic": Types.STRING(),
    "kafka_partition": Types.INT(),
    "contexts": Types.OBJECT_ARRAY(_CONTEXT),
    "records": Types.OBJECT_ARRAY(_FIELDS),
}
OUTPUT = {"bronze": Types.OBJECT_ARRAY(Types.ROW_NAMED(list(PART), list(PART.values()))), "dead_letters": BYTES}


def bronze(fold: Ingestor, part: Part, mark: int) -> Ingested:  # noqa: ARG001 - as `Work.process`
    """Fold one part of a block."""
    # A dead letter without a time of its own gets the record's, to the second.
    seconds = part.times // 1000 * 1000
    return fold.process(part.values, part.offsets, part.partition, seconds.tolist())


def bronze_rows(parts: list[Ingested]) -> tuple[list[InternalRow], bytes]:
    """Return the parts of a block that have rows of Bronze, and the reply with dead letters."""
    found = []
    letters: list[Records] = []
    for out in parts:
        if len(out.bronze):
            contexts = tuple(map(list, zip(*out.bronze.contexts, strict=True)))
            columns = (list(_rows(contexts)), list(_rows(out.bronze.columns())))
            found.append(InternalRow([out.bronze.topic, out.bronze.partition, *columns], _INSERT))
        letters += dead_letter_records("deadletter.ingestion.v1", [*out.dead_letters, *out.conflicts])
    return found, reply(letters)


def _rows(columns: tuple[list[Any], ...]) -> Iterator[InternalRow]:
    """Return the rows of a table; a ``Row`` each would cost more than what the kernels do to a record."""
    return map(InternalRow, map(list, zip(*columns, strict=True)), repeat(_INSERT))


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
