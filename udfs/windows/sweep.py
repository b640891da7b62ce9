# mypy: disable-error-code="return-value,assignment,no-any-return"
"""Kernels: windows that are forgotten, by their entity's own clock alone (law 6)."""

from __future__ import annotations

from udfs.codec.jit import I32, LONG, OUT, inlined, kernel
from udfs.codec.slices import Codes, Octets
from udfs.codec.writing import put_raw
from udfs.windows import layout as at
from udfs.windows.index import remove
from udfs.windows.reduce import is_long
from udfs.windows.state import STATE, State


@inlined
def is_over(s: State, x: int) -> bool:
    """Tell whether nothing that is accepted can come to a window any more."""
    key = s.rows[x + at.KEY]
    water = s.entities[(key >> at.LEVEL_BITS) * at.E_WIDTH + at.E_WATER]
    return s.rows[x + at.START] + s.lengths[key & at.LEVEL_MASK] + s.facts[at.KEEP] <= water


@kernel(LONG, STATE, LONG)
def sweep(s: State, budget: int) -> int:
    """Free windows that are over, told and saved, among the next ``budget`` rows. Returns how many were."""
    total = s.facts[at.ROWS]
    freed = 0
    row = s.facts[at.HAND]
    for _ in range(min(budget, total)):
        if row >= total:
            row = 0
        x = row * at.WIDTH
        if s.rows[x + at.KEY] >= 0 and s.rows[x + at.FLAGS] & ~at.REVISED == 0 and is_over(s, x):
            remove(s, row)
            freed += 1
        row += 1
    s.facts[at.HAND] = row
    s.facts[at.MADE] = 0
    return freed


@kernel(LONG, STATE, LONG, LONG, I32)
def live_rows(s: State, begin: int, end: int, live: Codes) -> int:
    """List the rows in [begin, end) that a state needs: not over, or not told yet. Returns how many."""
    count = 0
    for row in range(begin, end):
        x = row * at.WIDTH
        if s.rows[x + at.KEY] >= 0 and (s.rows[x + at.FLAGS] & at.DIRTY or not is_over(s, x)):
            live[count] = row
            count += 1
    return count


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
    return used
