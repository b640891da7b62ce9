# mypy: disable-error-code="return-value,assignment,no-any-return"
"""Helpers of kernels: entities found by name and windows by key, in open-addressing tables with linear probing.

Both tables are kept at most half full. Windows are removed by moving back what follows (Knuth, The Art of Computer
Programming 3, 6.4, algorithm R), so there are no tombstones, and a table that windows come to and go from for years
stays as it is.
"""

from __future__ import annotations

import numpy as np

from udfs.kernels.jit import LONG, inlined, kernel
from udfs.kernels.slices import Longs, Octets
from udfs.kernels.writing import put_raw
from udfs.windows.kernels import layout as at
from udfs.windows.kernels.state import STATE, State
from udfs.windows.kernels.trade_log import drop_log
from udfs.windows.kernels.words import U

_GOLDEN = U(0x9E3779B97F4A7C15)  # odd numbers with well mixed bits (Steele et al., SplitMix64)
_MIX = U(0xBF58476D1CE4E5B9)
_MORE = U(0x94D049BB133111EB)


@inlined
def hash_name(data: Octets, begin: int, size: int) -> int:
    """Return 64 mixed bits of some bytes."""
    found = _GOLDEN ^ np.uint64(size)
    word = U(0)
    for k in range(size):
        word = (word << U(8)) | np.uint64(data[begin + k])
        if k & 7 == 7:
            found = (found ^ word) * _MIX
            found ^= found >> U(32)
            word = U(0)
    found = (found ^ word) * _MIX
    found = (found ^ (found >> U(29))) * _MORE
    return found ^ (found >> U(32))


@inlined
def same_bytes(left: Octets, left_at: int, right: Octets, right_at: int, size: int) -> bool:
    """Tell whether two slices of equal size hold the same bytes."""
    for k in range(size):  # noqa: SIM110 - numba compiles no generators
        if left[left_at + k] != right[right_at + k]:
            return False
    return True


@inlined
def is_revising(s: State, data: Octets, begin: int, size: int) -> bool:
    """Tell whether an entity is of a venue that revises: ``State.venues`` has their sizes and names, with the colon."""
    place = 0
    while place < len(s.venues):
        length = np.int64(s.venues[place])
        if length <= size and same_bytes(s.venues, place + 1, data, begin, length):
            return True
        place += 1 + length
    return False


@inlined
def entity_code(s: State, data: Octets, begin: int, size: int) -> int:
    """Return the code of a name; a new one gets the next. The caller has made room."""
    mask = len(s.table) // 2 - 1
    mixed = hash_name(data, begin, size)
    slot = np.int64(mixed & U(mask))
    tag = np.int64(mixed >> U(1))
    while True:
        code = s.table[2 * slot + 1]
        if code < 0:
            return _add_entity(s, slot, tag, data, begin, size)
        e = code * at.E_WIDTH
        if (
            s.table[2 * slot] == tag
            and s.entities[e + at.E_SIZE] == size
            and same_bytes(data, begin, s.names, s.entities[e + at.E_NAME], size)
        ):
            return code
        slot = (slot + 1) & mask


@inlined
def _add_entity(s: State, slot: int, tag: int, data: Octets, begin: int, size: int) -> int:
    code = s.facts[at.ENTITIES]
    s.facts[at.ENTITIES] = code + 1
    s.table[2 * slot] = tag
    s.table[2 * slot + 1] = code
    e = code * at.E_WIDTH
    s.entities[e + at.E_NAME] = s.facts[at.NAME_BYTES]
    s.entities[e + at.E_SIZE] = size
    put_raw(s.names, s.facts[at.NAME_BYTES], data, begin, size)
    s.facts[at.NAME_BYTES] += size
    s.entities[e + at.E_MAX_INGEST] = -1
    s.entities[e + at.E_TIME] = -1
    s.entities[e + at.E_CURRENT] = -1
    s.entities[e + at.E_FLAGS] = at.LOGGED if is_revising(s, data, begin, size) else 0
    s.entities[e + at.E_HEARD] = -1
    s.entities[e + at.E_TOP] = -1
    per = s.facts[at.STREAMS] * s.facts[at.DATES]
    for k in range(per):
        s.seen[code * per + k] = -1
    return code


