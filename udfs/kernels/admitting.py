# mypy: disable-error-code="return-value,assignment,no-any-return"
"""Kernels of the duplicate rules: see ``udfs.dedup.dedup`` for what they mean."""

from __future__ import annotations

import numpy as np

from udfs.kernels.jit import I8, I32, I64, LONG, helper, kernel
from udfs.kernels.slices import Bits, Codes, Longs

FIRST, DUPLICATE, BEHIND = 0, 1, 2
#: As the time that an id is remembered by: always.
FOREVER = 1 << 62
SOURCE_DAYS = 2
DAY = 86_400_000_000


@helper
def _slot(entity: int, kind: int, low: int, high: int, mask: int) -> int:
    value = np.uint64(low) * np.uint64(0x9E3779B97F4A7C15)
    value ^= np.uint64(high) * np.uint64(0xC2B2AE3D27D4EB4F)
    value ^= (np.uint64(entity) << np.uint64(3) | np.uint64(kind)) * np.uint64(0x165667B19E3779F9)
    value ^= value >> np.uint64(29)
    value *= np.uint64(0xBF58476D1CE4E5B9)
    value ^= value >> np.uint64(32)
    return np.int64(value & np.uint64(mask))


@helper
def _find(
    entity: int, kind: int, low: int, high: int, ids: Codes, id_kind: Bits, id_low: Longs, id_high: Longs, index: Codes
) -> tuple[int, int]:
    """Return (slot, entry); the entry is -1 when the id is not there and the slot is free."""
    mask = len(index) - 1
    slot = _slot(entity, kind, low, high, mask)
    while True:
        entry = np.int64(index[slot])
        if entry < 0:
            return slot, -1
        if id_low[entry] == low and id_high[entry] == high and ids[entry] == entity and id_kind[entry] == kind:
            return slot, entry
        slot = (slot + 1) & mask


@helper
def _cursor(entity: int, source: int, heads: Codes, cursor_source: Codes, cursor_next: Codes) -> int:
    """Return the cursor of a source of an entity, or -1."""
    at = np.int64(heads[entity])
    while at >= 0 and cursor_source[at] != source:
        at = np.int64(cursor_next[at])
    return at


@kernel(
    LONG, LONG, I32, I32, I64, I8, I64, I64, I64, I64, I8, I32,
    I64, I64, I8, I32,
    I32, I32, I64, I64, I32, I8,
    I32, I8, I64, I64, I64, I32,
)  # fmt: skip
def admit(
    window: int,
    entity: Codes,
    source: Codes,
    source_seq: Longs,
    kind: Bits,
    low: Longs,
    high: Longs,
    time: Longs,
    ingest_time: Longs,
    verdict: Bits,
    remembered: Codes,
    used: Longs,
    max_ingest: Longs,
    max_ingest_changed: Bits,
    heads: Codes,
    cursor_entity: Codes,
    cursor_source: Codes,
    cursor_seq: Longs,
    cursor_day: Longs,
    cursor_next: Codes,
    cursor_changed: Bits,
    ids: Codes,
    id_kind: Bits,
    id_low: Longs,
    id_high: Longs,
    id_time: Longs,
    index: Codes,
) -> int:
    """Judge a batch in log order and move the state; ``used`` holds how many cursors and ids there are.

    ``remembered`` gets, per record, the entry of its id: its own if it is the first, that of the first copy if it is a
    duplicate of an id that is remembered, else -1. There is room for one cursor and one id per record, and an
    index that is at most half full.
    Returns how many are duplicates.
    """
    cursors, entries = used[0], used[1]
    duplicates = 0
    for i in range(len(entity)):
        e = np.int64(entity[i])
        s = np.int64(source[i])
        remembered[i] = -1
        cursor = _cursor(e, s, heads, cursor_source, cursor_next)
        edge = max_ingest[e] - window
        if (
            cursor >= 0
            and source_seq[i] <= cursor_seq[cursor]
            and cursor_day[cursor] >= max_ingest[e] // DAY - SOURCE_DAYS
        ):
            verdict[i] = DUPLICATE
            duplicates += 1
            slot, entry = _find(e, np.int64(kind[i]), low[i], high[i], ids, id_kind, id_low, id_high, index)
            if entry >= 0 and id_time[entry] >= edge:
                remembered[i] = entry
            continue
        if time[i] < edge:
            verdict[i] = BEHIND
        else:
            slot, entry = _find(e, np.int64(kind[i]), low[i], high[i], ids, id_kind, id_low, id_high, index)
            if entry >= 0 and id_time[entry] >= edge:
                verdict[i] = DUPLICATE
                remembered[i] = entry
                duplicates += 1
                continue
            verdict[i] = FIRST
            remembered[i] = entries
            if time[i] == FOREVER and ingest_time[i] // DAY < max_ingest[e] // DAY - 1:
                verdict[i] = BEHIND  # its ingest date may be counted no more
            ids[entries] = e
            id_kind[entries] = kind[i]
            id_low[entries] = low[i]
            id_high[entries] = high[i]
            id_time[entries] = time[i]
            index[slot] = entries
            entries += 1
        if cursor < 0:
            cursor = cursors
            cursor_entity[cursor] = e
            cursor_source[cursor] = s
            cursor_next[cursor] = heads[e]
            heads[e] = cursor
            cursors += 1
        cursor_seq[cursor] = source_seq[i]
        cursor_day[cursor] = ingest_time[i] // DAY
        cursor_changed[cursor] = 1
        if ingest_time[i] > max_ingest[e]:
            max_ingest[e] = ingest_time[i]
            max_ingest_changed[e] = 1
    used[0] = cursors
    used[1] = entries
    return duplicates


