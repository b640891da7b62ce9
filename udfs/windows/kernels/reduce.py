# mypy: disable-error-code="return-value,assignment,no-any-return"
"""Helpers of kernels: the exact, commutative reductions of a window, and the walk of a record through its windows.

Sums and counts are integers in as many words as they need; first and last are by (event time, ingest date, entity_seq),
which no two records of an entity share. So a window is a function of the set of its records (law 5).
"""

from __future__ import annotations

import numpy as np

from udfs.kernels.jit import inlined
from udfs.kernels.slices import Longs, Octets
from udfs.kernels.writing import put_raw
from udfs.windows.kernels import layout as at
from udfs.windows.kernels.avro_reading import is_long
from udfs.windows.kernels.delivery import ask, is_new
from udfs.windows.kernels.index import entity_code, push, same_bytes, window
from udfs.windows.kernels.state import State
from udfs.windows.kernels.trade_log import has_room
from udfs.windows.kernels.words import below


@inlined
def room_for(s: State, size: int) -> bool:
    """Tell whether there is room for whatever a record of ``size`` bytes can need; ids that are there may be copied."""
    facts = s.facts
    longest = max(size, facts[at.LONGEST])
    return (
        facts[at.FREE] + facts[at.CAPACITY] - facts[at.ROWS] >= len(s.lengths)
        and facts[at.ENTITIES] < len(s.moved)
        and facts[at.NAME_BYTES] + size <= len(s.names)
        and facts[at.TEXT_BYTES] + 2 * (len(s.lengths) + 1) * longest <= len(s.texts)
        and has_room(s)
        and (facts[at.HOLES] + 2) * at.HOLE_WIDTH <= len(s.holes)
    )


@inlined
def stop(s: State, why: int, i: int) -> int:
    """Note why a kernel stops at record ``i``."""
    s.facts[at.STOPPED] = why
    return i


@inlined
def name(s: State, data: Octets, last_name: int, last_size: int) -> None:
    """Put the code of the record's entity into the record, which has the code of the one before it."""
    begin, size = s.record[at.R_NAME], s.record[at.R_SIZE]
    if last_size != size or not same_bytes(data, begin, data, last_name, size):
        s.record[at.R_CODE] = entity_code(s, data, begin, size)


@inlined
def is_cold(s: State) -> bool:
    """Tell whether the windows of the record's entity are packed: they must be back before it is looked at."""
    return s.entities[s.record[at.R_CODE] * at.E_WIDTH + at.E_CURRENT] == at.COLD


@inlined
def admit(s: State, stream: int) -> bool:
    """Tell whether the record in hand is new; ask for repair where numbers are missing before it."""
    if not s.facts[at.NUMBERED]:
        return True
    lost = s.facts[at.LOST]
    if not is_new(s, s.record[at.R_CODE], stream, s.record[at.R_ORDER]):
        return False
    if s.facts[at.LOST] > lost:
        ask(s, s.record[at.R_CODE], stream, s.record[at.R_TIME], at.MISSING)
    return True


@inlined
def kept(s: State, max_ingest: int, level: int, time: int) -> bool:
    """Tell whether the window of a level that a time lies in is kept, by its entity's newest ingest time (law 6)."""
    length = s.lengths[level]
    return time - time % length + length + s.facts[at.KEEP] > max_ingest


@inlined
def held_by(s: State, code: int, level: int) -> int:
    """Return the level of the window that says how long one of a level stays in the table.

    Where trades are logged a window stays until the next longer one is over, which is computed anew from it.
    """
    if s.entities[code * at.E_WIDTH + at.E_FLAGS] & at.LOGGED and level + 1 < len(s.lengths):
        return level + 1
    return level


