"""Records as hashes of 128 bits: of their wire bytes, and of their fields, wherever these come from.

A record's fields hash to the same out of wire bytes and out of a table's columns if, and only if, they are equal:
numbers as 64 bits, decimals as 128, texts and bytes by their own hash, null as what no value hashes to.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.contracts import Contract, ContractError, contract, versions
from udfs.kernels import hashing
from udfs.kernels.decoding import DECIMAL, NULL_FIRST, NULL_SECOND, NUMBER, TEXT, decode_fields
from udfs.kernels.slices import Bits, Longs, Slices

Words = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]
_NULL = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)


class Hashes(NamedTuple):
    """Two words for each record, or for each value of a column."""

    low: Words
    high: Words

    def take(self, index: npt.NDArray[np.intp] | Mask) -> Hashes:
        """Return the hashes of some records."""
        return Hashes(self.low[index], self.high[index])


def of_slices(values: Slices) -> Hashes:
    """Return the hash of each byte string."""
    n = len(values)
    found = Hashes(np.empty(n, np.uint64), np.empty(n, np.uint64))
    hashing.hash_slices(*values.parts, *found)
    return found


def of_numbers(values: Longs) -> Hashes:
    """Return whole numbers as what `of_columns` takes in."""
    return Hashes(values.view(np.uint64), np.zeros(len(values), np.uint64))


def of_text(text: str, count: int) -> Hashes:
    """Return the hash of one text for ``count`` records."""
    return Hashes(*(np.full(count, word[0]) for word in of_slices(Slices.of([text.encode()]))))


def of_texts(texts: Sequence[str], codes: Longs) -> Hashes:
    """Return the hash of ``texts[codes[i]]`` for each i."""
    return of_slices(Slices.of([text.encode() for text in texts])).take(codes)


def of_columns(columns: Iterable[Hashes], count: int) -> Hashes:
    """Return the hash of each of ``count`` records by those of its fields, in their order."""
    found = Hashes(np.zeros(count, np.uint64), np.zeros(count, np.uint64))
    for column in columns:
        hashing.absorb(*found, *(np.ascontiguousarray(word) for word in column))
    hashing.finish(*found)
    return found


# --- out of wire bytes ---


@lru_cache(maxsize=64)
def kinds(kind: str) -> dict[str, int]:
    """Return what each field of a contract's newest version is: a number, a text or bytes, or a decimal."""
    return {name: code & 3 for name, code in _codes(contract(kind)).items()}


def _codes(version: Contract) -> dict[str, int]:
    """Return how the kernel reads each field."""
    found = {}
    for field in version.schema["fields"]:
        branches = field["type"] if isinstance(field["type"], list) else [field["type"]]
        (avro,) = [branch for branch in branches if branch != "null"]
        base, logical = (avro["type"], avro.get("logicalType")) if isinstance(avro, dict) else (avro, None)
        code = DECIMAL if logical == "decimal" else NUMBER if base in ("long", "int") else TEXT
        nullable = 0 if len(branches) == 1 else NULL_FIRST if branches[0] == "null" else NULL_SECOND
        found[field["name"]] = code | nullable
    return found


@lru_cache(maxsize=64)
def _versions(kind: str) -> tuple[tuple[bytes, dict[str, int]], ...]:
    """Return header and fields of each version of a contract, oldest first."""
    return tuple((one.header, _codes(one)) for one in versions(kind))


@lru_cache(maxsize=64)
def _defaults(kind: str) -> dict[str, tuple[int, int]]:
    """Return the place and size, as the kernel gives them, of each field that an older version may lack.

    Raises:
        ContractError: its default is neither null nor a whole number.
    """
    *older, newest = versions(kind)
    always = set.intersection(*({field["name"] for field in one.schema["fields"]} for one in (*older, newest)))
    found = {}
    for field in newest.schema["fields"]:
        if field["name"] in always:
            continue
        default = field.get("default", "nothing")
        if default is not None and not isinstance(default, int):
            raise ContractError(f"{newest.label}: {field['name']} was added with a default that no verification reads")
        found[field["name"]] = (0, -1) if default is None else (default, 0)
    return found


