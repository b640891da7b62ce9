# mypy: disable-error-code="return-value,assignment,no-any-return"
"""Helpers of kernels: a revision of a trade that is in the log, applied exactly.

Reducers cannot undo a trade, so what holds it is reduced anew: its second from the trades in the log, each longer
window from the shorter ones in it, 60 at most. A window that is left to repair stays so, and with it the longer ones.
"""

from __future__ import annotations

import numpy as np

from udfs.kernels.jit import helper, inlined
from udfs.kernels.slices import Octets
from udfs.windows.kernels import layout as at
from udfs.windows.kernels.index import find, window
from udfs.windows.kernels.merging import merge_sums, put_pick
from udfs.windows.kernels.reduce import follows, keep_text, lower_to, precedes, raise_to, touch
from udfs.windows.kernels.state import State
from udfs.windows.kernels.trade_log import find_revision, is_later, keep_id, new_revision, revise
from udfs.windows.kernels.words import add_words, product128


@inlined
def _clear(s: State, x: int) -> None:
    """Clear a window's reductions; keep its key, its count of events, and its flags."""
    s.rows[x + at.COUNT] = 0
    for k in range(at.REDUCED, at.SAVED):
        s.rows[x + k] = 0


@inlined
def _put_logged(s: State, x: int, b: int) -> None:
    """Make a trade of the log the first or last of a window."""
    for k in range(2):
        s.rows[x + k] = s.tape[b + at.L_TIME + k]
        s.rows[x + at.PICK_VALUES + k] = s.tape[b + at.L_PRICE + k]
    keep_text(s, x + at.PICK_ID, s.tape, b + at.L_ID, s.texts)


@inlined
def _reduce_second(s: State, row: int) -> None:
    """Reduce a second anew from its trades."""
    rows, log, scratch = s.rows, s.tape, s.record
    x = row * at.WIDTH
    _clear(s, x)
    first, last = np.int64(-1), np.int64(-1)
    entry = np.int64(s.chains[row * at.C_WIDTH + at.C_HEAD])
    while entry >= 0:
        b = entry * at.L_WIDTH
        entry = log[b + at.L_NEXT]
        if log[b + at.L_FLAGS] & at.CANCELLED:
            continue
        price, size = b + at.L_PRICE, b + at.L_SIZE
        w0, w1, w2 = product128(
            np.uint64(log[price]), np.uint64(log[price + 1]), np.uint64(log[size]), np.uint64(log[size + 1])
        )
        scratch[at.R_PRODUCT] = np.int64(w0)
        scratch[at.R_PRODUCT + 1] = np.int64(w1)
        scratch[at.R_PRODUCT + 2] = np.int64(w2)
        rows[x + at.COUNT] += 1
        add_words(rows, x + at.VOLUME, 2, log, size)
        add_words(rows, x + at.NOTIONAL, 3, scratch, at.R_PRODUCT)
        if log[b + at.L_FLAGS] & at.BOUGHT:
            add_words(rows, x + at.BUY_VOLUME, 2, log, size)
            add_words(rows, x + at.BUY_NOTIONAL, 3, scratch, at.R_PRODUCT)
        raise_to(rows, x + at.HIGH, first < 0, log, price)
        lower_to(rows, x + at.LOW, first < 0, log, price)
        time, order = log[b + at.L_TIME], log[b + at.L_ORDER]
        if first < 0 or precedes(time, order, log, first + at.L_TIME):
            first = b
        if last < 0 or follows(time, order, log, last + at.L_TIME):
            last = b
    if first >= 0:
        _put_logged(s, x + at.OPEN, first)
        _put_logged(s, x + at.CLOSE, last)


@inlined
def _reduce_longer(s: State, row: int) -> None:
    """Reduce a longer window anew from the next shorter ones in it."""
    rows = s.rows
    x = row * at.WIDTH
    _clear(s, x)
    level = rows[x + at.KEY] & at.LEVEL_MASK
    step = s.lengths[level - 1]
    last = np.int64(-1)
    for n in range(s.lengths[level] // step):
        _, child = find(s, rows[x + at.KEY] - 1, rows[x + at.START] + n * step)
        if child < 0 or rows[child * at.WIDTH + at.COUNT] == 0:
            continue
        w = child * at.WIDTH
        merge_sums(rows, x, last < 0, rows, w)
        rows[x + at.COUNT] += rows[w + at.COUNT]
        if last < 0:
            put_pick(s, x + at.OPEN, rows, w + at.OPEN, s.texts)
        last = w
    if last >= 0:
        put_pick(s, x + at.CLOSE, rows, last + at.CLOSE, s.texts)


@inlined
def _note(s: State, row: int, data: Octets, corrects: int) -> int:
    """Merge the revision in hand into the one kept of its trade; return where that lies."""
    record, kept = s.record, s.revisions
    v = find_revision(s, row, data)
    if v < 0:
        v = new_revision(s, row)
        kept[v + at.V_TIME] = record[at.R_TIME]
        keep_id(s, kept, v + at.V_ID, record, at.R_ID, data)
    if corrects == 0:
        kept[v + at.V_FLAGS] |= at.CANCELLED
    elif kept[v + at.V_FLAGS] & at.CORRECTED == 0 or is_later(
        s, v, record[at.R_REVISION], record[at.R_DECIDED], record[at.R_ORDER]
    ):
        kept[v + at.V_FLAGS] |= at.CORRECTED
        kept[v + at.V_REVISION] = record[at.R_REVISION]
        kept[v + at.V_DECIDED] = record[at.R_DECIDED]
        kept[v + at.V_ORDER] = record[at.R_ORDER]
        for k in range(2):
            kept[v + at.V_PRICE + k] = record[at.R_PRICE + k]
            kept[v + at.V_SIZE + k] = record[at.R_AMOUNT + k]
    return v


@helper
def apply_revision(s: State, data: Octets, corrects: int) -> None:
    """Count the revision in hand in its trade's windows, and apply it to them. The caller has made room."""
    code, time = s.record[at.R_CODE], s.record[at.R_TIME]
    e = code * at.E_WIDTH
    s.entities[e + at.E_TOP] = max(s.entities[e + at.E_TOP], time)
    row = window(s, code, np.int64(0), time)
    changed = revise(s, row, _note(s, row, data, corrects))
    while row >= 0:
        x = row * at.WIDTH
        s.rows[x + at.EVENTS] += 1
        s.rows[x + at.FLAGS] |= at.APPLIED
        if changed and s.rows[x + at.FLAGS] & at.LEFT == 0:
            if s.rows[x + at.KEY] & at.LEVEL_MASK == 0:
                _reduce_second(s, row)
            else:
                _reduce_longer(s, row)
        touch(s, x, row)
        row = s.rows[x + at.PARENT]
