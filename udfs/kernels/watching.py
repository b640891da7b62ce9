# mypy: disable-error-code="return-value,assignment,no-any-return"
"""Kernel: compare a row with the earlier rows of its entity; see ``udfs.quality.memory``."""

from __future__ import annotations

from udfs.kernels.admitting import DAY
from udfs.kernels.jit import I8, I32, I64, LONG, kernel
from udfs.kernels.slices import Bits, Codes, Longs


@kernel(LONG, LONG, I32, I64, I64, I64, I64, I8, I64, I64, I64, I64)
def watch(
    room: int,
    entity: Codes,
    time: Longs,
    whole: Longs,
    part: Longs,
    state: Longs,
    changed: Bits,
    behind: Longs,
    silence: Longs,
    close_whole: Longs,
    close_part: Longs,
) -> int:
    """Fill, per row in log order, ``behind`` and ``silence`` in µs and the previous close (whole -1: none).

    ``state`` is 6 by ``room``: of each entity time, whole, part of its newest price by event time (time -1: none), and
    of the newest price of an earlier day than that one's. Returns 0.
    """
    for i in range(len(entity)):
        e = entity[i]
        newest = state[e]
        behind[i] = 0
        silence[i] = 0
        close_whole[i] = -1
        close_part[i] = 0
        day = time[i] // DAY
        if newest >= 0 and time[i] < newest:
            behind[i] = newest - time[i]
            if day != newest // DAY:
                # A late row of an earlier day may be the last price before today's; it has no close of its own.
                if time[i] >= state[3 * room + e]:
                    state[3 * room + e] = time[i]
                    state[4 * room + e] = whole[i]
                    state[5 * room + e] = part[i]
                    changed[e] = 1
                continue
        else:
            if newest >= 0:
                silence[i] = time[i] - newest
                if day != newest // DAY:
                    for k in range(3):
                        state[(3 + k) * room + e] = state[k * room + e]
            state[e] = time[i]
            state[room + e] = whole[i]
            state[2 * room + e] = part[i]
            changed[e] = 1
        if state[3 * room + e] >= 0:
            close_whole[i] = state[4 * room + e]
            close_part[i] = state[5 * room + e]
    return 0
