# mypy: disable-error-code="return-value,assignment,no-any-return"
"""Kernels that follow the venue's numbers: see ``udfs.normalize.gaps`` for what they mean.

Missing numbers are *pieces*, ranges without a hole of their own. An entity's pieces form a list from the highest down;
those of one gap are neighbours in it, and gaps found later come earlier. Pieces are columns of a table with rows as
named below, ``chain`` has the next piece in the list (or of the free places), ``used`` how many places were ever taken
and the first free one.
"""

from __future__ import annotations

import numpy as np
from numba import types

from udfs.kernels.jit import I8, I32, I64, LONG, helper, kernel
from udfs.kernels.slices import Bits, Codes, Longs
from udfs.values.times import DAY

TABLE = types.Array(types.int64, 2, "C")
#: Rows of a table of pieces: the range, the gap's range as found, when it was found (newest ingest time of the entity
#: then, µs), event time of the frame that showed it, whether it was published, whether something is to be said.
FIRST, LAST, GAP_FIRST, GAP_LAST, FOUND_AT, EVENT_TIME, PUBLISHED, TOUCHED = range(8)
ROWS = 8
#: What ``follow`` reports besides, in a table with two rows more: the entity, and one of these.
ENTITY, WHAT = 8, 9
CLOSED, GIVEN_UP, JUMP, OPEN = range(4)
FOREVER = np.iinfo(np.int64).max


@helper
def _place(chain: Codes, used: Longs) -> int:
    """Return a free place."""
    place = used[1]
    if place >= 0:
        used[1] = np.int64(chain[place])
        return place
    used[0] += 1
    return used[0] - 1


@helper
def _release(place: int, chain: Codes, used: Longs) -> int:
    """Free a place; return what followed it in its list."""
    following = np.int64(chain[place])
    chain[place] = used[1]
    used[1] = place
    return following


@helper
def _report(report: Longs, row: int, pieces: Longs, place: int, entity: int, what: int) -> int:
    for k in range(ROWS):
        report[k, row] = pieces[k, place]
    report[ENTITY, row] = entity
    report[WHAT, row] = what
    return row + 1


@helper
def _fill(  # noqa: C901
    entity: int, low: int, high: int, heads: Codes, counts: Codes, pieces: Longs, chain: Codes, used: Longs,
    report: Longs, rows: int,
) -> tuple[int, bool, int]:  # fmt: skip
    """Take [low, high] out of an entity's pieces.

    Return how many of the numbers were missing, whether some of a published gap, and the rows reported.
    """
    filled = np.int64(0)
    public = False
    before = np.int64(-1)
    place = np.int64(heads[entity])
    while place >= 0 and pieces[LAST, place] >= low:
        following = np.int64(chain[place])
        first, last = pieces[FIRST, place], pieces[LAST, place]
        if first > high:
            before = place
            place = following
            continue
        begin, end = max(first, low), min(last, high)
        filled += end - begin + 1
        pieces[TOUCHED, place] = 1
        public |= pieces[PUBLISHED, place] == 1
        if begin == first and end == last:
            gap = pieces[GAP_FIRST, place]
            alone = True
            if before >= 0 and pieces[GAP_FIRST, before] == gap:
                pieces[TOUCHED, before] = 1
                alone = False
            if following >= 0 and pieces[GAP_FIRST, following] == gap:
                pieces[TOUCHED, following] = 1
                alone = False
            if alone and pieces[PUBLISHED, place] == 1:
                rows = _report(report, rows, pieces, place, entity, CLOSED)
            _release(place, chain, used)
            counts[entity] -= 1
            if before >= 0:
                chain[before] = following
            else:
                heads[entity] = following
        elif begin == first:
            pieces[FIRST, place] = end + 1
            before = place
        elif end == last:
            pieces[LAST, place] = begin - 1
            before = place
        else:
            lower = _place(chain, used)
            for k in range(ROWS):
                pieces[k, lower] = pieces[k, place]
            pieces[LAST, lower] = begin - 1
            pieces[FIRST, place] = end + 1
            chain[lower] = following
            chain[place] = lower
            counts[entity] += 1
            before = lower
        place = following
    return filled, public, rows


