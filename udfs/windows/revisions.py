# mypy: disable-error-code="return-value,assignment,no-any-return"
"""Kernel: cancels and corrections, which the fold marks windows with.

Reducers cannot undo a trade. So a window that holds a revision is never told by the stream: its computation anew is
asked for, each time it changes (law 5). A revision may mean a trade of any age, whose windows are gone: all of its
windows are asked for, kept or not.
"""

from __future__ import annotations

import numpy as np

from udfs.codec.jit import BYTES, I64, LONG, inlined, kernel
from udfs.codec.slices import Longs, Octets
from udfs.windows import layout as at
from udfs.windows.index import push, window
from udfs.windows.reading import has_header, pass_text, read_head, take_long
from udfs.windows.reduce import admit, is_cold, kept, name, room_for, stop
from udfs.windows.sequence import ask
from udfs.windows.state import STATE, State


@inlined
def read_revision(data: Octets, begin: int, size: int, header: Octets, record: Longs) -> bool:
    """Read a cancel or a correction into the record; its time there is that of the trade it means."""
    if not has_header(data, begin, size, header):
        return False
    end = begin + size
    place = read_head(data, begin + 5, end, record, False)
    place = pass_text(data, place, end)  # venue_trade_id
    record[at.R_TIME], place = take_long(data, place, end)
    return place >= 0 and record[at.R_TIME] >= 0


@inlined
def mark_windows(s: State, code: int, time: int) -> None:
    """Mark the windows of a time that are kept as revised, and count the revision in them.

    The clock is that of the entity's trades: a window that no trade can come to any more needs no mark.
    """
    water = s.entities[code * at.E_WIDTH + at.E_WATER]
    level = np.int64(0)
    while level < len(s.lengths) and not kept(s, water, level, time):
        level += 1
    row = window(s, code, level, time) if level < len(s.lengths) else np.int64(-1)
    if row >= 0:
        s.entities[code * at.E_WIDTH + at.E_TOP] = max(s.entities[code * at.E_WIDTH + at.E_TOP], time)
    while row >= 0:
        x = row * at.WIDTH
        s.rows[x + at.EVENTS] += 1
        if s.rows[x + at.FLAGS] & at.CHANGED == 0:
            push(s, at.CHANGED_ROWS, row)
        s.rows[x + at.FLAGS] |= at.CHANGED | at.REVISED
        row = s.rows[x + at.PARENT]


@kernel(LONG, STATE, BYTES, I64, I64, LONG, BYTES, LONG)
def fold_revisions(s: State, data: Octets, start: Longs, size: Longs, first: int, header: Octets, stream: int) -> int:
    """Fold the records of a block from ``first`` on; return the first that was not: ``STOPPED`` says why."""
    last_name, last_size = np.int64(0), np.int64(-1)
    for i in range(first, len(start)):
        if not room_for(s, size[i]):
            return stop(s, at.NO_ROOM, i)
        if not read_revision(data, start[i], size[i], header, s.record):
            return stop(s, at.MALFORMED, i)
        name(s, data, last_name, last_size)
        if is_cold(s):
            return stop(s, at.ASLEEP, i)
        last_name, last_size = s.record[at.R_NAME], s.record[at.R_SIZE]
        if not admit(s, stream):
            continue
        code, time = s.record[at.R_CODE], s.record[at.R_TIME]
        ask(s, code, stream, time, at.REVISION)
        mark_windows(s, code, time)
    return len(start)
