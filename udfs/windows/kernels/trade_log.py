# mypy: disable-error-code="return-value,assignment,no-any-return"
"""Helpers of kernels: the log of trades of venues that revise, and the revisions of them.

Each second's trades are a chain, and its revisions are another. They are kept as long as a trade that the gate accepts
can come to the second; their entity's clock says when that is over (law 6). Of a trade there is one revision, which
takes in all that mean it; one that precedes its trade waits for it.
"""

from __future__ import annotations

import numpy as np

from udfs.kernels.jit import inlined
from udfs.kernels.slices import Longs, Octets
from udfs.kernels.writing import put_raw
from udfs.windows.kernels import layout as at
from udfs.windows.kernels.avro_reading import is_long
from udfs.windows.kernels.state import State


@inlined
def drop_revisions(s: State, row: int) -> None:
    """Free the revisions of a second."""
    v = np.int64(s.chains[row * at.C_WIDTH + at.C_REVISED])
    while v >= 0:
        after = s.revisions[v * at.V_WIDTH + at.V_NEXT]
        s.revisions[v * at.V_WIDTH + at.V_NEXT] = s.facts[at.REVISIONS_FREE]
        s.facts[at.REVISIONS_FREE] = v
        v = after
    s.chains[row * at.C_WIDTH + at.C_REVISED] = -1


@inlined
def drop_log(s: State, row: int) -> None:
    """Free the log of a second, if it has one."""
    c = row * at.C_WIDTH
    if s.chains[c + at.C_HEAD] >= 0:
        tail = np.int64(s.chains[c + at.C_TAIL])
        s.tape[tail * at.L_WIDTH + at.L_NEXT] = s.facts[at.LOG_FREE]
        s.facts[at.LOG_FREE] = np.int64(s.chains[c + at.C_HEAD])
        s.facts[at.IN_LOG] -= np.int64(s.chains[c + at.C_COUNT])
        s.chains[c + at.C_HEAD] = -1
        s.chains[c + at.C_TAIL] = -1
        s.chains[c + at.C_SAVED] = -1
        s.chains[c + at.C_COUNT] = 0
    drop_revisions(s, row)


@inlined
def has_room(s: State) -> bool:
    """Tell whether one more trade and one more revision can be logged."""
    facts = s.facts
    return (facts[at.LOG_FREE] >= 0 or (facts[at.LOG_MADE] + 1) * at.L_WIDTH <= len(s.tape)) and (
        facts[at.REVISIONS_FREE] >= 0 or (facts[at.REVISIONS_MADE] + 1) * at.V_WIDTH <= len(s.revisions)
    )


@inlined
def _take(facts: Longs, rows: Longs, free: int, made: int, width: int, link: int) -> int:
    """Return a row to write: the first of the free list, or the next that was never used.

    ``facts[free]`` is the first free one (-1: none), ``facts[made]`` how many were ever used, ``link`` the word of a
    free row that names the next.
    """
    row = facts[free]
    if row >= 0:
        facts[free] = rows[row * width + link]
    else:
        row = facts[made]
        facts[made] = row + 1
    return row


@inlined
def new_trade(s: State, row: int) -> int:
    """Return where a new trade of a second lies in the log. The caller has made room."""
    entry = _take(s.facts, s.tape, at.LOG_FREE, at.LOG_MADE, at.L_WIDTH, at.L_NEXT)
    c = row * at.C_WIDTH
    s.tape[entry * at.L_WIDTH + at.L_NEXT] = np.int64(s.chains[c + at.C_HEAD])
    if s.chains[c + at.C_HEAD] < 0:
        s.chains[c + at.C_TAIL] = entry
    s.chains[c + at.C_HEAD] = entry
    s.chains[c + at.C_COUNT] += 1
    s.facts[at.IN_LOG] += 1
    return entry * at.L_WIDTH


@inlined
def new_revision(s: State, row: int) -> int:
    """Return where a new revision of a second's trade lies; it says nothing yet. The caller has made room."""
    v = _take(s.facts, s.revisions, at.REVISIONS_FREE, at.REVISIONS_MADE, at.V_WIDTH, at.V_NEXT)
    c = row * at.C_WIDTH + at.C_REVISED
    s.revisions[v * at.V_WIDTH + at.V_NEXT] = np.int64(s.chains[c])
    s.revisions[v * at.V_WIDTH + at.V_FLAGS] = 0
    s.chains[c] = v
    return v * at.V_WIDTH


