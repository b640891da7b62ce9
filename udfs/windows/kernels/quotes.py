# mypy: disable-error-code="return-value,assignment,no-any-return"
"""Kernel: quotes out of their wire bytes into the windows of quote bars: how many, and the last one."""

from __future__ import annotations

import numpy as np

from udfs.kernels.jit import BYTES, I64, LONG, inlined, kernel
from udfs.kernels.slices import Longs, Octets
from udfs.windows.kernels import layout as at
from udfs.windows.kernels.avro_reading import has_header, pass_text, read_head, take_decimal
from udfs.windows.kernels.reduce import admit, follows, is_cold, lowest_window, name, room_for, stop, touch
from udfs.windows.kernels.state import STATE, State

STREAM = 0
#: Words of what is kept of a quote: bid price, bid size, ask price, ask size.
VALUES = 8


@inlined
def read_quote(data: Octets, begin: int, size: int, header: Octets, record: Longs) -> bool:
    """Read a quote into the record."""
    if not has_header(data, begin, size, header):
        return False
    end = begin + size
    place = read_head(data, begin + 5, end, record, True)
    place = pass_text(data, place, end)  # venue_update_id
    for k in range(0, VALUES, 2):
        place = take_decimal(data, place, end, record, at.R_VALUES + k)
    return place >= 0


@inlined
def add_quote(s: State, row: int) -> None:
    """Add the quote in hand to one window."""
    rows, record = s.rows, s.record
    x = row * at.WIDTH
    time, order = record[at.R_TIME], record[at.R_ORDER]
    if rows[x + at.COUNT] == 0 or follows(time, order, rows, x + at.LAST):
        rows[x + at.LAST] = time
        rows[x + at.LAST + at.PICK_ORDER] = order
        for k in range(VALUES):
            rows[x + at.LAST + at.PICK_VALUES + k] = record[at.R_VALUES + k]
    rows[x + at.COUNT] += 1
    rows[x + at.EVENTS] += 1
    touch(s, x, row)


@kernel(LONG, STATE, BYTES, I64, I64, LONG, BYTES)
def fold_quotes(s: State, data: Octets, start: Longs, size: Longs, first: int, header: Octets) -> int:
    """Fold the records of a block from ``first`` on; return the first that was not: ``STOPPED`` says why."""
    last_name, last_size = np.int64(0), np.int64(-1)
    for i in range(first, len(start)):
        if not room_for(s, size[i]):
            return stop(s, at.NO_ROOM, i)
        if not read_quote(data, start[i], size[i], header, s.record):
            return stop(s, at.MALFORMED, i)
        name(s, data, last_name, last_size)
        if is_cold(s):
            return stop(s, at.ASLEEP, i)
        last_name, last_size = s.record[at.R_NAME], s.record[at.R_SIZE]
        if not admit(s, STREAM):
            continue
        row = lowest_window(s)
        while row >= 0:
            add_quote(s, row)
            row = s.rows[row * at.WIDTH + at.PARENT]
    return len(start)
