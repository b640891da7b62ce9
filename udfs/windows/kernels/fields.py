# mypy: disable-error-code="return-value,assignment,no-any-return"
"""Kernel: windows of a declaration become records, field by field as the contract lists them."""

from __future__ import annotations

import numpy as np

from udfs.kernels.jit import BYTES, I32, I64, LONG, OUT, inlined, kernel
from udfs.kernels.slices import Codes, Longs, Octets
from udfs.kernels.writing import put_long, put_raw
from udfs.windows.kernels import layout as at
from udfs.windows.kernels.avro_reading import take_long
from udfs.windows.kernels.avro_writing import put_id, put_key, put_name, put_number, put_plain
from udfs.windows.kernels.state import STATE, State
from udfs.windows.kernels.words import U, below, minus

#: A field: what it is, the word of the window, the word of what is finished, and the first magnitude that is too wide.
FIELD = 5
WHAT, SOURCE, FACT, LIMIT_LOW, LIMIT_HIGH = range(FIELD)
NAME, INTERVAL, START, END, COUNTER, DECIMAL, PLAIN, ID = range(8)
#: Words of a finished record; those of the reducers follow, two each: a number, or where a text lies and its size.
F_ENTITY, F_START, F_END, F_COUNT, F_VERSION, F_LEVEL, F_REDUCED = range(7)
#: An upper bound of the bytes of a field besides long texts and names: a sum of three words has at most 59 digits.
MOST_BYTES = 64


@inlined
def _fits(rows: Longs, x: int, low: int, high: int) -> bool:
    """Tell whether the magnitude of a number of two words is below a limit."""
    m0, m1 = np.uint64(rows[x]), np.uint64(rows[x + 1])
    if rows[x + 1] < 0:
        m0, m1 = minus(U(0), U(0), m0, m1)
    return below(m0, m1, np.uint64(low), np.uint64(high))


@inlined
def _put_words(s: State, x: int, facts: Longs, f: int) -> None:
    level = s.rows[x + at.KEY] & at.LEVEL_MASK
    facts[f + F_ENTITY] = s.rows[x + at.KEY] >> at.LEVEL_BITS
    facts[f + F_START] = s.rows[x + at.START]
    facts[f + F_END] = s.rows[x + at.START] + s.lengths[level]
    facts[f + F_COUNT] = s.rows[x + at.COUNT]
    facts[f + F_VERSION] = s.rows[x + at.EVENTS]
    facts[f + F_LEVEL] = level


@inlined
def _put_head(s: State, what: int, facts: Longs, f: int, intervals: Octets, out: Octets, place: int) -> int:
    """Write a field that says which window it is."""
    if what == NAME:
        return put_name(out, place, s.names, s.entities, facts[f + F_ENTITY])
    if what == START:
        return put_long(out, place, facts[f + F_START])
    if what == END:
        return put_long(out, place, facts[f + F_END])
    place = put_long(out, place, np.int64(2))
    return put_raw(out, place, intervals, 2 * facts[f + F_LEVEL], 2)


@inlined
def _put_reduced(s: State, what: int, x: int, facts: Longs, fact: int, scratch: Octets, out: Octets, place: int) -> int:
    """Write a field that was reduced, and note it in the words."""
    if what == COUNTER:
        facts[fact] = s.rows[x]
        return put_long(out, place, s.rows[x])
    if what == DECIMAL:
        facts[fact], facts[fact + 1] = s.rows[x], s.rows[x + 1]
        return put_number(out, place, s.rows, x)
    end = put_plain(out, place, s.rows, x, scratch) if what == PLAIN else put_id(out, place, s.rows, x, s.texts)
    _, text = take_long(out, place, end)
    facts[fact], facts[fact + 1] = text, end - text
    return end


@kernel(LONG, STATE, I32, BYTES, BYTES, I64, LONG, OUT, I64, OUT, I32, I32, I64)
def finish_fields(
    s: State,
    which: Codes,
    header: Octets,
    intervals: Octets,
    fields: Longs,
    width: int,
    scratch: Octets,
    facts: Longs,
    out: Octets,
    sizes: Codes,
    key_sizes: Codes,
    times: Longs,
) -> int:
    """Write the records of some rows, ``width`` words each in ``facts``, and their Kafka keys behind all of them.

    Returns where the keys begin, or ``-1 - i`` when record i does not fit its contract.
    """
    place = np.int64(0)
    for i in range(len(which)):
        x = np.int64(which[i]) * at.WIDTH
        f = i * width
        begin = place
        _put_words(s, x, facts, f)
        place = put_raw(out, place, header, 0, 5)
        for k in range(0, len(fields), FIELD):
            what, source, fact = fields[k + WHAT], x + fields[k + SOURCE], f + fields[k + FACT]
            if what < COUNTER:
                place = _put_head(s, what, facts, f, intervals, out, place)
                continue
            if what == DECIMAL and not _fits(s.rows, source, fields[k + LIMIT_LOW], fields[k + LIMIT_HIGH]):
                return np.int64(-1 - i)
            place = _put_reduced(s, what, source, facts, fact, scratch, out, place)
        sizes[i] = place - begin
        key_sizes[i] = s.entities[facts[f + F_ENTITY] * at.E_WIDTH + at.E_SIZE]
        times[i] = facts[f + F_START] // 1000
    keys = place
    for i in range(len(which)):
        place = put_key(out, place, s.names, s.entities, facts[i * width + F_ENTITY])
    return keys
