# mypy: disable-error-code="return-value,assignment,no-any-return"
"""Kernel: cancels and corrections, which are applied to trades in the log, and else left to repair.

Reducers cannot undo a trade. So a window with a revision of a trade that is older than the log, or of a venue whose
trades are not logged, is never published again by the stream: it is asked for in a repair request, each time it
changes (law 5). Such a trade may be of any age, and its windows gone: all of them are asked for, kept or not.
"""

from __future__ import annotations

import numpy as np

from udfs.kernels.jit import BYTES, I64, LONG, inlined, kernel
from udfs.kernels.slices import Longs, Octets
from udfs.windows.kernels import layout as at
from udfs.windows.kernels.applying import apply_revision
from udfs.windows.kernels.avro_reading import has_header, read_head, take_decimal, take_id, take_long
from udfs.windows.kernels.delivery import ask
from udfs.windows.kernels.index import window
from udfs.windows.kernels.reduce import admit, held_by, is_cold, kept, leave, name, room_for, stop
from udfs.windows.kernels.state import STATE, State


@inlined
def read_revision(data: Octets, begin: int, size: int, header: Octets, record: Longs, corrects: int) -> bool:
    """Read a cancel or (``corrects``) a correction into the record; its time there is that of the trade it means."""
    if not has_header(data, begin, size, header):
        return False
    end = begin + size
    place = read_head(data, begin + 5, end, record, False)
    record[at.R_DECIDED] = record[at.R_TIME]
    place = take_id(data, place, end, record, at.R_ID)
    record[at.R_TIME], place = take_long(data, place, end)
    record[at.R_REVISION], place = take_long(data, place, end)
    if corrects:
        place = take_decimal(data, place, end, record, at.R_PRICE)
        place = take_decimal(data, place, end, record, at.R_AMOUNT)
    return place >= 0 and record[at.R_TIME] >= 0


@inlined
def leave_windows(s: State, code: int, time: int) -> None:
    """Leave the windows that hold a time to repair, and count the revision in those that still exist.

    The clock is that of the entity's trades: a window that no trade can come to any more needs no mark.
    """
    max_ingest = s.entities[code * at.E_WIDTH + at.E_MAX_INGEST]
    level = np.int64(0)
    while level < len(s.lengths) and not kept(s, max_ingest, held_by(s, code, level), time):
        level += 1
    row = window(s, code, level, time) if level < len(s.lengths) else np.int64(-1)
    if row >= 0:
        s.entities[code * at.E_WIDTH + at.E_TOP] = max(s.entities[code * at.E_WIDTH + at.E_TOP], time)
        leave(s, row)
    while row >= 0:
        s.rows[row * at.WIDTH + at.EVENTS] += 1
        row = s.rows[row * at.WIDTH + at.PARENT]


@kernel(LONG, STATE, BYTES, I64, I64, LONG, BYTES, LONG, LONG)
def fold_revisions(
    s: State, data: Octets, start: Longs, size: Longs, first: int, header: Octets, stream: int, corrects: int
) -> int:
    """Fold the records of a block from ``first`` on; return the first that was not: ``STOPPED`` says why.

    ``corrects``: they are corrections, not cancels.
    """
    last_name, last_size = np.int64(0), np.int64(-1)
    for i in range(first, len(start)):
        if not room_for(s, size[i]):
            return stop(s, at.NO_ROOM, i)
        if not read_revision(data, start[i], size[i], header, s.record, corrects):
            return stop(s, at.MALFORMED, i)
        name(s, data, last_name, last_size)
        if is_cold(s):
            return stop(s, at.ASLEEP, i)
        last_name, last_size = s.record[at.R_NAME], s.record[at.R_SIZE]
        if not admit(s, stream):
            continue
        code, time = s.record[at.R_CODE], s.record[at.R_TIME]
        e = code * at.E_WIDTH
        if s.entities[e + at.E_FLAGS] & at.LOGGED and kept(s, s.entities[e + at.E_MAX_INGEST], np.int64(0), time):
            apply_revision(s, data, corrects)
        else:
            ask(s, code, stream, time, at.REVISION)
            leave_windows(s, code, time)
    return len(start)
