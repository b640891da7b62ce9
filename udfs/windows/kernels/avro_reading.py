# mypy: disable-error-code="return-value,assignment,no-any-return"
"""Helpers of kernels: Avro out of wire bytes. A position of -1 says that something was cut off; helpers hand it on."""

from __future__ import annotations

import numpy as np

from udfs.kernels.jit import inlined
from udfs.kernels.reading import get_long
from udfs.kernels.slices import Longs, Octets
from udfs.windows.kernels import layout as at
from udfs.windows.kernels.words import U


@inlined
def has_header(data: Octets, begin: int, size: int, header: Octets) -> bool:
    """Tell whether a value begins with the five bytes of its contract."""
    if size < 5:
        return False
    for k in range(5):  # noqa: SIM110 - numba compiles no generators
        if data[begin + k] != header[k]:
            return False
    return True


@inlined
def take_long(data: Octets, place: int, end: int) -> tuple[int, int]:
    """Return (number, next position)."""
    if place < 0 or place >= end:
        return np.int64(0), np.int64(-1)
    if data[place] < 0x80:
        raw = np.int64(data[place])
        return (raw >> 1) ^ -(raw & 1), place + 1
    return get_long(data, place, end)


@inlined
def take_text(data: Octets, place: int, end: int) -> tuple[int, int, int]:
    """Return (begin, size, next position) of a text or bytes."""
    size, begin = take_long(data, place, end)
    if begin < 0 or size < 0 or size > end - begin:
        return np.int64(0), np.int64(0), np.int64(-1)
    return begin, size, begin + size


@inlined
def pass_text(data: Octets, place: int, end: int) -> int:
    """Return the position after a text."""
    _, _, place = take_text(data, place, end)
    return place


@inlined
def take_decimal(data: Octets, place: int, end: int, record: Longs, word: int) -> int:
    """Put a decimal that is not negative into two words of the record; return the next position.

    The gates give at most 1e27 unscaled: 12 bytes. Sixteen would need a sign.
    """
    begin, size, place = take_text(data, place, end)
    if place < 0 or size < 1 or size > 15 or data[begin] >= 0x80:
        return np.int64(-1)
    low, high = U(0), U(0)
    for k in range(size):
        high = (high << U(8)) | (low >> U(56))
        low = (low << U(8)) | np.uint64(data[begin + k])
    record[word] = np.int64(low)
    record[word + 1] = np.int64(high)
    return place


@inlined
def take_id(data: Octets, place: int, end: int, record: Longs, word: int) -> int:
    """Put a text into two words of the record, itself or where it lies in the block; return the next position."""
    begin, size, place = take_text(data, place, end)
    if place < 0:
        return place
    if size > at.SHORT:
        record[word] = begin
        record[word + 1] = np.int64((U(at.LONG_TEXT) << U(56)) | np.uint64(size))
        return place
    low, high = U(0), np.uint64(size) << U(56)
    for k in range(min(size, 8)):
        low |= np.uint64(data[begin + k]) << U(8 * k)
    for k in range(8, size):
        high |= np.uint64(data[begin + k]) << U(8 * (k - 8))
    record[word] = np.int64(low)
    record[word + 1] = np.int64(high)
    return place


@inlined
def is_long(word: int) -> bool:
    """Tell whether the second word of a text says that it lies elsewhere."""
    return np.uint64(word) >> U(56) == U(at.LONG_TEXT)


@inlined
def read_head(data: Octets, place: int, end: int, record: Longs, sourced: bool) -> int:
    """Read what records begin with, up to ``source_seq``, behind the header; return the next position.

    ``sourced``: whether an ``event_time_source`` follows the event time.
    """
    place = pass_text(data, place, end)  # event_id
    record[at.R_NAME], record[at.R_SIZE], place = take_text(data, place, end)
    place = pass_text(data, pass_text(data, place, end), end)  # venue, symbol
    record[at.R_TIME], place = take_long(data, place, end)
    if sourced:
        place = pass_text(data, place, end)
    record[at.R_INGEST], place = take_long(data, place, end)
    date, place = take_long(data, place, end)
    number, place = take_long(data, place, end)
    record[at.R_ORDER] = (date << at.SEQ_BITS) | number
    place = pass_text(data, place, end)  # source_id
    _, place = take_long(data, place, end)  # source_seq
    if record[at.R_TIME] < 0 or date < 0 or number < 1 or number > at.SEQ_MASK:
        return np.int64(-1)
    return place
