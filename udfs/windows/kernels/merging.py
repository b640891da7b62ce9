# mypy: disable-error-code="return-value,assignment,no-any-return"
"""Kernels: merge partial windows of several folds. Reducers are associative, so the order does not matter (law 5)."""

from __future__ import annotations

from udfs.kernels.jit import BYTES, I64, LONG, inlined, kernel
from udfs.kernels.slices import Longs, Octets
from udfs.windows.kernels import layout as at
from udfs.windows.kernels.index import entity_code, entity_window
from udfs.windows.kernels.quotes import VALUES
from udfs.windows.kernels.reduce import follows, keep_text, lower_to, precedes, raise_to, touch
from udfs.windows.kernels.state import STATE, State
from udfs.windows.kernels.words import add_words


@inlined
def merge_sums(rows: Longs, x: int, new: bool, words: Longs, w: int) -> None:
    """Merge the sums and extremes of a window of trades into those of another, which may be ``new``: empty."""
    add_words(rows, x + at.VOLUME, 2, words, w + at.VOLUME)
    add_words(rows, x + at.NOTIONAL, 3, words, w + at.NOTIONAL)
    add_words(rows, x + at.BUY_VOLUME, 2, words, w + at.BUY_VOLUME)
    add_words(rows, x + at.BUY_NOTIONAL, 3, words, w + at.BUY_NOTIONAL)
    raise_to(rows, x + at.HIGH, new, words, w + at.HIGH)
    lower_to(rows, x + at.LOW, new, words, w + at.LOW)


@inlined
def put_pick(s: State, x: int, words: Longs, w: int, texts: Octets) -> None:
    """Put the first or last trade of a window into another one."""
    for k in range(at.PICK_ID):
        s.rows[x + k] = words[w + k]
    keep_text(s, x + at.PICK_ID, words, w + at.PICK_ID, texts)


@kernel(LONG, STATE, I64, I64, BYTES)
def merge_trades(s: State, codes: Longs, words: Longs, texts: Octets) -> int:
    """Merge windows of ``SAVED`` words each, of the entities ``codes``; their long texts lie in ``texts``.

    Returns how many there are now. The caller has made room.
    """
    rows = s.rows
    for i in range(len(codes)):
        w = i * at.SAVED
        row = entity_window(s, codes[i], words, w)
        x = row * at.WIDTH
        if words[w + at.COUNT] > 0:
            new = rows[x + at.COUNT] == 0
            merge_sums(rows, x, new, words, w)
            pick = w + at.OPEN
            if new or precedes(words[pick], words[pick + at.PICK_ORDER], rows, x + at.OPEN):
                put_pick(s, x + at.OPEN, words, pick, texts)
            pick = w + at.CLOSE
            if new or follows(words[pick], words[pick + at.PICK_ORDER], rows, x + at.CLOSE):
                put_pick(s, x + at.CLOSE, words, pick, texts)
        rows[x + at.COUNT] += words[w + at.COUNT]
        rows[x + at.EVENTS] += words[w + at.EVENTS]
        touch(s, x, row)
    return s.facts[at.ROWS]


@kernel(LONG, STATE, I64, I64, BYTES)
def merge_quotes(s: State, codes: Longs, words: Longs, texts: Octets) -> int:  # noqa: ARG001 - as ``merge_trades``
    """Merge windows of quotes; as ``merge_trades``."""
    rows = s.rows
    for i in range(len(codes)):
        w = i * at.SAVED
        row = entity_window(s, codes[i], words, w)
        x = row * at.WIDTH
        pick = w + at.LAST
        if rows[x + at.COUNT] == 0 or follows(words[pick], words[pick + at.PICK_ORDER], rows, x + at.LAST):
            for k in range(at.PICK_VALUES + VALUES):
                rows[x + at.LAST + k] = words[pick + k]
        rows[x + at.COUNT] += words[w + at.COUNT]
        rows[x + at.EVENTS] += words[w + at.EVENTS]
        touch(s, x, row)
    return s.facts[at.ROWS]


@kernel(LONG, STATE, BYTES, I64, I64, I64)
def name_entities(s: State, data: Octets, start: Longs, size: Longs, codes: Longs) -> int:
    """Give names their codes, new ones the next; the caller has made room. Returns how many entities there are."""
    for i in range(len(start)):
        codes[i] = entity_code(s, data, start[i], size[i])
    return s.facts[at.ENTITIES]