@kernel(LONG, LONG, LONG, I32, I8, I64, I64, I32)
def index_ids(begin: int, end: int, ids: Codes, kind: Bits, low: Longs, high: Longs, index: Codes) -> int:
    """Put the entries [begin, end) into the index; of equal ids the later one stays. Returns how many were replaced."""
    replaced = 0
    for k in range(begin, end):
        slot, entry = _find(np.int64(ids[k]), np.int64(kind[k]), low[k], high[k], ids, kind, low, high, index)
        if entry >= 0:
            replaced += 1
        index[slot] = k
    return replaced


@kernel(LONG, LONG, I32, I32, I64, I64, I32, I32, I64, I64, I32, I32)
def put_cursors(
    used: int,
    entity: Codes,
    source: Codes,
    seq: Longs,
    day: Longs,
    cursor_entity: Codes,
    cursor_source: Codes,
    cursor_seq: Longs,
    cursor_day: Longs,
    cursor_next: Codes,
    heads: Codes,
) -> int:
    """Set cursors to given values, adding those that are new. Returns how many there are now."""
    for k in range(len(entity)):
        e = np.int64(entity[k])
        cursor = _cursor(e, np.int64(source[k]), heads, cursor_source, cursor_next)
        if cursor < 0:
            cursor = used
            cursor_entity[cursor] = e
            cursor_source[cursor] = source[k]
            cursor_next[cursor] = heads[e]
            heads[e] = cursor
            used += 1
        cursor_seq[cursor] = seq[k]
        cursor_day[cursor] = day[k]
    return used


@kernel(LONG, LONG, I32, I64, I64, I64, I8, I64)
def number_rows(slots: int, entity: Codes, day: Longs, days: Longs, counts: Longs, changed: Bits, seq: Longs) -> int:
    """Give each row the next number of its entity and ingest day, in order.

    ``days`` and ``counts`` have ``slots`` places per entity; when all are taken the oldest day gives way. Returns 0.
    """
    for i in range(len(entity)):
        base = np.int64(entity[i]) * slots
        place = base
        for k in range(base, base + slots):
            if days[k] == day[i]:
                place = k
                break
            if days[k] < days[place]:
                place = k
        if days[place] != day[i]:
            days[place] = day[i]
            counts[place] = 0
        counts[place] += 1
        changed[entity[i]] = 1
        seq[i] = counts[place]
    return 0
