# mypy: disable-error-code="return-value,assignment,no-any-return"
"""Kernels: reductions that a declaration lists, as a table of operations instead of a kernel for each kind of result.

An operation is ``OP`` words. Numbers are two's complement of two or three words. A pick (first or last) is followed by
what it takes with it, so that the last bid and the last ask are of one quote.
"""

from __future__ import annotations

import numpy as np

from udfs.kernels.jit import BYTES, I64, LONG, inlined, kernel
from udfs.kernels.slices import Longs, Octets
from udfs.windows.kernels import layout as at
from udfs.windows.kernels.index import entity_window
from udfs.windows.kernels.quotes import read_quote
from udfs.windows.kernels.reduce import (
    admit,
    follows,
    is_cold,
    keep_text,
    lowest_window,
    name,
    precedes,
    room_for,
    stop,
    touch,
)
from udfs.windows.kernels.state import STATE, State
from udfs.windows.kernels.trades import read_trade
from udfs.windows.kernels.words import add_words, minus

#: What is done, the word of the record, the word of the window, how many words.
OP = 4
WHAT, SOURCE, TARGET, WORDS = range(OP)
SUM, LEAST, MOST, FIRST, LAST, ALSO, ALSO_TEXT = range(7)
STREAM = 0

#: Columns that a record has besides its own: ask - bid; size and price·size of what the taker bought, else 0.
R_SPREAD = 14
R_BOUGHT_SIZE, R_BOUGHT_PRODUCT = 16, 18


@inlined
def _below(left: Longs, x: int, right: Longs, y: int, words: int) -> bool:
    """Tell whether one number is below another."""
    k = words - 1
    if left[x + k] != right[y + k]:
        return left[x + k] < right[y + k]
    while k > 0:
        k -= 1
        a, b = np.uint64(left[x + k]), np.uint64(right[y + k])
        if a != b:
            return a < b
    return False


@inlined
def _take(rows: Longs, x: int, source: Longs, v: int, words: int) -> None:
    for k in range(words):
        rows[x + k] = source[v + k]


@inlined
def _fold_number(rows: Longs, x: int, what: int, new: bool, values: Longs, v: int, words: int) -> None:
    """Add a number, or keep the smaller or the larger one."""
    if what == SUM:
        add_words(rows, x, words, values, v)
    elif new or (_below(values, v, rows, x, words) if what == LEAST else _below(rows, x, values, v, words)):
        _take(rows, x, values, v, words)


@inlined
def _is_picked(s: State, x: int, what: int, new: bool, time: int, order: int) -> bool:
    """Let a record or a window take a pick, if it is the first or the last there."""
    if not (new or (precedes(time, order, s.rows, x) if what == FIRST else follows(time, order, s.rows, x))):
        return False
    s.rows[x + at.PICK_TIME] = time
    s.rows[x + at.PICK_ORDER] = order
    return True


@inlined
def _reduce(s: State, x: int, ops: Longs, values: Longs, w: int, data: Octets) -> None:
    """Reduce into the window at ``x``: a record, whose words are where ``SOURCE`` says, or another window at ``w``.

    ``w`` is -1 for a record. ``COUNT`` of the window is still that without it.
    """
    rows = s.rows
    new = rows[x + at.COUNT] == 0
    took = False
    for k in range(0, len(ops), OP):
        what, target, words = ops[k + WHAT], x + ops[k + TARGET], ops[k + WORDS]
        v = ops[k + SOURCE] if w < 0 else w + ops[k + TARGET]
        if what <= MOST:
            _fold_number(rows, target, what, new, values, v, words)
        elif what == ALSO:
            if took:
                _take(rows, target, values, v, words)
        elif what == ALSO_TEXT:
            if took:
                keep_text(s, target, values, v, data)
        elif w < 0:
            took = _is_picked(s, target, what, new, values[at.R_TIME], values[at.R_ORDER])
        else:
            took = _is_picked(s, target, what, new, values[v], values[v + at.PICK_ORDER])


