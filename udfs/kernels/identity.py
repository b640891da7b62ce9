# mypy: disable-error-code="return-value,assignment,no-any-return"
"""Kernel: names to codes and event ids to numbers, so that duplicates are found without an object per record."""

from __future__ import annotations

import numpy as np

from udfs.kernels.jit import BYTES, I8, I32, I64, LONG, helper, kernel
from udfs.kernels.reading import same
from udfs.kernels.slices import Bits, Codes, Longs, Octets

#: Kinds of id: a number; two numbers; a digest of 128 bits as hex; anything else (the caller hashes it).
NUMBER, RANGE, HEX, OTHER = 0, 1, 2, 3
FNV_OFFSET = 0xCBF29CE484222325
FNV_PRIME = 0x100000001B3


@helper
def _hash(data: Octets, at: int, size: int) -> int:
    value = np.uint64(FNV_OFFSET)
    for k in range(size):
        value = (value ^ np.uint64(data[at + k])) * np.uint64(FNV_PRIME)
    return value


@helper
def _code(data: Octets, at: int, size: int, arena: Octets, name_at: Longs, name_size: Longs, table: Codes) -> int:
    """Return the code of a name, or -1 when it is not in the table."""
    mask = len(table) - 1
    slot = np.int64(_hash(data, at, size) & np.uint64(mask))
    while True:
        code = table[slot]
        if code < 0:
            return -1
        if name_size[code] == size and same(data, at, arena, name_at[code], size):
            return np.int64(code)
        slot = (slot + 1) & mask


@kernel(LONG, LONG, BYTES, I64, I64, BYTES, I64, I64, I32, I32)
def name_codes(
    begin: int,
    data: Octets,
    at: Longs,
    size: Longs,
    arena: Octets,
    name_at: Longs,
    name_size: Longs,
    table: Codes,
    codes: Codes,
) -> int:
    """Look up names from ``begin`` on. Returns the position of the first that is new, or how many names there are."""
    for i in range(begin, len(at)):
        if i > 0 and size[i] == size[i - 1] and same(data, at[i], data, at[i - 1], size[i]):
            codes[i] = codes[i - 1]
            continue
        codes[i] = _code(data, at[i], size[i], arena, name_at, name_size, table)
        if codes[i] < 0:
            return i
    return len(at)


@helper
def _digits(data: Octets, at: int, end: int) -> tuple[int, int]:
    """Return a canonical number of at most 18 digits and the position after it (-1: none)."""
    begin = at
    value = np.int64(0)
    while at < end and 48 <= data[at] <= 57:
        value = value * 10 + (np.int64(data[at]) - 48)
        at += 1
        if at - begin > 18:
            return value, -1
    if at == begin or (data[begin] == 48 and at - begin > 1):
        return value, -1
    return value, at


@helper
def _hex(data: Octets, at: int) -> tuple[int, bool]:
    """Return 16 lower-case hex digits as 64 bits."""
    value = np.uint64(0)
    for k in range(16):
        byte = data[at + k]
        if 48 <= byte <= 57:
            nibble = np.uint64(byte - 48)
        elif 97 <= byte <= 102:
            nibble = np.uint64(byte - 87)
        else:
            return np.int64(0), False
        value = (value << np.uint64(4)) | nibble
    return np.int64(value), True


@kernel(
    LONG, BYTES, BYTES, LONG, LONG,
    BYTES, I64, I64, BYTES, I64, I64, BYTES, I64, I64, BYTES, I64, I64,
    I64, I64, I8, I8, I64, I64, I64,
)  # fmt: skip
def identities(
    venue: Octets,
    channel: Octets,
    max_skew: int,
    horizon: int,
    events: Octets,
    event_at: Longs,
    event_size: Longs,
    entities: Octets,
    entity_at: Longs,
    entity_size: Longs,
    venues: Octets,
    venue_at: Longs,
    venue_size: Longs,
    channels: Octets,
    channel_at: Longs,
    channel_size: Longs,
    event_time: Longs,
    ingest_time: Longs,
    in_topic: Bits,
    id_kind: Bits,
    id_low: Longs,
    id_high: Longs,
    time: Longs,
) -> int:
    """Fill, per record: whether venue and channel are the topic's, the id as numbers, the time that its id is
    remembered by.

    Returns how many ids are of kind OTHER.
    """
    others = 0
    for i in range(len(event_at)):
        in_topic[i] = 0
        if venue_size[i] == len(venue) and channel_size[i] == len(channel):
            ours = same(venues, venue_at[i], venue, 0, len(venue))
            in_topic[i] = ours and same(channels, channel_at[i], channel, 0, len(channel))
        lag = ingest_time[i] - event_time[i]
        # a time that its gate will not accept must not decide how long the id is remembered
        plausible = event_time[i] > 0 and -max_skew <= lag <= horizon
        time[i] = event_time[i] if plausible else ingest_time[i]
        id_kind[i] = 3
        id_low[i] = 0
        id_high[i] = 0
        at = event_at[i]
        end = at + event_size[i]
        size = entity_size[i]
        body = at + size + 1 + len(channel) + 1
        if (
            body < end
            and same(events, at, entities, entity_at[i], size)
            and events[at + size] == 58
            and same(events, at + size + 1, channel, 0, len(channel))
            and events[body - 1] == 58
        ):
            low, after = _digits(events, body, end)
            if after == end:
                id_kind[i] = 0
                id_low[i] = low
                continue
            if after > 0 and after < end and events[after] == 45:
                high, last = _digits(events, after + 1, end)
                if last == end:
                    id_kind[i] = 1
                    id_low[i] = low
                    id_high[i] = high
                    continue
            if end - body == 32:
                high, ok = _hex(events, body)
                low, fine = _hex(events, body + 16)
                if ok and fine:
                    id_kind[i] = 2
                    id_low[i] = low
                    id_high[i] = high
                    continue
        others += 1
    return others
