# mypy: disable-error-code="return-value,assignment,no-any-return"
"""Kernels of a batch that has all cancels and corrections: revised trades, and the revisions themselves.

What the stream cannot undo, a batch does not do in the first place: a cancelled trade counts as an event of its windows
and in nothing else, a corrected one with its new price and size; each revision is an event, too (law 5).
"""

from __future__ import annotations

import numpy as np

from udfs.kernels.jit import BYTES, I8, I64, LONG, kernel
from udfs.kernels.slices import Bits, Longs, Octets
from udfs.windows.kernels import layout as at
from udfs.windows.kernels.reduce import lowest_window, name, room_for, stop, touch
from udfs.windows.kernels.revising import read_revision
from udfs.windows.kernels.state import STATE, State
from udfs.windows.kernels.trades import add_trade, multiply, read_trade

#: What became of a trade.
STANDS, CANCELLED, CORRECTED = 0, 1, 2


@kernel(LONG, STATE, BYTES, I64, I64, LONG, BYTES, BYTES, I8, I64)
def fold_revised(
    s: State,
    data: Octets,
    start: Longs,
    size: Longs,
    first: int,
    header: Octets,
    buy: Octets,
    verdicts: Bits,
    numbers: Longs,
) -> int:
    """Fold the trades of a block from ``first`` on; return the first that was not: ``STOPPED`` says why.

    ``verdicts`` says of each what became of it; ``numbers`` has four words of each: the corrected price and size.
    """
    last_name, last_size = np.int64(0), np.int64(-1)
    for i in range(first, len(start)):
        if not room_for(s, size[i]):
            return stop(s, at.NO_ROOM, i)
        if not read_trade(data, start[i], size[i], header, buy, s.record):
            return stop(s, at.MALFORMED, i)
        name(s, data, last_name, last_size)
        last_name, last_size = s.record[at.R_NAME], s.record[at.R_SIZE]
        if verdicts[i] == CORRECTED:
            for k in range(2):
                s.record[at.R_PRICE + k] = numbers[4 * i + k]
                s.record[at.R_AMOUNT + k] = numbers[4 * i + 2 + k]
            multiply(s.record)
        row = lowest_window(s)
        while row >= 0:
            x = row * at.WIDTH
            if verdicts[i] == CANCELLED:
                s.rows[x + at.EVENTS] += 1
                touch(s, x, row)
            else:
                add_trade(s, row, data)
            row = s.rows[x + at.PARENT]
    return len(start)


@kernel(LONG, STATE, BYTES, I64, I64, LONG, BYTES)
def count_revisions(s: State, data: Octets, start: Longs, size: Longs, first: int, header: Octets) -> int:
    """Count cancels or corrections in the windows of the trades they mean; as ``fold_revised``."""
    last_name, last_size = np.int64(0), np.int64(-1)
    for i in range(first, len(start)):
        if not room_for(s, size[i]):
            return stop(s, at.NO_ROOM, i)
        if not read_revision(data, start[i], size[i], header, s.record, 0):
            return stop(s, at.MALFORMED, i)
        name(s, data, last_name, last_size)
        last_name, last_size = s.record[at.R_NAME], s.record[at.R_SIZE]
        row = lowest_window(s)
        while row >= 0:
            x = row * at.WIDTH
            s.rows[x + at.EVENTS] += 1
            touch(s, x, row)
            row = s.rows[x + at.PARENT]
    return len(start)
