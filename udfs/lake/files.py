"""Hudi base files, written from Arrow columns without a row or an object per value.

A file that is made before its commit begins cannot know the commit's instant, which belongs into its name and into two
of its columns. It holds a token of the same length instead, and whoever commits it puts the instant in its place
(``connectors/hudi``: ``FilesCommitter``). The two columns are constant and not compressed, so the token stands in the
file as it is, and neither lengths nor places change.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

#: Bytes of columns, uncompressed, at which a file is made without waiting for a checkpoint.
FULL_BYTES = 64 * 1024 * 1024

COMMIT_TIME, FILE_NAME = "_hoodie_commit_time", "_hoodie_file_name"
RECORD_KEY = "_hoodie_record_key"
META = (COMMIT_TIME, "_hoodie_commit_seqno", RECORD_KEY, "_hoodie_partition_path", FILE_NAME)
#: A text column of few values: it is stored with a dictionary.
LOW_CARDINALITY = pa.dictionary(pa.int32(), pa.string())

#: Makes 32 hexadecimal digits that nobody made before. Kernels know no chance, so an engine brings it.
Unique = Callable[[], str]


@dataclass(frozen=True, slots=True)
class LakeFile:
    """A base file that waits for its instant: ``token`` stands in ``name`` and in ``content`` where that belongs."""

    partition: str
    name: str
    token: str
    rows: int
    content: bytes


class LakeFiles:
    """Collects columns per partition of a table and makes files of them."""

    def __init__(self, key: str, unique: Unique, *, full_bytes: int = FULL_BYTES) -> None:
        """Begin empty.

        Args:
            key: the column that is the record key.
            unique: names files and tokens.
            full_bytes: uncompressed bytes at which a partition's file is made.
        """
        self._key = key
        self._unique = unique
        self._full = full_bytes
        self._held: dict[str, list[Any]] = {}
        self._bytes: dict[str, int] = {}

    def add(self, partition: str, batch: Any) -> list[LakeFile]:
        """Collect an Arrow record batch; return the partition's file if it is full now."""
        self._held.setdefault(partition, []).append(batch)
        self._bytes[partition] = self._bytes.get(partition, 0) + batch.nbytes
        return [self._file(partition)] if self._bytes[partition] >= self._full else []

    def flush(self) -> list[LakeFile]:
        """Return files of all that is held."""
        return [self._file(partition) for partition in sorted(self._held)]

    def _file(self, partition: str) -> LakeFile:
        columns = pa.Table.from_batches(self._held.pop(partition)).unify_dictionaries()
        del self._bytes[partition]
        return base_file(columns, partition, self._key, self._unique)


def base_file(columns: Any, partition: str, key: str, unique: Unique) -> LakeFile:
    """Return the file of a table's partition; its columns are those of the table, in order.

    Args:
        columns: an Arrow table.
        partition: the partition's path.
        key: name of the column that is the record key.
        unique: names the file and its token.
    """
    n = columns.num_rows
    token, number = f"@{unique()[16:]}", unique()
    name = f"{number[:8]}-{number[8:12]}-{number[12:16]}-{number[16:20]}-{number[20:]}-0_0-0-0_{token}.parquet"
    meta = (_constant(token, n), _numbers(n), columns[key], _constant(partition, n), _constant(name, n))
    fields = [pa.field(title, column.type) for title, column in zip(META, meta, strict=True)]
    schema = pa.schema([*fields, *columns.schema])
    table = pa.Table.from_arrays([*meta, *columns.columns], schema=schema)
    few = [field.name for field in schema if pa.types.is_dictionary(field.type)]
    out = pa.BufferOutputStream()
    with pq.ParquetWriter(
        out,
        schema,
        compression={title: "none" if title in {COMMIT_TIME, FILE_NAME} else "zstd" for title in schema.names},
        use_dictionary=few,
        column_encoding=_encodings(schema, key),
        # Bounds of what nobody compares would only be long.
        write_statistics=[field.name for field in schema if not pa.types.is_binary(field.type)],
        store_schema=False,
    ) as writer:
        writer.write_table(table, row_group_size=max(n, 1))
    return LakeFile(partition, name, token, n, out.getvalue().to_pybytes())


def _encodings(schema: Any, key: str) -> dict[str, str]:
    """Return the encodings of numbers and keys: in a log each value is near the one before.

    The record key says again what the key column says. Readers and Hudi's own writes by key look for it there, and with
    a key as its difference from the one before, it takes 2 bytes of 36.
    """
    numbers = {field.name: "DELTA_BINARY_PACKED" for field in schema if pa.types.is_integer(field.type)}
    return {**numbers, **dict.fromkeys((RECORD_KEY, key), "DELTA_BYTE_ARRAY")}


def _constant(value: str, n: int) -> Any:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, dtype=np.int32)), pa.array([value]))


def _numbers(n: int) -> Any:
    """Return the rows' numbers as texts: with the file's name they say which row is meant."""
    return pa.array(np.arange(n)).cast(pa.string())


def frame(files: Iterable[LakeFile]) -> bytes:
    """Return files as one piece of bytes, for the sink (``connectors/hudi``: ``Frame``).

    Little-endian: the count of files; for each its rows (8 bytes), and with their sizes (4 bytes) before them
    partition, name, token and content.
    """
    pieces: list[bytes] = []
    count = 0
    for file in files:
        pieces.append(struct.pack("<q", file.rows))
        for part in (file.partition.encode(), file.name.encode(), file.token.encode(), file.content):
            pieces += (struct.pack("<i", len(part)), part)
        count += 1
    return b"".join([struct.pack("<i", count), *pieces])