@kernel(LONG, STATE)
def index_entities(s: State) -> int:
    """Fill the (empty) table of names. Returns how many there are."""
    mask = len(s.table) // 2 - 1
    for code in range(s.facts[at.ENTITIES]):
        e = code * at.E_WIDTH
        mixed = hash_name(s.names, s.entities[e + at.E_NAME], s.entities[e + at.E_SIZE])
        slot = np.int64(mixed & U(mask))
        while s.table[2 * slot + 1] >= 0:
            slot = (slot + 1) & mask
        s.table[2 * slot] = np.int64(mixed >> U(1))
        s.table[2 * slot + 1] = code
    return s.facts[at.ENTITIES]


@inlined
def slot_of(key: int, start: int, mask: int) -> int:
    """Return where the search for a window begins."""
    mixed = (np.uint64(key) * _GOLDEN) ^ (np.uint64(start) * _MORE)
    mixed = (mixed ^ (mixed >> U(29))) * _MIX
    return np.int64((mixed ^ (mixed >> U(32))) & U(mask))


@inlined
def find(s: State, key: int, start: int) -> tuple[int, int]:
    """Return (slot, row) of a window; row -1: it is not there, and the slot is where it belongs."""
    mask = len(s.slots) - 1
    slot = slot_of(key, start, mask)
    while True:
        row = np.int64(s.slots[slot])
        if row < 0:
            return slot, row
        x = row * at.WIDTH
        if s.rows[x + at.KEY] == key and s.rows[x + at.START] == start:
            return slot, row
        slot = (slot + 1) & mask


@inlined
def push(s: State, which: int, row: int) -> None:
    """Add a row to a list."""
    s.lists[which * s.facts[at.CAPACITY] + s.facts[which]] = row
    s.facts[which] += 1


@inlined
def new_row(s: State, slot: int, key: int, start: int) -> int:
    """Make an empty row and put it at its slot. The caller has made room."""
    if s.facts[at.FREE] > 0:
        s.facts[at.FREE] -= 1
        row = np.int64(s.lists[at.FREE * s.facts[at.CAPACITY] + s.facts[at.FREE]])
    else:
        row = s.facts[at.ROWS]
        s.facts[at.ROWS] = row + 1
    s.facts[at.MADE] += 1
    s.slots[slot] = row
    x = row * at.WIDTH
    for k in range(at.WIDTH):
        s.rows[x + k] = 0
    s.rows[x + at.KEY] = key
    s.rows[x + at.START] = start
    s.rows[x + at.PARENT] = -1
    return row


@inlined
def window(s: State, entity: int, level: int, time: int) -> int:
    """Return the row of the window of a level that a time lies in; it is made, with its parents, if it is not there."""
    child, result = np.int64(-1), np.int64(-1)
    while level < len(s.lengths):
        start = time - time % s.lengths[level]
        key = (entity << at.LEVEL_BITS) | level
        slot, row = find(s, key, start)
        made = row < 0
        if made:
            row = new_row(s, slot, key, start)
        if child < 0:
            result = row
        else:
            s.rows[child * at.WIDTH + at.PARENT] = row
        if not made:
            break
        child = row
        level += 1
    return result


@inlined
def entity_window(s: State, code: int, words: Longs, w: int) -> int:
    """Return the row of a partial window, made if it is not there; longer windows come by themselves."""
    key = (code << at.LEVEL_BITS) | (words[w + at.KEY] & at.LEVEL_MASK)
    slot, row = find(s, key, words[w + at.START])
    return row if row >= 0 else new_row(s, slot, key, words[w + at.START])


@inlined
def remove(s: State, row: int) -> None:
    """Take a row out of the table and put it on the free list."""
    mask = len(s.slots) - 1
    x = row * at.WIDTH
    hole, _ = find(s, s.rows[x + at.KEY], s.rows[x + at.START])
    k = hole
    while True:
        k = (k + 1) & mask
        other = np.int64(s.slots[k])
        if other < 0:
            break
        home = slot_of(s.rows[other * at.WIDTH + at.KEY], s.rows[other * at.WIDTH + at.START], mask)
        if ((k - home) & mask) >= ((k - hole) & mask):
            s.slots[hole] = other
            hole = k
    s.slots[hole] = -1
    s.rows[x + at.KEY] = -1
    drop_log(s, row)
    push(s, at.FREE, row)


@kernel(LONG, STATE)
def index_rows(s: State) -> int:
    """Fill the (empty) table of windows. Returns how many there are."""
    mask = len(s.slots) - 1
    count = 0
    for row in range(s.facts[at.ROWS]):
        x = row * at.WIDTH
        if s.rows[x + at.KEY] >= 0:
            slot = slot_of(s.rows[x + at.KEY], s.rows[x + at.START], mask)
            while s.slots[slot] >= 0:
                slot = (slot + 1) & mask
            s.slots[slot] = row
            count += 1
    return count
