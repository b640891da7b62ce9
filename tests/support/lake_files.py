"""The sink's side of a frame of files (``connectors/hudi``: ``LakeFile``), in plain Python."""

from __future__ import annotations

import io
import struct
from typing import Any

import pyarrow.parquet as pq

from udfs.lake.files import LakeFile


def files_of(frame: bytes | None) -> list[LakeFile]:
    """Take a frame apart; None has no files."""
    if frame is None:
        return []
    (count,) = struct.unpack_from("<i", frame)
    at, found = 4, []
    for _ in range(count):
        (rows,) = struct.unpack_from("<q", frame, at)
        at += 8
        parts = []
        for _ in range(4):
            (size,) = struct.unpack_from("<i", frame, at)
            parts.append(frame[at + 4 : at + 4 + size])
            at += 4 + size
        partition, name, token, content = parts
        found.append(LakeFile(partition.decode(), name.decode(), token.decode(), rows, content))
    assert at == len(frame)
    return found


def rows_of(frame: bytes | None) -> list[dict[str, Any]]:
    """Return the rows of all files of a frame, as a Parquet reader has them."""
    found = []
    for file in files_of(frame):
        rows = pq.read_table(io.BytesIO(file.content)).to_pylist()
        assert len(rows) == file.rows
        found += rows
    return found
