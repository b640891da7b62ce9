# mypy: disable-error-code="return-value,assignment,no-any-return"
"""Kernels: columns of trades and quotes to wire bytes, byte for byte what any Avro writer makes of them."""

from __future__ import annotations

import numpy as np

from udfs.kernels.jit import BYTES, I8, I64, LONG, OUT, helper, kernel
from udfs.kernels.numbers import wide
from udfs.kernels.slices import Bits, Longs, Octets

#: An upper bound of a row's bytes besides its texts: header, 10 lengths, 18 longs, 4 decimals, 3 short texts.
FIXED = 320
DAY = 86_400_000_000


@helper
def put_long(out: Octets, at: int, number: int) -> int:
    """Write a zigzag varint; return the position after it."""
    rest = np.uint64(number << 1) ^ np.uint64(number >> 63)
    while rest >= 128:
        out[at] = np.uint8(rest & np.uint64(127)) | np.uint8(128)
        rest >>= np.uint64(7)
        at += 1
    out[at] = np.uint8(rest)
    return at + 1


@helper
def put_raw(out: Octets, at: int, data: Octets, begin: int, size: int) -> int:
    """Copy bytes; return the position after them."""
    for k in range(size):
        out[at + k] = data[begin + k]
    return at + size


@helper
def put_text(out: Octets, at: int, data: Octets, begin: int, size: int) -> int:
    """Write a length and bytes; return the position after them."""
    return put_raw(out, put_long(out, at, size), data, begin, size)


@helper
def put_decimal(out: Octets, at: int, whole: int, part: int) -> int:
    """Write a non-negative decimal as the shortest big-endian two's complement; return the position after it."""
    high, low = wide(whole, part)
    bits = 0
    rest = high if high > 0 else low
    while rest > 0:
        rest >>= np.uint64(1)
        bits += 1
    if high > 0:
        bits += 64
    size = bits // 8 + 1
    out[at] = np.uint8(size * 2)
    at += 1
    for k in range(size - 1, -1, -1):
        byte = high >> np.uint64(8 * (k - 8)) if k >= 8 else low >> np.uint64(8 * k)
        out[at] = np.uint8(byte & np.uint64(255))
        at += 1
    return at


