# mypy: disable-error-code="return-value,assignment,no-any-return"
"""Kernels: windows of quotes become quote bars: derived with exact integers, encoded as their contract says."""

from __future__ import annotations

import numpy as np

from udfs.kernels.jit import BYTES, I32, I64, LONG, OUT, inlined, kernel
from udfs.kernels.slices import Codes, Longs, Octets
from udfs.kernels.writing import put_long, put_raw
from udfs.windows.kernels import layout as at
from udfs.windows.kernels.avro_writing import put_key, put_name, put_number
from udfs.windows.kernels.results import Column
from udfs.windows.kernels.state import STATE, State
from udfs.windows.kernels.words import U, below, half_even, minus, plus, product128

#: Words of a finished quote bar: bid price, bid size, ask price and ask size follow each other.
Q_START, Q_END, Q_VALUES, Q_SPREAD, Q_MID, Q_MICRO, Q_IMBALANCE, Q_COUNT, Q_ENTITY = 0, 1, 2, 10, 12, 14, 16, 18, 19
FACTS = 20
COLUMNS = {
    "window_start": Column(Q_START, 1),
    "window_end": Column(Q_END, 1),
    "bid_price": Column(Q_VALUES, 2),
    "bid_size": Column(Q_VALUES + 2, 2),
    "ask_price": Column(Q_VALUES + 4, 2),
    "ask_size": Column(Q_VALUES + 6, 2),
    "spread": Column(Q_SPREAD, 2),
    "mid": Column(Q_MID, 2),
    "microprice": Column(Q_MICRO, 2),
    "imbalance": Column(Q_IMBALANCE, 2),
    "quote_count": Column(Q_COUNT, 1),
    "version": Column(Q_COUNT, 1),
}
#: An upper bound of a quote bar's bytes besides its entity: 8 decimals, 4 longs, sizes.
FIXED = 256
_ONE = U(1_000_000_000_000)
_ZERO = U(0)


@inlined
def _put(facts: Longs, f: int, low: int, high: int) -> None:
    facts[f] = np.int64(low)
    facts[f + 1] = np.int64(high)


@inlined
def _derive(s: State, x: int, facts: Longs, f: int) -> None:
    """Fill in a quote bar's numbers: spread, mid ·1e13, microprice and imbalance of the last quote."""
    rows = s.rows
    v = x + at.LAST + at.PICK_VALUES
    facts[f + Q_START] = rows[x + at.START]
    facts[f + Q_END] = rows[x + at.START] + s.lengths[rows[x + at.KEY] & at.LEVEL_MASK]
    facts[f + Q_COUNT] = rows[x + at.COUNT]
    facts[f + Q_ENTITY] = rows[x + at.KEY] >> at.LEVEL_BITS
    for k in range(8):
        facts[f + Q_VALUES + k] = rows[v + k]
    bid0, bid1 = np.uint64(rows[v]), np.uint64(rows[v + 1])
    bought0, bought1 = np.uint64(rows[v + 2]), np.uint64(rows[v + 3])
    ask0, ask1 = np.uint64(rows[v + 4]), np.uint64(rows[v + 5])
    sold0, sold1 = np.uint64(rows[v + 6]), np.uint64(rows[v + 7])
    low, high = minus(ask0, ask1, bid0, bid1)
    _put(facts, f + Q_SPREAD, low, high)
    sum0, sum1 = plus(bid0, bid1, ask0, ask1)
    low, high, _ = product128(sum0, sum1, U(5), _ZERO)
    _put(facts, f + Q_MID, low, high)
    depth0, depth1 = plus(bought0, bought1, sold0, sold1)
    if (depth0 | depth1) == _ZERO:
        low, high = half_even(sum0, sum1, _ZERO, U(2), _ZERO)
        _put(facts, f + Q_MICRO, low, high)
        _put(facts, f + Q_IMBALANCE, _ZERO, _ZERO)
        return
    # bid·ask size + ask·bid size, 1e24, by the depth, 1e12: a product is at most 1e54, so both fit three words.
    a0, a1, a2 = product128(bid0, bid1, sold0, sold1)
    b0, b1, b2 = product128(ask0, ask1, bought0, bought1)
    n0 = a0 + b0
    carry = U(1) if n0 < a0 else _ZERO
    n1, n2 = plus(a1, a2, b1, b2)
    n1, n2 = plus(n1, n2, carry, _ZERO)
    low, high = half_even(n0, n1, n2, depth0, depth1)
    _put(facts, f + Q_MICRO, low, high)
    lighter = below(bought0, bought1, sold0, sold1)
    d0, d1 = minus(sold0, sold1, bought0, bought1) if lighter else minus(bought0, bought1, sold0, sold1)
    n0, n1, n2 = product128(d0, d1, _ONE, _ZERO)
    low, high = half_even(n0, n1, n2, depth0, depth1)
    if lighter:  # half to even knows no sign
        low, high = minus(_ZERO, _ZERO, low, high)
    _put(facts, f + Q_IMBALANCE, low, high)


@kernel(LONG, STATE, I32, BYTES, BYTES, OUT, I64, OUT, I32, I32, I64)
def finish_quote_bars(
    s: State,
    which: Codes,
    header: Octets,
    intervals: Octets,  # noqa: ARG001 - as ``finish_bars``
    scratch: Octets,  # noqa: ARG001
    facts: Longs,
    out: Octets,
    sizes: Codes,
    key_sizes: Codes,
    times: Longs,
) -> int:
    """Write the quote bars of some rows, and their Kafka keys behind all of them; return where the keys begin."""
    place = np.int64(0)
    for i in range(len(which)):
        x = np.int64(which[i]) * at.WIDTH
        f = i * FACTS
        begin = place
        _derive(s, x, facts, f)
        code = facts[f + Q_ENTITY]
        place = put_raw(out, place, header, 0, 5)
        place = put_name(out, place, s.names, s.entities, code)
        place = put_long(out, place, facts[f + Q_START])
        place = put_long(out, place, facts[f + Q_END])
        for k in range(Q_VALUES, Q_COUNT, 2):
            place = put_number(out, place, facts, f + k)
        place = put_long(out, place, facts[f + Q_COUNT])
        place = put_long(out, place, facts[f + Q_COUNT])
        sizes[i] = place - begin
        key_sizes[i] = s.entities[code * at.E_WIDTH + at.E_SIZE]
        times[i] = facts[f + Q_START] // 1000
    keys = place
    for i in range(len(which)):
        place = put_key(out, place, s.names, s.entities, facts[i * FACTS + Q_ENTITY])
    return keys