@helper
def _publish(entity: int, edge: int, heads: Codes, pieces: Longs, chain: Codes) -> tuple[int, bool]:
    """Publish an entity's gaps found before ``edge``; return when the oldest of the others was found, and whether any
    was published.
    """
    oldest = FOREVER
    any_published = False
    place = np.int64(heads[entity])
    while place >= 0 and pieces[PUBLISHED, place] == 0:
        if pieces[FOUND_AT, place] < edge:
            pieces[PUBLISHED, place] = 1
            pieces[TOUCHED, place] = 1
            any_published = True
        else:
            oldest = min(oldest, pieces[FOUND_AT, place])
        place = np.int64(chain[place])
    return oldest, any_published


@helper
def _give_up(
    entity: int, after: int, heads: Codes, counts: Codes, pieces: Longs, chain: Codes, used: Longs, report: Longs,
    rows: int,
) -> int:  # fmt: skip
    """Forget the pieces that come after a place in the list (-1: all); return the rows reported."""
    place = np.int64(heads[entity]) if after < 0 else np.int64(chain[after])
    if after < 0:
        heads[entity] = -1
    else:
        chain[after] = -1
    while place >= 0:
        rows = _report(report, rows, pieces, place, entity, GIVEN_UP)
        place = _release(place, chain, used)
        counts[entity] -= 1
    return rows


@helper
def _before_expired(entity: int, day: int, heads: Codes, pieces: Longs, chain: Codes) -> tuple[int, bool]:
    """Return the last piece of a gap found on ``day`` or later (-1: none), and whether older ones follow it."""
    before = np.int64(-1)
    place = np.int64(heads[entity])
    while place >= 0 and pieces[FOUND_AT, place] // DAY >= day:
        before = place
        place = np.int64(chain[place])
    return before, place >= 0


@helper
def _before_oldest(entity: int, heads: Codes, pieces: Longs, chain: Codes) -> int:
    """Return the last piece that is not of the oldest gap (-1: none)."""
    place = np.int64(heads[entity])
    before = np.int64(-1)
    while chain[place] >= 0:
        following = np.int64(chain[place])
        if pieces[GAP_FIRST, following] != pieces[GAP_FIRST, place]:
            before = place
        place = following
    return before


