"""Kernel: well-formed Binance frames straight to columns.

It accepts or abstains, never rejects: what it abstains from goes to ``udfs.gate.judge`` frame by frame, and what it
accepts, ``udfs.gate.judge`` accepts with the same columns (a property test holds the two together). It knows one shape:
flat JSON without blanks, escapes, repeated keys or bytes beyond ASCII, bare or in ``{"stream":"…","data":{…}}``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from udfs.kernels.jit import BYTES, I8, I64, LONG, helper, kernel
from udfs.kernels.numbers import get_decimal, product_fits
from udfs.kernels.reading import same
from udfs.kernels.slices import Bits, Longs, Octets

TRADE, AGG_TRADE, BOOK_TICKER = 1, 2, 3
#: By channel of Binance's dialect, which frames `scan_frames` reads.
SHAPES = {"trade": TRADE, "agg_trade": AGG_TRADE, "book_ticker": BOOK_TICKER}
#: How a scanner marks a record that it has accepted.
SCANNED = 2
#: Rows of the matrix of numbers: price, size or bid, bid size, ask, ask size; each whole and part.
NUMBERS = 8
_TEXT, _INTEGER, _TRUE, _FALSE, _NULL, _LEVELS = 1, 2, 3, 4, 5, 6
#: Where the tables of ``flat_object`` have the key ``pu``; a letter's place is its code.
PREVIOUS = 0


@helper
def _text_end(data: Octets, at: int, end: int) -> int:
    """Return the position of the closing quote, or -1 for an escape, a control character or no ASCII."""
    while at < end:
        byte = data[at]
        if byte == 34:
            return at
        if byte < 32 or byte >= 128 or byte == 92:
            return -1
        at += 1
    return -1


@helper
def _levels_end(data: Octets, at: int, end: int) -> int:
    """Return the position after ``[["text","text"],…]``, or -1 for anything else."""
    if at + 1 < end and data[at + 1] == 93:
        return at + 2
    while True:
        at += 1
        if at + 1 >= end or data[at] != 91:
            return -1
        for closing in (44, 93):
            if at + 1 >= end or data[at + 1] != 34:
                return -1
            at = _text_end(data, at + 2, end) + 1
            if at <= 0 or at >= end or data[at] != closing:
                return -1
        at += 1
        if at >= end or (data[at] != 44 and data[at] != 93):
            return -1
        if data[at] == 93:
            return at + 1


@helper
def flat_object(  # noqa: C901, PLR0911, PLR0912, PLR0915
    data: Octets, at: int, end: int, stamp: int, seen: Longs, kind: Longs, begin: Longs, number: Longs
) -> int:
    """Read ``{"k":value,…}``; values of one-letter keys and of ``pu`` land in the tables.

    A value is a scalar or a book's levels. Return the position after it, or -1.
    """
    if at >= end or data[at] != 123:
        return -1
    while True:
        at += 1
        if at >= end or data[at] != 34:
            return -1
        key = at + 1
        at = _text_end(data, key, end)
        length = at - key
        # Longer keys could be 'stream', 'data', 'lastUpdateId' …: these change what the frame is.
        if at < 0 or length < 1 or length > 3:
            return -1
        at += 1
        if at + 1 >= end or data[at] != 58:
            return -1
        at += 1
        first = data[at]
        value = at
        worth = np.int64(0)
        if first == 34:
            value = at + 1
            what = _TEXT
            at = _text_end(data, value, end)
            if at < 0:
                return -1
            worth = np.int64(at - value)
            at += 1
        elif 48 <= first <= 57:
            what = _INTEGER
            while at < end and 48 <= data[at] <= 57:
                worth = worth * 10 + (np.int64(data[at]) - 48)
                at += 1
                if at - value > 18:
                    return -1
            if first == 48 and at - value > 1:
                return -1
        elif first == 116 and end - at > 4 and data[at + 1] == 114 and data[at + 2] == 117 and data[at + 3] == 101:
            what = _TRUE
            at += 4
        elif (
            first == 102
            and end - at > 5
            and data[at + 1] == 97
            and data[at + 2] == 108
            and data[at + 3] == 115
            and data[at + 4] == 101
        ):
            what = _FALSE
            at += 5
        elif first == 110 and end - at > 4 and data[at + 1] == 117 and data[at + 2] == 108 and data[at + 3] == 108:
            what = _NULL
            at += 4
        elif first == 91:
            what = _LEVELS
            at = _levels_end(data, at, end)
            if at < 0:
                return -1
        else:
            return -1
        if length == 1 or (length == 2 and data[key] == 112 and data[key + 1] == 117):
            letter = np.int64(data[key]) if length == 1 else 0
            if seen[letter] == stamp:
                return -1
            seen[letter] = stamp
            kind[letter] = what
            begin[letter] = value
            number[letter] = worth
        if at >= end:
            return -1
        if data[at] == 125:
            return at + 1
        if data[at] != 44:
            return -1


@helper
def body_at(data: Octets, at: int, end: int, words: Octets) -> tuple[int, bool]:
    """Return where the frame's own object begins (-1: nowhere), and whether a combined stream wraps it."""
    if end - at < 24 or not same(data, at, words, 0, 11):
        return at, False
    quote = _text_end(data, at + 11, end)
    if quote < 0 or end - quote < 12 or not same(data, quote, words, 11, 9):
        return -1, True
    return quote + 9, True