@helper
def _put_head(
    out: Octets,
    at: int,
    header: Octets,
    words: Octets,
    venue: Octets,
    suffix: int,
    event: Octets,
    event_at: int,
    event_size: int,
    entity: Octets,
    entity_at: int,
    entity_size: int,
    part: int,
    event_time: int,
    timeless: int,
    ingest_time: int,
    entity_seq: int,
) -> int:
    """Write the columns that trades and quotes begin with, up to ``entity_seq``."""
    at = put_raw(out, at, header, 0, 5)
    if part < 0:
        at = put_text(out, at, event, event_at, event_size)
    else:
        digits, rest = 1, part
        while rest >= 10:
            rest //= 10
            digits += 1
        at = put_long(out, at, event_size + 1 + digits)
        at = put_raw(out, at, event, event_at, event_size)
        out[at] = 35
        rest = part
        for k in range(digits, 0, -1):
            out[at + k] = np.uint8(48 + rest % 10)
            rest //= 10
        at += digits + 1
    at = put_text(out, at, entity, entity_at, entity_size)
    at = put_text(out, at, venue, 0, len(venue))
    at = put_text(out, at, entity, entity_at + len(venue) + 1, entity_size - len(venue) - 1 - suffix)
    at = put_long(out, at, event_time)
    at = put_text(out, at, words, 5, 6) if timeless else put_text(out, at, words, 0, 5)
    at = put_long(out, at, ingest_time)
    at = put_long(out, at, ingest_time // DAY)
    return put_long(out, at, entity_seq)


#: ``venue`` at 0, ``ingest`` at 5, ``buy`` at 11, ``sell`` at 14.
WORDS = np.frombuffer(b"venueingestbuysell", dtype=np.uint8)
_ROWS = (
    BYTES, BYTES, BYTES, LONG, LONG, I64, I64,
    BYTES, I64, I64, I64, BYTES, I64, I64, BYTES, I64, I64, I64, I64,
)  # fmt: skip


@kernel(LONG, OUT, I64, *_ROWS, I64, I64, I64, I8)
def write_trades(
    out: Octets,
    ends: Longs,
    header: Octets,
    words: Octets,
    venue: Octets,
    suffix: int,
    id_after: int,
    rows: Longs,
    part: Longs,
    event: Octets,
    event_at: Longs,
    event_size: Longs,
    id_size: Longs,
    entity: Octets,
    entity_at: Longs,
    entity_size: Longs,
    source: Octets,
    source_at: Longs,
    source_size: Longs,
    source_seq: Longs,
    ingest_time: Longs,
    event_time: Longs,
    entity_seq: Longs,
    numbers: Longs,
    flag: Bits,
) -> int:
    """Write the rows one after the other; ``rows`` says which envelope each came from, ``part`` which print of it
    (-1: the only one).

    The venue's id is what follows ``id_after`` bytes after the entity in the event id (negative: it has none), up to
    ``id_size``.
    ``numbers`` is 4 by n (price, size: whole, part). Returns the bytes written.
    """
    n = len(rows)
    at = 0
    for i in range(n):
        r = rows[i]
        at = _put_head(
            out, at, header, words, venue, suffix, event, event_at[r], event_size[r], entity, entity_at[r],
            entity_size[r], part[i], event_time[i], 0, ingest_time[r], entity_seq[i],
        )  # fmt: skip
        at = put_text(out, at, source, source_at[r], source_size[r])
        at = put_long(out, at, source_seq[r])
        if id_after < 0:
            at = put_long(out, at, 0)
        else:
            skip = entity_size[r] + id_after
            at = put_text(out, at, event, event_at[r] + skip, id_size[r] - skip)
        at = put_decimal(out, at, numbers[i], numbers[n + i])
        at = put_decimal(out, at, numbers[2 * n + i], numbers[3 * n + i])
        at = put_text(out, at, words, 11, 3) if flag[i] > 0 else put_text(out, at, words, 14, 4)
        ends[i] = at
    return at


@kernel(LONG, OUT, I64, *_ROWS, I64, I64, I64, I8)
def write_quotes(
    out: Octets,
    ends: Longs,
    header: Octets,
    words: Octets,
    venue: Octets,
    suffix: int,
    id_after: int,
    rows: Longs,
    part: Longs,
    event: Octets,
    event_at: Longs,
    event_size: Longs,
    id_size: Longs,
    entity: Octets,
    entity_at: Longs,
    entity_size: Longs,
    source: Octets,
    source_at: Longs,
    source_size: Longs,
    source_seq: Longs,
    ingest_time: Longs,
    event_time: Longs,
    entity_seq: Longs,
    numbers: Longs,
    timeless: Bits,
) -> int:
    """Write the rows one after the other, as `write_trades`; ``numbers`` is 8 by n. Returns the bytes written."""
    n = len(rows)
    at = 0
    for i in range(n):
        r = rows[i]
        at = _put_head(
            out, at, header, words, venue, suffix, event, event_at[r], event_size[r], entity, entity_at[r],
            entity_size[r], part[i], event_time[i], timeless[i], ingest_time[r], entity_seq[i],
        )  # fmt: skip
        at = put_text(out, at, source, source_at[r], source_size[r])
        at = put_long(out, at, source_seq[r])
        if id_after < 0:
            at = put_long(out, at, 0)
        else:
            skip = entity_size[r] + id_after
            at = put_text(out, at, event, event_at[r] + skip, id_size[r] - skip)
        for k in range(4):
            at = put_decimal(out, at, numbers[2 * k * n + i], numbers[(2 * k + 1) * n + i])
        ends[i] = at
    return at
