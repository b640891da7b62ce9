# mypy: disable-error-code="return-value,assignment,no-any-return"
"""Kernel: trades out of their wire bytes into the windows of bars."""

from __future__ import annotations

import numpy as np

from udfs.kernels.jit import BYTES, I64, LONG, inlined, kernel
from udfs.kernels.slices import Longs, Octets
from udfs.windows.kernels import layout as at
from udfs.windows.kernels.avro_reading import has_header, read_head, take_decimal, take_id, take_text
from udfs.windows.kernels.index import same_bytes
from udfs.windows.kernels.reduce import (
    admit,
    follows,
    is_cold,
    keep_text,
    kept,
    leave,
    lower_to,
    lowest_window,
    name,
    precedes,
    raise_to,
    room_for,
    stop,
    touch,
)
from udfs.windows.kernels.state import STATE, State
from udfs.windows.kernels.trade_log import log_trade
from udfs.windows.kernels.words import add_words, product128

STREAM = 0


@inlined
def read_trade(data: Octets, begin: int, size: int, header: Octets, buy: Octets, record: Longs) -> bool:
    """Read a trade into the record, up to its aggressor; later fields do not matter to the fold."""
    if not has_header(data, begin, size, header):
        return False
    end = begin + size
    place = read_head(data, begin + 5, end, record, True)
    place = take_id(data, place, end, record, at.R_ID)
    place = take_decimal(data, place, end, record, at.R_PRICE)
    place = take_decimal(data, place, end, record, at.R_AMOUNT)
    text, length, place = take_text(data, place, end)
    if place < 0:
        return False
    record[at.R_BOUGHT] = length == 3 and same_bytes(data, text, buy, 0, 3)
    multiply(record)
    return True


@inlined
def multiply(record: Longs) -> None:
    """Put price·size, three words ·1e24, into the record."""
    w0, w1, w2 = product128(
        np.uint64(record[at.R_PRICE]),
        np.uint64(record[at.R_PRICE + 1]),
        np.uint64(record[at.R_AMOUNT]),
        np.uint64(record[at.R_AMOUNT + 1]),
    )
    record[at.R_PRODUCT] = np.int64(w0)
    record[at.R_PRODUCT + 1] = np.int64(w1)
    record[at.R_PRODUCT + 2] = np.int64(w2)


@inlined
def add_trade(s: State, row: int, data: Octets) -> None:
    """Add the trade in hand to one window."""
    rows, record = s.rows, s.record
    x = row * at.WIDTH
    new = rows[x + at.COUNT] == 0
    rows[x + at.COUNT] += 1
    rows[x + at.EVENTS] += 1
    add_words(rows, x + at.VOLUME, 2, record, at.R_AMOUNT)
    add_words(rows, x + at.NOTIONAL, 3, record, at.R_PRODUCT)
    if record[at.R_BOUGHT]:
        add_words(rows, x + at.BUY_VOLUME, 2, record, at.R_AMOUNT)
        add_words(rows, x + at.BUY_NOTIONAL, 3, record, at.R_PRODUCT)
    raise_to(rows, x + at.HIGH, new, record, at.R_PRICE)
    lower_to(rows, x + at.LOW, new, record, at.R_PRICE)
    time, order = record[at.R_TIME], record[at.R_ORDER]
    if new or follows(time, order, rows, x + at.CLOSE):
        _pick(s, x + at.CLOSE, data)
    if new or precedes(time, order, rows, x + at.OPEN):
        _pick(s, x + at.OPEN, data)
    touch(s, x, row)


@inlined
def _pick(s: State, x: int, data: Octets) -> None:
    s.rows[x] = s.record[at.R_TIME]
    s.rows[x + at.PICK_ORDER] = s.record[at.R_ORDER]
    s.rows[x + at.PICK_VALUES] = s.record[at.R_PRICE]
    s.rows[x + at.PICK_VALUES + 1] = s.record[at.R_PRICE + 1]
    keep_text(s, x + at.PICK_ID, s.record, at.R_ID, data)


@inlined
def _logged(s: State, row: int, data: Octets) -> int:
    """Log the trade in hand, if its venue revises; return what became of it, as ``log_trade``.

    A trade that is older than the log (an amended one) may be one that a revision waits for that is forgotten: if there
    was one, its windows are left to repair.
    """
    record = s.record
    e = record[at.R_CODE] * at.E_WIDTH
    if row < 0 or s.entities[e + at.E_FLAGS] & at.LOGGED == 0:
        return np.int64(0)
    if kept(s, s.entities[e + at.E_MAX_INGEST], np.int64(0), record[at.R_TIME]):
        verdict = log_trade(s, row, data)
        if verdict == at.CORRECTED:
            multiply(record)
        return verdict
    if s.rows[row * at.WIDTH + at.FLAGS] & at.APPLIED:
        leave(s, row)
    return np.int64(0)


@kernel(LONG, STATE, BYTES, I64, I64, LONG, BYTES, BYTES)
def fold_trades(s: State, data: Octets, start: Longs, size: Longs, first: int, header: Octets, buy: Octets) -> int:
    """Fold the records of a block from ``first`` on; return the first that was not: ``STOPPED`` says why."""
    last_name, last_size = np.int64(0), np.int64(-1)
    for i in range(first, len(start)):
        if not room_for(s, size[i]):
            return stop(s, at.NO_ROOM, i)
        if not read_trade(data, start[i], size[i], header, buy, s.record):
            return stop(s, at.MALFORMED, i)
        name(s, data, last_name, last_size)
        if is_cold(s):
            return stop(s, at.ASLEEP, i)
        last_name, last_size = s.record[at.R_NAME], s.record[at.R_SIZE]
        if not admit(s, STREAM):
            continue
        row = lowest_window(s)
        verdict = _logged(s, row, data)
        while row >= 0:
            if verdict == at.CANCELLED:
                s.rows[row * at.WIDTH + at.EVENTS] += 1
                touch(s, row * at.WIDTH, row)
            else:
                add_trade(s, row, data)
            row = s.rows[row * at.WIDTH + at.PARENT]
    return len(start)