#: What frames are compared with: ``{"stream":"`` at 0, ``","data":`` at 11, event names at 20, 25 and 33.
WORDS = np.frombuffer(b'{"stream":"","data":tradeaggTradebookTicker', dtype=np.uint8)


@helper
def symbol_ok(data: Octets, at: int, size: int) -> bool:
    if size < 1 or size > 40:
        return False
    for k in range(size):
        byte = data[at + k]
        if not (48 <= byte <= 57 or 65 <= byte <= 90 or byte == 95):
            return False
    return True


@kernel(
    LONG, I64, LONG, BYTES, BYTES, LONG, LONG, LONG, LONG, LONG,
    I8, BYTES, I64, I64, BYTES, I64, I64, I8, I64, I64, I8, I64,
    I64, I64, I8,
)  # fmt: skip
def _scan_frames(  # noqa: C901, PLR0912, PLR0915
    letters: Longs,
    shape: int,
    words: Octets,
    before: Octets,
    max_payload: int,
    max_skew: int,
    horizon: int,
    earliest: int,
    latest: int,
    todo: Bits,
    payload: Octets,
    payload_at: Longs,
    payload_size: Longs,
    entity: Octets,
    entity_at: Longs,
    entity_size: Longs,
    id_kind: Bits,
    id_number: Longs,
    event_time: Longs,
    from_ingest: Bits,
    ingest_time: Longs,
    time_out: Longs,
    numbers: Longs,
    flag: Bits,
) -> int:
    """Read each frame with ``todo = 1``; an accepted one gets ``todo = 2``.

    ``numbers`` has NUMBERS rows by n, ``flag`` is 1 where the taker bought and -1 where it sold, or 1 where a quote
    carries no time of its own. ``before`` is what precedes the symbol in an
    entity id. Times in µs. Returns how many were accepted.
    """
    n = len(todo)
    letters[:] = 0
    seen, kind, begin, number = letters[:128], letters[128:256], letters[256:384], letters[384:512]
    name_at, name_size = (20, 5) if shape == 1 else ((25, 8) if shape == 2 else (33, 10))
    id_key = 116 if shape == 1 else (97 if shape == 2 else 117)
    suffix = 4 if shape == 2 else 0
    prefix = len(before)
    count = 0
    for i in range(n):
        if todo[i] != 1 or id_kind[i] != 0 or payload_size[i] > max_payload:
            continue
        stamp = i + 1
        end = payload_at[i] + payload_size[i]
        at, wrapped = body_at(payload, payload_at[i], end, words)
        if at < 0:
            continue
        at = flat_object(payload, at, end, stamp, seen, kind, begin, number)
        if at < 0:
            continue
        if wrapped:
            if at != end - 1 or payload[at] != 125:
                continue
        elif at != end:
            continue
        # the event's name; spot's book ticker has none
        if seen[101] == stamp:
            if kind[101] != 1 or number[101] != name_size or not same(payload, begin[101], words, name_at, name_size):
                continue
        elif shape != 3:
            continue
        # the instrument is the entity's, the id is the event's
        if seen[115] != stamp or kind[115] != 1 or not symbol_ok(payload, begin[115], number[115]):
            continue
        if entity_size[i] != prefix + number[115] + suffix or not same(entity, entity_at[i], before, 0, prefix):
            continue
        if not same(payload, begin[115], entity, entity_at[i] + prefix, number[115]):
            continue
        if suffix and not (
            entity[entity_at[i] + entity_size[i] - 4] == 64
            and entity[entity_at[i] + entity_size[i] - 3] == 97
            and entity[entity_at[i] + entity_size[i] - 2] == 103
            and entity[entity_at[i] + entity_size[i] - 1] == 103
        ):
            continue
        if seen[id_key] != stamp or kind[id_key] != 2 or number[id_key] != id_number[i]:
            continue
        # time
        time_key = 84
        if seen[84] != stamp and shape == 3:
            time_key = 69
        if seen[time_key] == stamp:
            if kind[time_key] != 2 or number[time_key] > 9_000_000_000_000_000:
                continue
            time = number[time_key] * 1_000
            if time < earliest or time >= latest or from_ingest[i] != 0 or event_time[i] != time:
                continue
            lag = ingest_time[i] - time
            if lag > horizon or lag < -max_skew:
                continue
            timeless = np.int8(0)
        elif shape == 3:
            time = ingest_time[i]
            if from_ingest[i] != 1 or event_time[i] != time:
                continue
            timeless = np.int8(1)
        else:
            continue
        if shape == 3:
            if seen[98] != stamp or kind[98] != 1 or seen[66] != stamp or kind[66] != 1:
                continue
            if seen[97] != stamp or kind[97] != 1 or seen[65] != stamp or kind[65] != 1:
                continue
            whole, part, ok = get_decimal(payload, begin[98], number[98])
            if not ok or (whole == 0 and part == 0):
                continue
            numbers[i] = whole
            numbers[n + i] = part
            whole, part, ok = get_decimal(payload, begin[66], number[66])
            if not ok:
                continue
            numbers[2 * n + i] = whole
            numbers[3 * n + i] = part
            whole, part, ok = get_decimal(payload, begin[97], number[97])
            if not ok or (whole == 0 and part == 0):
                continue
            numbers[4 * n + i] = whole
            numbers[5 * n + i] = part
            whole, part, ok = get_decimal(payload, begin[65], number[65])
            if not ok:
                continue
            numbers[6 * n + i] = whole
            numbers[7 * n + i] = part
            flag[i] = timeless
        else:
            if seen[112] != stamp or kind[112] != 1 or seen[113] != stamp or kind[113] != 1:
                continue
            if seen[109] != stamp or (kind[109] != 3 and kind[109] != 4):
                continue
            whole, part, ok = get_decimal(payload, begin[112], number[112])
            if not ok or (whole == 0 and part == 0):
                continue
            size, size_part, ok = get_decimal(payload, begin[113], number[113])
            if not ok or (size == 0 and size_part == 0):
                continue
            if not product_fits(whole, part, size, size_part):
                continue
            numbers[i] = whole
            numbers[n + i] = part
            numbers[2 * n + i] = size
            numbers[3 * n + i] = size_part
            flag[i] = -1 if kind[109] == 3 else 1
        time_out[i] = time
        todo[i] = SCANNED
        count += 1
    return count


def scan_frames(*arguments: Any) -> int:
    """Run the kernel with a scratch of its own: kernels allocate nothing."""
    return _scan_frames(np.empty(512, dtype=np.int64), *arguments)
