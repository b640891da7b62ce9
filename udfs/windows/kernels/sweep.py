# mypy: disable-error-code="return-value,assignment,no-any-return"
"""Kernels: windows that are forgotten, by their entity's own clock alone (law 6)."""

from __future__ import annotations

import numpy as np

from udfs.kernels.jit import I32, LONG, OUT, inlined, kernel
from udfs.kernels.slices import Codes, Longs, Octets
from udfs.kernels.writing import put_raw
from udfs.windows.kernels import layout as at
from udfs.windows.kernels.avro_reading import is_long
from udfs.windows.kernels.index import remove
from udfs.windows.kernels.reduce import held_by, kept
from udfs.windows.kernels.state import STATE, State
from udfs.windows.kernels.trade_log import drop_log


@inlined
def is_over(s: State, x: int) -> bool:
    """Tell whether no accepted event can come to a window any more."""
    code, level = s.rows[x + at.KEY] >> at.LEVEL_BITS, s.rows[x + at.KEY] & at.LEVEL_MASK
    max_ingest = s.entities[code * at.E_WIDTH + at.E_MAX_INGEST]
    held = held_by(s, code, level)
    if held != level:
        return not kept(s, max_ingest, held, s.rows[x + at.START])
    return s.rows[x + at.START] + s.lengths[level] + s.facts[at.KEEP] <= max_ingest


@inlined
def is_log_over(s: State, x: int) -> bool:
    """Tell whether a window has a log that no accepted event can come to any more, though the window stays."""
    row = x // at.WIDTH
    if s.chains[row * at.C_WIDTH + at.C_HEAD] < 0 and s.chains[row * at.C_WIDTH + at.C_REVISED] < 0:
        return False
    max_ingest = s.entities[(s.rows[x + at.KEY] >> at.LEVEL_BITS) * at.E_WIDTH + at.E_MAX_INGEST]
    return not kept(s, max_ingest, s.rows[x + at.KEY] & at.LEVEL_MASK, s.rows[x + at.START])


@kernel(LONG, STATE, LONG)
def sweep(s: State, budget: int) -> int:
    """Free windows that are over, published and saved, among the next ``budget`` rows. Returns how many."""
    total = s.facts[at.ROWS]
    freed = 0
    logs = s.facts[at.LOG_MADE] + s.facts[at.REVISIONS_MADE] > 0
    row = s.facts[at.HAND]
    for _ in range(min(budget, total)):
        if row >= total:
            row = 0
        x = row * at.WIDTH
        if s.rows[x + at.KEY] >= 0 and s.rows[x + at.FLAGS] & at.UNSETTLED == 0 and is_over(s, x):
            remove(s, row)
            freed += 1
        elif logs and s.rows[x + at.KEY] >= 0 and is_log_over(s, x):
            drop_log(s, row)
        row += 1
    s.facts[at.HAND] = row
    s.facts[at.MADE] = 0
    return freed


@kernel(LONG, STATE, LONG, LONG, I32)
def live_rows(s: State, begin: int, end: int, live: Codes) -> int:
    """List the rows in [begin, end) that a state needs: not over, or not published yet. Returns how many."""
    count = 0
    for row in range(begin, end):
        x = row * at.WIDTH
        if s.rows[x + at.KEY] >= 0 and (s.rows[x + at.FLAGS] & at.DIRTY or not is_over(s, x)):
            live[count] = row
            count += 1
    return count


@inlined
def _pack_id(s: State, words: Longs, k: int, out: Octets, used: int) -> int:
    if not is_long(words[k + 1]):
        return used
    size = words[k + 1] & at.SIZE_MASK
    put_raw(out, used, s.texts, words[k], size)
    words[k] = used
    return used + size


@inlined
def _pack_ids(s: State, row: int, out: Octets, used: int) -> int:
    """Copy the long ids of a second's log; return where they end."""
    entry = np.int64(s.chains[row * at.C_WIDTH + at.C_HEAD])
    while entry >= 0:
        used = _pack_id(s, s.tape, entry * at.L_WIDTH + at.L_ID, out, used)
        entry = s.tape[entry * at.L_WIDTH + at.L_NEXT]
    v = np.int64(s.chains[row * at.C_WIDTH + at.C_REVISED])
    while v >= 0:
        used = _pack_id(s, s.revisions, v * at.V_WIDTH + at.V_ID, out, used)
        v = s.revisions[v * at.V_WIDTH + at.V_NEXT]
    return used


@kernel(LONG, STATE, OUT, I32, LONG)
def pack_texts(s: State, out: Octets, words: Codes, width: int) -> int:
    """Copy the long texts that rows still name, of the words at ``words`` of each row. Returns the bytes.

    ``width`` is how many such words there are.
    """
    used = 0
    for row in range(s.facts[at.ROWS]):
        x = row * at.WIDTH
        if s.rows[x + at.KEY] >= 0:
            for k in range(width):
                place = x + words[k]
                if is_long(s.rows[place + 1]):
                    size = s.rows[place + 1] & at.SIZE_MASK
                    put_raw(out, used, s.texts, s.rows[place], size)
                    s.rows[place] = used
                    used += size
            used = _pack_ids(s, row, out, used)
    return used