@inlined
def same_id(s: State, kept: Longs, k: int, other: Longs, o: int, data: Octets) -> bool:
    """Compare a kept id (in ``State.texts`` if it is long) with another one (in ``data`` if it is long)."""
    if kept[k + 1] != other[o + 1]:
        return False
    if not is_long(kept[k + 1]):
        return kept[k] == other[o]
    for m in range(kept[k + 1] & at.SIZE_MASK):  # noqa: SIM110 - numba compiles no generators
        if s.texts[kept[k] + m] != data[other[o] + m]:
            return False
    return True


@inlined
def keep_id(s: State, kept: Longs, k: int, source: Longs, v: int, data: Octets) -> None:
    """Keep an id for the log; a long one is copied from ``data``."""
    kept[k], kept[k + 1] = source[v], source[v + 1]
    if is_long(source[v + 1]):
        size = source[v + 1] & at.SIZE_MASK
        begin = s.facts[at.TEXT_BYTES]
        put_raw(s.texts, begin, data, source[v], size)
        s.facts[at.TEXT_BYTES] = begin + size
        s.facts[at.LONGEST] = max(s.facts[at.LONGEST], size)
        kept[k] = begin


@inlined
def find_revision(s: State, row: int, data: Octets) -> int:
    """Return where the revision of the trade in hand lies, or of the trade that it means; -1: there is none."""
    v = np.int64(s.chains[row * at.C_WIDTH + at.C_REVISED])
    while v >= 0:
        begin = v * at.V_WIDTH
        if s.revisions[begin + at.V_TIME] == s.record[at.R_TIME] and same_id(
            s, s.revisions, begin + at.V_ID, s.record, at.R_ID, data
        ):
            return begin
        v = s.revisions[begin + at.V_NEXT]
    return np.int64(-1)


@inlined
def log_trade(s: State, row: int, data: Octets) -> int:
    """Log the trade in hand, revised if a revision came first; return ``CANCELLED``, ``CORRECTED`` or 0.

    A correction replaces price and size in the record as well.
    """
    record = s.record
    flags = np.int64(0)
    if s.chains[row * at.C_WIDTH + at.C_REVISED] >= 0:
        v = find_revision(s, row, data)
        if v >= 0:
            flags = s.revisions[v + at.V_FLAGS]
            if flags & at.CORRECTED:
                for k in range(2):
                    record[at.R_PRICE + k] = s.revisions[v + at.V_PRICE + k]
                    record[at.R_AMOUNT + k] = s.revisions[v + at.V_SIZE + k]
    begin = new_trade(s, row)
    log = s.tape
    log[begin + at.L_TIME] = record[at.R_TIME]
    log[begin + at.L_ORDER] = record[at.R_ORDER]
    keep_id(s, log, begin + at.L_ID, record, at.R_ID, data)
    for k in range(2):
        log[begin + at.L_PRICE + k] = record[at.R_PRICE + k]
        log[begin + at.L_SIZE + k] = record[at.R_AMOUNT + k]
    log[begin + at.L_FLAGS] = (at.BOUGHT if record[at.R_BOUGHT] else 0) | (flags & at.CANCELLED)
    return np.int64(at.CANCELLED) if flags & at.CANCELLED else flags


@inlined
def is_later(s: State, v: int, revision: int, decided: int, order: int) -> bool:
    """Tell whether a correction is behind the one that is kept."""
    kept = s.revisions
    if revision != kept[v + at.V_REVISION]:
        return revision > kept[v + at.V_REVISION]
    if decided != kept[v + at.V_DECIDED]:
        return decided > kept[v + at.V_DECIDED]
    return order > kept[v + at.V_ORDER]


@inlined
def revise(s: State, row: int, v: int) -> bool:
    """Apply a revision to the trades of a second that it means; tell whether one changed."""
    kept, log = s.revisions, s.tape
    changed = False
    entry = np.int64(s.chains[row * at.C_WIDTH + at.C_HEAD])
    while entry >= 0:
        b = entry * at.L_WIDTH
        entry = log[b + at.L_NEXT]
        if log[b + at.L_TIME] != kept[v + at.V_TIME] or not same_id(s, log, b + at.L_ID, kept, v + at.V_ID, s.texts):
            continue
        if log[b + at.L_FLAGS] & at.CANCELLED:
            continue
        if kept[v + at.V_FLAGS] & at.CANCELLED:
            log[b + at.L_FLAGS] |= at.CANCELLED
            changed = True
            continue
        for k in range(2):
            changed |= log[b + at.L_PRICE + k] != kept[v + at.V_PRICE + k]
            changed |= log[b + at.L_SIZE + k] != kept[v + at.V_SIZE + k]
            log[b + at.L_PRICE + k] = kept[v + at.V_PRICE + k]
            log[b + at.L_SIZE + k] = kept[v + at.V_SIZE + k]
    return changed