@inlined
def _fold_record(s: State, ops: Longs, data: Octets) -> None:
    """Reduce the record in hand into its windows."""
    row = lowest_window(s)
    while row >= 0:
        x = row * at.WIDTH
        _reduce(s, x, ops, s.record, np.int64(-1), data)
        s.rows[x + at.COUNT] += 1
        s.rows[x + at.EVENTS] += 1
        touch(s, x, row)
        row = s.rows[x + at.PARENT]


@kernel(LONG, STATE, BYTES, I64, I64, LONG, BYTES, BYTES, I64)
def fold_trade_columns(
    s: State, data: Octets, start: Longs, size: Longs, first: int, header: Octets, buy: Octets, ops: Longs
) -> int:
    """Fold the trades of a block from ``first`` on; return the first that was not: ``STOPPED`` says why."""
    last_name, last_size = np.int64(0), np.int64(-1)
    record = s.record
    for i in range(first, len(start)):
        if not room_for(s, size[i]):
            return stop(s, at.NO_ROOM, i)
        if not read_trade(data, start[i], size[i], header, buy, record):
            return stop(s, at.MALFORMED, i)
        name(s, data, last_name, last_size)
        if is_cold(s):
            return stop(s, at.ASLEEP, i)
        last_name, last_size = record[at.R_NAME], record[at.R_SIZE]
        if not admit(s, STREAM):
            continue
        for k in range(2):
            record[R_BOUGHT_SIZE + k] = record[at.R_AMOUNT + k] if record[at.R_BOUGHT] else np.int64(0)
        for k in range(3):
            record[R_BOUGHT_PRODUCT + k] = record[at.R_PRODUCT + k] if record[at.R_BOUGHT] else np.int64(0)
        _fold_record(s, ops, data)
    return len(start)


@kernel(LONG, STATE, BYTES, I64, I64, LONG, BYTES, I64)
def fold_quote_columns(
    s: State, data: Octets, start: Longs, size: Longs, first: int, header: Octets, ops: Longs
) -> int:
    """Fold the quotes of a block; as ``fold_trade_columns``."""
    last_name, last_size = np.int64(0), np.int64(-1)
    record = s.record
    for i in range(first, len(start)):
        if not room_for(s, size[i]):
            return stop(s, at.NO_ROOM, i)
        if not read_quote(data, start[i], size[i], header, record):
            return stop(s, at.MALFORMED, i)
        name(s, data, last_name, last_size)
        if is_cold(s):
            return stop(s, at.ASLEEP, i)
        last_name, last_size = record[at.R_NAME], record[at.R_SIZE]
        if not admit(s, STREAM):
            continue
        bid, ask = at.R_VALUES, at.R_VALUES + 4
        low, high = minus(
            np.uint64(record[ask]), np.uint64(record[ask + 1]), np.uint64(record[bid]), np.uint64(record[bid + 1])
        )
        record[R_SPREAD] = np.int64(low)
        record[R_SPREAD + 1] = np.int64(high)
        _fold_record(s, ops, data)
    return len(start)


@kernel(LONG, STATE, I64, I64, BYTES, I64)
def merge_columns(s: State, codes: Longs, words: Longs, texts: Octets, ops: Longs) -> int:
    """Merge windows of ``SAVED`` words each, of the entities ``codes``; their long texts lie in ``texts``.

    Returns how many there are now. The caller has made room.
    """
    for i in range(len(codes)):
        w = i * at.SAVED
        row = entity_window(s, codes[i], words, w)
        x = row * at.WIDTH
        if words[w + at.COUNT] > 0:
            _reduce(s, x, ops, words, np.int64(w), texts)
        s.rows[x + at.COUNT] += words[w + at.COUNT]
        s.rows[x + at.EVENTS] += words[w + at.EVENTS]
        touch(s, x, row)
    return s.facts[at.ROWS]