@kernel(
    LONG, LONG, LONG, LONG, LONG, LONG, I32, I64, I64, I64, I64,
    I64, I64, I64, I32, I32, I8, I8, I8, TABLE, I32, I64, TABLE,
)  # fmt: skip
def follow(  # noqa: C901, PLR0912, PLR0915
    window: int,
    grace: int,
    jump: int,
    days_kept: int,
    most: int,
    entity: Codes,
    first: Longs,
    last: Longs,
    event_time: Longs,
    ingest_time: Longs,
    high: Longs,
    max_ingest: Longs,
    due: Longs,
    heads: Codes,
    counts: Codes,
    changed: Bits,
    moved: Bits,
    spoken: Bits,
    pieces: Longs,
    chain: Codes,
    used: Longs,
    report: Longs,
) -> int:
    """Follow a batch in log order and move the state; records with ``first < 0`` take no part.

    Per entity there are the highest number seen (``high``, -1: none), the newest ingest time (``max_ingest``), when the
    oldest unpublished gap was found (``due``), and flags for the caller: ``changed`` for these, ``moved`` for pieces,
    ``spoken`` for pieces to publish. The caller has made room for one piece per record, and in
    ``report`` for the pieces there are and two per record. Returns how many rows that are.
    """
    rows = np.int64(0)
    for i in range(len(entity)):
        low = first[i]
        if low < 0:
            continue
        e = np.int64(entity[i])
        top = last[i]
        before = max_ingest[e]
        changed[e] = 1
        if ingest_time[i] > before:
            max_ingest[e] = ingest_time[i]
            if heads[e] >= 0 and ingest_time[i] // DAY != before // DAY:
                kept, expired = _before_expired(e, ingest_time[i] // DAY - days_kept, heads, pieces, chain)
                if expired:
                    rows = _give_up(e, kept, heads, counts, pieces, chain, used, report, rows)
                    moved[e] = 1
        now = max_ingest[e]
        seen = high[e]
        if seen < 0:
            high[e] = top
            continue
        if low > seen + 1:
            if low - seen - 1 > jump:
                rows = _give_up(e, -1, heads, counts, pieces, chain, used, report, rows)
                place = _place(chain, used)
                counts[e] += 1
                chain[place] = -1
            else:
                place = _place(chain, used)
                counts[e] += 1
                chain[place] = heads[e]
            heads[e] = place
            pieces[FIRST, place], pieces[LAST, place] = seen + 1, low - 1
            pieces[GAP_FIRST, place], pieces[GAP_LAST, place] = seen + 1, low - 1
            pieces[FOUND_AT, place], pieces[EVENT_TIME, place] = now, event_time[i]
            pieces[PUBLISHED, place], pieces[TOUCHED, place] = 0, 0
            moved[e] = 1
            if low - seen - 1 > jump:
                rows = _give_up(e, -1, heads, counts, pieces, chain, used, report, rows)
                report[WHAT, rows - 1] = JUMP
            else:
                due[e] = min(due[e], now)
            high[e] = top
        elif heads[e] >= 0:
            filled, public, rows = _fill(e, low, min(top, seen), heads, counts, pieces, chain, used, report, rows)
            if filled > 0:
                moved[e] = 1
            if public:
                spoken[e] = 1
            high[e] = max(seen, top)
        else:
            filled = np.int64(0)
            high[e] = max(seen, top)
        if low <= seen + 1 and filled == 0 and top < seen - jump and event_time[i] >= before - window:
            # numbers of now, far below: the venue numbers anew
            rows = _give_up(e, -1, heads, counts, pieces, chain, used, report, rows)
            moved[e] = 1
            high[e] = top
        if due[e] < now - grace:
            due[e], published = _publish(e, now - grace, heads, pieces, chain)
            if published:
                moved[e] = 1
                spoken[e] = 1
        while counts[e] > most:
            kept = _before_oldest(e, heads, pieces, chain)
            rows = _give_up(e, kept, heads, counts, pieces, chain, used, report, rows)
            moved[e] = 1
    return rows


@kernel(LONG, I32, I32, TABLE, I32, TABLE)
def list_pieces(which: Codes, heads: Codes, pieces: Longs, chain: Codes, out: Longs) -> int:
    """Copy the pieces of some entities, list after list. Returns how many there are."""
    row = np.int64(0)
    for e in which:
        place = np.int64(heads[e])
        while place >= 0:
            for k in range(ROWS):
                out[k, row] = pieces[k, place]
            row += 1
            place = np.int64(chain[place])
    return row


@kernel(LONG, I32, I32, TABLE, I64, I32, I32, TABLE, I32, I64)
def put_pieces(
    which: Codes,
    sizes: Codes,
    rows: Longs,
    due: Longs,
    heads: Codes,
    counts: Codes,
    pieces: Longs,
    chain: Codes,
    used: Longs,
) -> int:
    """Replace the lists of some entities by rows, list after list, ``sizes`` of them. Returns how many there are."""
    row = np.int64(0)
    for k in range(len(which)):
        e = which[k]
        place = np.int64(heads[e])
        while place >= 0:
            place = _release(place, chain, used)
        heads[e] = -1
        counts[e] = sizes[k]
        due[e] = FOREVER
        before = np.int64(-1)
        for _ in range(sizes[k]):
            place = _place(chain, used)
            for c in range(ROWS):
                pieces[c, place] = rows[c, row]
            if pieces[PUBLISHED, place] == 0:
                due[e] = min(due[e], pieces[FOUND_AT, place])
            chain[place] = -1
            if before < 0:
                heads[e] = place
            else:
                chain[before] = place
            before = place
            row += 1
    return row
