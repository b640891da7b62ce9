# mypy: disable-error-code="return-value,assignment,no-any-return"
"""Kernel: which windows are published now. When a window is published never changes what it says (law 5).

A window that changed is published

- at once when it ends at or before the watermark: a first result, or the correction by a late event;
- else with a tick, so that the day's bar is there during the day, and the view converges when a feed stops.

Where the watermark is far ahead of an entity's own events (the history of one venue behind another, or an entity that
fell silent), every record would be a correction. Windows of such entities are published by ticks.
"""

from __future__ import annotations

import numpy as np

from udfs.kernels.jit import LONG, inlined, kernel
from udfs.windows.kernels import layout as at
from udfs.windows.kernels.index import push
from udfs.windows.kernels.state import STATE, State


@inlined
def _is_due(s: State, row: int, watermark: int) -> bool:
    """Tell whether a watermark makes a window due."""
    x = row * at.WIDTH
    key = s.rows[x + at.KEY]
    if s.rows[x + at.START] + s.lengths[key & at.LEVEL_MASK] > watermark:
        return False
    newest = s.entities[(key >> at.LEVEL_BITS) * at.E_WIDTH + at.E_TIME]
    return watermark - newest <= s.facts[at.FAR]


@inlined
def _publish(s: State, row: int) -> None:
    """Put a window on the list of those to publish, or to ask for, and on that of those to save."""
    x = row * at.WIDTH
    flags = s.rows[x + at.FLAGS]
    if flags & at.CHANGED == 0:
        push(s, at.CHANGED_ROWS, row)
    s.rows[x + at.FLAGS] = (flags & ~at.DIRTY) | at.CHANGED
    push(s, at.ASKED if flags & at.LEFT else at.DUE, row)


@kernel(LONG, STATE, LONG, LONG, LONG)
def collect(s: State, watermark: int, ticked: int, budget: int) -> int:
    """Fill the lists ``DUE`` and ``ASKED``.

    Args:
        s: the state.
        watermark: in µs; before all times while there is none.
        ticked: a tick begins for the levels below this one.
        budget: how many windows that wait for a tick are published at most; the others come with the next calls.

    Returns:
        How many windows still wait for a tick that has begun.
    """
    capacity = s.facts[at.CAPACITY]
    s.facts[at.DUE] = 0
    s.facts[at.ASKED] = 0
    for k in range(s.facts[at.FRESH]):
        row = np.int64(s.lists[at.FRESH * capacity + k])
        if _is_due(s, row, watermark):
            _publish(s, row)
        else:
            push(s, at.WAITING + (s.rows[row * at.WIDTH + at.KEY] & at.LEVEL_MASK), row)
    s.facts[at.FRESH] = 0
    for level in range(len(s.lengths)):
        which = at.WAITING + level
        floor = watermark // s.lengths[level]
        if level < ticked:
            for k in range(s.facts[which]):
                push(s, at.TICKING, np.int64(s.lists[which * capacity + k]))
            s.facts[which] = 0
        elif floor > s.facts[at.LOOKED + level]:
            held = 0
            for k in range(s.facts[which]):
                row = np.int64(s.lists[which * capacity + k])
                if _is_due(s, row, watermark):
                    _publish(s, row)
                else:
                    s.lists[which * capacity + held] = row
                    held += 1
            s.facts[which] = held
        s.facts[at.LOOKED + level] = max(floor, s.facts[at.LOOKED + level])
    while s.facts[at.TICKING] > 0 and budget > 0:
        s.facts[at.TICKING] -= 1
        _publish(s, np.int64(s.lists[at.TICKING * capacity + s.facts[at.TICKING]]))
        budget -= 1
    return s.facts[at.TICKING]
