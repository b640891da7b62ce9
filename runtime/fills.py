"""Where Bronze's copy of what retention has cut lies until normalize has read it: a Parquet file for each shard."""

from __future__ import annotations

from pathlib import Path

#: The file's own note: the offset behind its last record.
END = b"end"


def place(folder: Path, topic: str, partition: int) -> Path:
    """Return the file of a shard: envelopes in order of the log, each with its offset."""
    return folder / f"{topic}-{partition}.parquet"
