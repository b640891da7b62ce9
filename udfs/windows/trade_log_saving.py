# mypy: disable-error-code="return-value,assignment,no-any-return"
"""The log of trades as bytes: what is new in it, or all of some windows, and back.

A part is empty, or ``[whole, keys, starts, trades, revisions, columns, ids, columns, ids]``: windows, how many trades
and revisions of each follow, and these, in columns packed by `packing`, with ids that are too long for two words.
``whole``: that is all that the windows have; else what they have besides. All revisions of a window are written each
time that it is: the last word on a trade holds.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from udfs.kernels.jit import I32, I64, LONG, kernel
from udfs.kernels.slices import Codes, Longs
from udfs.state.packing import pack, unpack
from udfs.windows.kernels import layout as at
from udfs.windows.kernels.index import find
from udfs.windows.kernels.state import STATE, State
from udfs.windows.kernels.trade_log import drop_log, drop_revisions, new_revision, new_trade, revise
from udfs.windows.room import room_for_log, room_for_texts

#: Words of a trade and of a revision in a part: all but where the next one lies.
TRADE, REVISION = at.L_WIDTH - 1, at.V_WIDTH - 1


@kernel(LONG, STATE, I32, LONG, I64)
def count_log(s: State, rows: Codes, whole: int, counts: Longs) -> int:
    """Count the trades and the revisions of windows to write: two numbers each. Returns how many in all."""
    total = 0
    for k in range(len(rows)):
        c = np.int64(rows[k]) * at.C_WIDTH
        counts[2 * k], counts[2 * k + 1] = 0, 0
        published = np.int64(-1) if whole else np.int64(s.chains[c + at.C_SAVED])
        entry = np.int64(s.chains[c + at.C_HEAD])
        while entry >= 0 and entry != published:
            counts[2 * k] += 1
            entry = s.tape[entry * at.L_WIDTH + at.L_NEXT]
        v = np.int64(s.chains[c + at.C_REVISED])
        while v >= 0:
            counts[2 * k + 1] += 1
            v = s.revisions[v * at.V_WIDTH + at.V_NEXT]
        total += counts[2 * k] + counts[2 * k + 1]
    return total


@kernel(LONG, STATE, I32, I64, I64, I64)
def take_log(s: State, rows: Codes, counts: Longs, trades: Longs, revisions: Longs) -> int:
    """Write what `count_log` counted, column by column, oldest trades last. Returns how many trades that are."""
    t, r = 0, 0
    every, each = len(trades) // TRADE, len(revisions) // REVISION
    for k in range(len(rows)):
        c = np.int64(rows[k]) * at.C_WIDTH
        entry = np.int64(s.chains[c + at.C_HEAD])
        for _ in range(counts[2 * k]):
            for m in range(TRADE):
                trades[m * every + t] = s.tape[entry * at.L_WIDTH + 1 + m]
            entry = s.tape[entry * at.L_WIDTH + at.L_NEXT]
            t += 1
        v = np.int64(s.chains[c + at.C_REVISED])
        for _ in range(counts[2 * k + 1]):
            for m in range(REVISION):
                revisions[m * each + r] = s.revisions[v * at.V_WIDTH + 1 + m]
            v = s.revisions[v * at.V_WIDTH + at.V_NEXT]
            r += 1
    return t


@kernel(LONG, STATE, LONG, I64, I64, I64, I64, I64)
def put_log(s: State, whole: int, keys: Longs, starts: Longs, counts: Longs, trades: Longs, revisions: Longs) -> int:
    """Log what was written by `take_log`, for windows that are there; the caller has made room. Returns how many.

    What a window has of it is saved then.
    """
    t, r, put = 0, 0, 0
    every, each = len(trades) // TRADE, len(revisions) // REVISION
    for k in range(len(keys)):
        _, row = find(s, keys[k], starts[k])
        if row < 0:
            t += counts[2 * k]
            r += counts[2 * k + 1]
            continue
        put += 1
        c = row * at.C_WIDTH
        if whole:
            drop_log(s, row)
        drop_revisions(s, row)  # they come anew
        for n in range(t + counts[2 * k] - 1, t - 1, -1):
            begin = new_trade(s, row)
            for m in range(TRADE):
                s.tape[begin + 1 + m] = trades[m * every + n]
        t += counts[2 * k]
        for n in range(r, r + counts[2 * k + 1]):
            begin = new_revision(s, row)
            for m in range(REVISION):
                s.revisions[begin + 1 + m] = revisions[m * each + n]
            revise(s, row, begin)
        r += counts[2 * k + 1]
        s.chains[c + at.C_SAVED] = s.chains[c + at.C_HEAD]
    return put


def encode_log(s: State, rows: Codes, *, whole: bool) -> list[Any]:
    """Return the log of some windows, or what is new in it since they were saved."""
    chains = s.chains.reshape(-1, at.C_WIDTH)[rows]
    rows = np.ascontiguousarray(rows[(chains[:, at.C_HEAD] >= 0) | (chains[:, at.C_REVISED] >= 0)])
    counts = np.empty(2 * len(rows), dtype=np.int64)
    if not len(rows) or not count_log(s, rows, int(whole), counts):
        return []
    trades = np.empty(int(counts[::2].sum()) * TRADE, dtype=np.int64)
    revisions = np.empty(int(counts[1::2].sum()) * REVISION, dtype=np.int64)
    take_log(s, rows, counts, trades, revisions)
    table = s.rows.reshape(-1, at.WIDTH)[rows]
    head = [int(whole), pack(table[:, at.KEY]), pack(table[:, at.START]), pack(counts[::2]), pack(counts[1::2])]
    return [*head, *_columns(s, trades, TRADE, at.L_ID - 1), *_columns(s, revisions, REVISION, at.V_ID - 1)]


def _columns(s: State, words: Longs, width: int, ids: int) -> tuple[list[bytes], list[bytes]]:
    table = words.reshape(width, -1)
    long = table[ids + 1] >> 56 == -1
    spans = zip(table[ids, long].tolist(), (table[ids + 1, long] & at.SIZE_MASK).tolist(), strict=True)
    texts = [s.texts[begin : begin + size].tobytes() for begin, size in spans]
    return [pack(column) for column in table], texts


def decode_log(s: State, part: list[Any], texts: Codes) -> State:
    """Return the state with a part of its log, whose windows are there; ``texts`` are where a window has texts."""
    if not part:
        return s
    whole, keys, starts, trade_counts, revision_counts, trades, trade_ids, revisions, revision_ids = part
    counts = np.ascontiguousarray(np.stack([unpack(trade_counts), unpack(revision_counts)], axis=1)).reshape(-1)
    s = room_for_log(s, int(counts[::2].sum()), int(counts[1::2].sum()))
    s = room_for_texts(s, sum(map(len, trade_ids)) + sum(map(len, revision_ids)), texts)
    words = [
        _table(s, trades, trade_ids, at.L_ID - 1),
        _table(s, revisions, revision_ids, at.V_ID - 1),
    ]
    put_log(s, whole, unpack(keys), unpack(starts), counts, *words)
    return s


def _table(s: State, columns: list[bytes], ids: list[bytes], word: int) -> Longs:
    table = np.stack([unpack(column) for column in columns])
    content = b"".join(ids)
    begin = int(s.facts[at.TEXT_BYTES])
    s.texts[begin : begin + len(content)] = np.frombuffer(content, dtype=np.uint8)
    s.facts[at.TEXT_BYTES] = begin + len(content)
    size = np.fromiter(map(len, ids), dtype=np.int64, count=len(ids))
    if len(ids):
        s.facts[at.LONGEST] = max(int(s.facts[at.LONGEST]), int(size.max()))
    table[word, table[word + 1] >> 56 == -1] = begin + np.cumsum(size) - size
    return table.reshape(-1)
