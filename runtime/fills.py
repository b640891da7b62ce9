"""Where Bronze's copy of what retention has cut lies until normalize has read it: a Parquet file for each shard."""

from __future__ import annotations

from pathlib import Path

#: The column that says where a record was in the log, and the file's own note: the offset behind the last one.
OFFSET, END = "kafka_offset", b"end"


def place(folder: Path, topic: str, partition: int) -> Path:
    """Return the file of a shard: envelopes in order of the log, each with its offset."""
    return folder / f"{topic}-{partition}.parquet"