@inlined
def lowest_window(s: State) -> int:
    """Move the entity's clock by the record in hand; return the shortest window that still takes it, or -1.

    The windows that it is in besides are that one's parents. What the gate accepts is at most ``horizon + max_skew``
    behind the clock, so its windows are all kept; only an amended record can be older.
    """
    record = s.record
    code, time = record[at.R_CODE], record[at.R_TIME]
    e = code * at.E_WIDTH
    s.entities[e + at.E_MAX_INGEST] = max(s.entities[e + at.E_MAX_INGEST], record[at.R_INGEST])
    s.entities[e + at.E_TIME] = max(s.entities[e + at.E_TIME], time)
    max_ingest = s.entities[e + at.E_MAX_INGEST]
    s.facts[at.SHARD_MAX_INGEST] = max(s.facts[at.SHARD_MAX_INGEST], max_ingest)
    s.entities[e + at.E_HEARD] = s.facts[at.SHARD_MAX_INGEST]
    if not kept(s, max_ingest, 0, time):
        level = np.int64(0)
        while level < len(s.lengths) and not kept(s, max_ingest, held_by(s, code, level), time):
            level += 1
        if level == len(s.lengths):
            s.facts[at.OPENED_NONE] += 1
            return np.int64(-1)
        return window(s, code, level, time)
    start = time - time % s.lengths[0]
    key = code << at.LEVEL_BITS
    current = s.entities[e + at.E_CURRENT]
    if current >= 0:
        x = current * at.WIDTH
        if s.rows[x + at.KEY] == key:
            if s.rows[x + at.START] == start:
                return current
            if s.rows[x + at.START] > start:  # late: the newest second stays at hand
                return window(s, code, np.int64(0), time)
    row = window(s, code, np.int64(0), time)
    s.entities[e + at.E_CURRENT] = row
    return row


@inlined
def touch(s: State, x: int, row: int) -> None:
    """Note that a window is to be published and saved."""
    flags = s.rows[x + at.FLAGS]
    if flags & at.DIRTY == 0:
        push(s, at.FRESH, row)
    if flags & at.CHANGED == 0:
        push(s, at.CHANGED_ROWS, row)
    s.rows[x + at.FLAGS] = flags | at.DIRTY | at.CHANGED


@inlined
def leave(s: State, row: int) -> None:
    """Leave a window and the longer ones to repair: from now on they are asked for, and never published."""
    while row >= 0:
        x = row * at.WIDTH
        if s.rows[x + at.FLAGS] & at.CHANGED == 0:
            push(s, at.CHANGED_ROWS, row)
        s.rows[x + at.FLAGS] |= at.CHANGED | at.LEFT
        row = s.rows[x + at.PARENT]


@inlined
def precedes(time: int, order: int, rows: Longs, pick: int) -> bool:
    """Tell whether a record is before the one that a pick holds."""
    return time < rows[pick] or (time == rows[pick] and order < rows[pick + at.PICK_ORDER])


@inlined
def follows(time: int, order: int, rows: Longs, pick: int) -> bool:
    """Tell whether a record is behind the one that a pick holds."""
    return time > rows[pick] or (time == rows[pick] and order > rows[pick + at.PICK_ORDER])


@inlined
def raise_to(rows: Longs, x: int, new: bool, value: Longs, v: int) -> None:
    """Keep the larger of two unsigned numbers of two words."""
    if new or below(np.uint64(rows[x]), np.uint64(rows[x + 1]), np.uint64(value[v]), np.uint64(value[v + 1])):
        rows[x], rows[x + 1] = value[v], value[v + 1]


@inlined
def lower_to(rows: Longs, x: int, new: bool, value: Longs, v: int) -> None:
    """Keep the smaller of two unsigned numbers of two words."""
    if new or below(np.uint64(value[v]), np.uint64(value[v + 1]), np.uint64(rows[x]), np.uint64(rows[x + 1])):
        rows[x], rows[x + 1] = value[v], value[v + 1]


@inlined
def keep_text(s: State, x: int, source: Longs, v: int, data: Octets) -> None:
    """Keep a text of two words at ``x``; a long one is copied from ``data``, over the one before it if that is room."""
    if is_long(source[v + 1]):
        size = source[v + 1] & at.SIZE_MASK
        if is_long(s.rows[x + 1]) and s.rows[x + 1] & at.SIZE_MASK >= size:
            begin = s.rows[x]
        else:
            begin = s.facts[at.TEXT_BYTES]
            s.facts[at.TEXT_BYTES] = begin + size
        put_raw(s.texts, begin, data, source[v], size)
        s.rows[x] = begin
    else:
        s.rows[x] = source[v]
    s.rows[x + 1] = source[v + 1]
