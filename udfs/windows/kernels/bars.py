# mypy: disable-error-code="return-value,assignment,no-any-return"
"""Kernels: windows of trades become bars: derived with exact integers, encoded as their contract says."""

from __future__ import annotations

import numpy as np

from udfs.kernels.jit import BYTES, I32, I64, LONG, OUT, inlined, kernel
from udfs.kernels.slices import Codes, Longs, Octets
from udfs.kernels.writing import put_long, put_raw
from udfs.windows.kernels import layout as at
from udfs.windows.kernels.avro_reading import take_long
from udfs.windows.kernels.avro_writing import put_id, put_key, put_name, put_number, put_plain, put_time
from udfs.windows.kernels.results import NOTHING, Column
from udfs.windows.kernels.state import STATE, State
from udfs.windows.kernels.words import U, below, half_even, half_up

#: Words of a finished bar.
B_START, B_END, B_OPEN, B_HIGH, B_LOW, B_CLOSE, B_VOLUME, B_VWAP, B_BUY_VOLUME = 0, 1, 2, 4, 6, 8, 10, 12, 14
B_COUNT, B_VERSION, B_LEVEL, B_ENTITY = 16, 17, 18, 19
#: Where its texts lie in what was written, and their sizes: notionals and ids.
B_NOTIONAL, B_BUY_NOTIONAL, B_FIRST, B_LAST = 20, 22, 24, 26
#: When its last trade was, µs.
B_LAST_TIME = 28
FACTS = 29
TEXTS = {
    "notional": B_NOTIONAL,
    "first_trade_id": B_FIRST,
    "last_trade_id": B_LAST,
    "buy_notional": B_BUY_NOTIONAL,
}
COLUMNS = {
    "window_start": Column(B_START, 1),
    "window_end": Column(B_END, 1),
    "open": Column(B_OPEN, 2),
    "high": Column(B_HIGH, 2),
    "low": Column(B_LOW, 2),
    "close": Column(B_CLOSE, 2),
    "volume": Column(B_VOLUME, 2),
    "vwap": Column(B_VWAP, 2),
    "trade_count": Column(B_COUNT, 1),
    "buy_volume": Column(B_BUY_VOLUME, 2),
    "version": Column(B_VERSION, 1),
}
#: An upper bound of a bar's bytes besides its texts: 7 decimals, 2 notionals of at most 59 digits, 6 longs, sizes.
FIXED = 384
#: 10**38, the first volume that is too wide: (low, high).
_TOO_WIDE = (10**38 % 2**64, 10**38 // 2**64)
_LOW_LIMIT, _HIGH_LIMIT = U(_TOO_WIDE[0]), U(_TOO_WIDE[1])
#: What a version is packed with: how often its windows were restated. That raises a bar's own version by more events
#: than a window ever has.
EDITION, _VERSION_MASK, _RAISED = 8, 255, 40
#: The version from which on a bar says when its last trade was, and its vwap is rounded half up.
_TIMED = 2
#: Two bytes of each interval's name, by level.
INTERVAL_NAMES = np.frombuffer(b"1s1m5m1h1d", dtype=np.uint8)


@inlined
def _held(starts: Longs, versions: Longs, start: int) -> int:
    """Return the version that holds for a window, by its start alone, packed."""
    k = len(starts) - 1
    while k > 0 and starts[k] > start:
        k -= 1
    return versions[k]


@inlined
def _derive(s: State, x: int, version: int, edition: int, facts: Longs, f: int) -> bool:
    """Fill in a bar's numbers; False: the volume is wider than its contract. No trades: zeros."""
    rows = s.rows
    level = rows[x + at.KEY] & at.LEVEL_MASK
    facts[f + B_START] = rows[x + at.START]
    facts[f + B_END] = rows[x + at.START] + s.lengths[level]
    facts[f + B_COUNT] = rows[x + at.COUNT]
    facts[f + B_VERSION] = rows[x + at.EVENTS] + (edition << _RAISED)
    facts[f + B_LAST_TIME] = NOTHING
    facts[f + B_LEVEL] = level
    facts[f + B_ENTITY] = rows[x + at.KEY] >> at.LEVEL_BITS
    if rows[x + at.COUNT] == 0:
        for k in range(B_OPEN, B_COUNT):
            facts[f + k] = 0
        return True
    for k in range(2):
        facts[f + B_OPEN + k] = rows[x + at.OPEN + at.PICK_VALUES + k]
        facts[f + B_HIGH + k] = rows[x + at.HIGH + k]
        facts[f + B_LOW + k] = rows[x + at.LOW + k]
        facts[f + B_CLOSE + k] = rows[x + at.CLOSE + at.PICK_VALUES + k]
        facts[f + B_VOLUME + k] = rows[x + at.VOLUME + k]
        facts[f + B_BUY_VOLUME + k] = rows[x + at.BUY_VOLUME + k]
    v0, v1 = np.uint64(rows[x + at.VOLUME]), np.uint64(rows[x + at.VOLUME + 1])
    if not below(v0, v1, _LOW_LIMIT, _HIGH_LIMIT):
        return False
    n = x + at.NOTIONAL
    n0, n1, n2 = np.uint64(rows[n]), np.uint64(rows[n + 1]), np.uint64(rows[n + 2])
    if version < _TIMED:
        low, high = half_even(n0, n1, n2, v0, v1)
    else:
        low, high = half_up(n0, n1, n2, v0, v1)
        facts[f + B_LAST_TIME] = rows[x + at.CLOSE + at.PICK_TIME]
    facts[f + B_VWAP] = np.int64(low)
    facts[f + B_VWAP + 1] = np.int64(high)
    return True


@inlined
def _put_span(facts: Longs, f: int, out: Octets, begin: int, end: int) -> int:
    """Note where a text lies that was written, behind its size; return where it ends."""
    _, text = take_long(out, begin, end)
    facts[f], facts[f + 1] = text, end - text
    return end


@kernel(LONG, STATE, I32, BYTES, BYTES, I64, I64, OUT, I64, OUT, I32, I32, I64)
def finish_bars(
    s: State,
    which: Codes,
    headers: Octets,
    intervals: Octets,
    starts: Longs,
    versions: Longs,
    scratch: Octets,
    facts: Longs,
    out: Octets,
    sizes: Codes,
    key_sizes: Codes,
    times: Longs,
) -> int:
    """Write the bars of some rows, and their Kafka keys behind all of them, into ``out``.

    ``headers`` has five bytes for each version; ``versions``, packed, hold for windows from ``starts`` on.

    Returns where the keys begin, or ``-1 - i`` when bar i does not fit its contract.
    """
    place = np.int64(0)
    rows = s.rows
    for i in range(len(which)):
        x = np.int64(which[i]) * at.WIDTH
        f = i * FACTS
        begin = place
        packed = _held(starts, versions, rows[x + at.START])
        version = packed & _VERSION_MASK
        if not _derive(s, x, version, packed >> EDITION, facts, f):
            return np.int64(-1 - i)
        code = facts[f + B_ENTITY]
        place = put_raw(out, place, headers, 5 * (version - 1), 5)
        place = put_name(out, place, s.names, s.entities, code)
        place = put_long(out, place, 2)
        place = put_raw(out, place, intervals, 2 * facts[f + B_LEVEL], 2)
        place = put_long(out, place, facts[f + B_START])
        place = put_long(out, place, facts[f + B_END])
        for k in range(B_OPEN, B_VOLUME + 1, 2):
            place = put_number(out, place, facts, f + k)
        place = _put_span(facts, f + B_NOTIONAL, out, place, put_plain(out, place, rows, x + at.NOTIONAL, scratch))
        place = put_number(out, place, facts, f + B_VWAP)
        place = put_long(out, place, facts[f + B_COUNT])
        end = put_id(out, place, rows, x + at.OPEN + at.PICK_ID, s.texts)
        place = _put_span(facts, f + B_FIRST, out, place, end)
        end = put_id(out, place, rows, x + at.CLOSE + at.PICK_ID, s.texts)
        place = _put_span(facts, f + B_LAST, out, place, end)
        place = put_number(out, place, facts, f + B_BUY_VOLUME)
        end = put_plain(out, place, rows, x + at.BUY_NOTIONAL, scratch)
        place = _put_span(facts, f + B_BUY_NOTIONAL, out, place, end)
        place = put_long(out, place, facts[f + B_VERSION])
        if version >= _TIMED:
            place = put_time(out, place, facts[f + B_LAST_TIME])
        sizes[i] = place - begin
        key_sizes[i] = s.entities[code * at.E_WIDTH + at.E_SIZE]
        times[i] = facts[f + B_START] // 1000
    keys = place
    for i in range(len(which)):
        place = put_key(out, place, s.names, s.entities, facts[i * FACTS + B_ENTITY])
    return keys