class Decoded:
    """The fields of a batch of wire values; those of a value that is not of the contract are empty, or 0.

    A value of an older version is read as one of the newest: a field that it lacks has its default.
    """

    def __init__(self, kind: str, values: Slices) -> None:
        self.kind = kind
        self._values, self._n = values, len(values)
        self._names = list(kinds(kind))
        *older, newest = _versions(kind)
        self._at, self._size, self.good = self._decode(*newest)
        for version in reversed(older):
            if not self.good.all():
                self._take_older(version)

    def _take_older(self, version: tuple[bytes, dict[str, int]]) -> None:
        at, size, good = self._decode(*version)
        if not good.any():
            return
        chosen = slice(None) if good.all() else good  # most topics hold one version: whole rows are copied at once
        rows = {name: row for row, name in enumerate(version[1])}
        for n, name in enumerate(self._names):
            row = rows.get(name)
            self._at[n, chosen] = _defaults(self.kind)[name][0] if row is None else at[row, chosen]
            self._size[n, chosen] = _defaults(self.kind)[name][1] if row is None else size[row, chosen]
        self.good |= good

    def _decode(self, header: bytes, fields: dict[str, int]) -> tuple[Longs, Longs, Mask]:
        """Return places and sizes, a row for each field, and which values are of this version."""
        at, size = (np.empty(len(fields) * self._n, np.int64) for _ in range(2))
        good: Bits = np.empty(self._n, np.int8)
        codes = np.array(list(fields.values()), np.int8)
        decode_fields(*self._values.parts, np.frombuffer(header, np.uint8), codes, at, size, good)
        shape = (len(fields), self._n)
        return at.reshape(shape), size.reshape(shape), good.astype(np.bool_)

    def __len__(self) -> int:
        return self._n

    def numbers(self, name: str) -> Longs:
        """Return a whole number of each record; 0 for null."""
        row: Longs = self._at[self._names.index(name)]
        return row

    def slices(self, name: str) -> Slices:
        """Return a text, bytes, or the bytes of a decimal, of each record; nothing for null."""
        row = self._names.index(name)
        return Slices(self._values.data, self._at[row], np.maximum(self._size[row], 0))

    def column(self, name: str) -> Hashes:
        """Return a field of each record as its hash."""
        nulls = self._size[self._names.index(name)] < 0
        found = self._plain(name)
        return _with_nulls(found, nulls) if nulls.any() else found

    def _plain(self, name: str) -> Hashes:
        how = kinds(self.kind)[name]
        if how == NUMBER:
            return of_numbers(self.numbers(name))
        if how == TEXT:
            return of_slices(self.slices(name))
        found = Hashes(np.empty(self._n, np.uint64), np.empty(self._n, np.uint64))
        hashing.decimal_words(*self.slices(name).parts, *found)
        return found


# --- out of columns ---


def of_arrow(column: pa.Array | None, wanted: pa.DataType, count: int) -> Hashes:
    """Return a table's column as hashes; `wanted` is its Arrow type by contract, and None the column that is not there.

    Raises:
        ArrowInvalid, ArrowNotImplementedError: it holds something else.
    """
    if column is None:
        return Hashes(*(np.full(count, word) for word in _NULL))
    found = _plain(column, wanted)
    if column.null_count:
        return _with_nulls(found, np.asarray(column.is_null()))
    return found


def _with_nulls(found: Hashes, nulls: Mask) -> Hashes:
    return Hashes(*(np.where(nulls, null, word) for null, word in zip(_NULL, found, strict=True)))


def _plain(column: pa.Array, wanted: pa.DataType) -> Hashes:
    if pa.types.is_dictionary(column.type):
        if pa.types.is_string(wanted) and len(column.dictionary):
            codes = column.indices.fill_null(0)
            return of_slices(Slices.of_arrow(column.dictionary.cast(pa.string()))).take(np.asarray(codes, np.int64))
        column = column.dictionary_decode()
    if pa.types.is_integer(wanted):
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.timestamp("us", column.type.tz))
        elif pa.types.is_date(column.type):
            column = column.cast(pa.int32())
        return of_numbers(np.array(column.cast(pa.int64()).fill_null(0), np.int64))
    if pa.types.is_decimal(wanted):
        column = column.cast(wanted)
        words = np.frombuffer(column.buffers()[1], np.uint64).reshape(-1, 2)
        words = words[column.offset : column.offset + len(column)]
        return Hashes(words[:, 0].copy(), words[:, 1].copy())
    return of_slices(Slices.of_arrow(column.cast(wanted)))
