# mypy: disable-error-code="return-value,assignment,no-any-return"
"""Helpers of kernels: Avro and plain decimal text out of words. Each returns the position after what it wrote."""

from __future__ import annotations

import numpy as np

from udfs.kernels.jit import inlined
from udfs.kernels.slices import Longs, Octets
from udfs.kernels.writing import put_long, put_raw, put_text
from udfs.windows.kernels import layout as at
from udfs.windows.kernels.avro_reading import is_long
from udfs.windows.kernels.results import NOTHING
from udfs.windows.kernels.words import U, bits64, minus

#: Decimals of a notional: those of a price and of a size.
PLACES = 24
_BILLION = U(1_000_000_000)
_HALF = U(32)
_LOW = U(0xFFFFFFFF)


@inlined
def put_number(out: Octets, place: int, words: Longs, w: int) -> int:
    """Write two words, as two's complement, as an Avro decimal.

    As short as `udfs.wire.avro.write_decimal` has it: (bits of the magnitude + 8) / 8 bytes.
    """
    low, high = np.uint64(words[w]), np.uint64(words[w + 1])
    m0, m1 = low, high
    if words[w + 1] < 0:
        m0, m1 = minus(U(0), U(0), low, high)
    bits = 64 + bits64(m1) if m1 > U(0) else bits64(m0)
    size = bits // 8 + 1
    out[place] = np.uint8(size * 2)
    for k in range(size):
        byte = size - 1 - k
        word = high >> U(8 * (byte - 8)) if byte >= 8 else low >> U(8 * byte)
        out[place + 1 + k] = np.uint8(word & U(255))
    return place + 1 + size


@inlined
def _digits(words: Longs, w: int, scratch: Octets) -> int:
    """Write the digits of three words, lowest first, at least one before the point; return how many.

    They are divided by 1e9 again and again, as six digits of 32 bits.
    """
    n = np.int64(0)
    l0, l1 = np.uint64(words[w]) & _LOW, np.uint64(words[w]) >> _HALF
    l2, l3 = np.uint64(words[w + 1]) & _LOW, np.uint64(words[w + 1]) >> _HALF
    l4, l5 = np.uint64(words[w + 2]) & _LOW, np.uint64(words[w + 2]) >> _HALF
    while n <= PLACES or (l0 | l1 | l2 | l3 | l4 | l5) != U(0):
        rest = U(0)
        if (l4 | l5) != U(0):
            l5, rest = l5 // _BILLION, l5 % _BILLION
            part = (rest << _HALF) | l4
            l4, rest = part // _BILLION, part % _BILLION
        part = (rest << _HALF) | l3
        l3, rest = part // _BILLION, part % _BILLION
        part = (rest << _HALF) | l2
        l2, rest = part // _BILLION, part % _BILLION
        part = (rest << _HALF) | l1
        l1, rest = part // _BILLION, part % _BILLION
        part = (rest << _HALF) | l0
        l0, rest = part // _BILLION, part % _BILLION
        for _ in range(9):
            scratch[n] = np.uint8(U(48) + rest % U(10))
            rest //= U(10)
            n += 1
    return n


@inlined
def put_plain(out: Octets, place: int, words: Longs, w: int, scratch: Octets) -> int:
    """Write three words ·1e-24 as plain decimal text without trailing zeros (`udfs.values.decimals.plain`)."""
    digits = _digits(words, w, scratch)
    while digits > PLACES + 1 and scratch[digits - 1] == 48:
        digits -= 1
    zeros = 0
    while zeros < PLACES and scratch[zeros] == 48:
        zeros += 1
    point = 1 if zeros < PLACES else 0
    place = put_long(out, place, digits - zeros + point)
    for k in range(digits - 1, PLACES - 1, -1):
        out[place] = scratch[k]
        place += 1
    if point:
        out[place] = 46
        place += 1
        for k in range(PLACES - 1, zeros - 1, -1):
            out[place] = scratch[k]
            place += 1
    return place


@inlined
def put_id(out: Octets, place: int, words: Longs, w: int, texts: Octets) -> int:
    """Write a text of two words."""
    if is_long(words[w + 1]):
        return put_text(out, place, texts, words[w], words[w + 1] & at.SIZE_MASK)
    size = np.int64(np.uint64(words[w + 1]) >> U(56))
    place = put_long(out, place, size)
    for k in range(size):
        word = np.uint64(words[w]) >> U(8 * k) if k < 8 else np.uint64(words[w + 1]) >> U(8 * (k - 8))
        out[place + k] = np.uint8(word & U(255))
    return place + size


@inlined
def put_time(out: Octets, place: int, time: int) -> int:
    """Write a time that may be missing, as an Avro union of null and long."""
    if time == NOTHING:
        return put_long(out, place, np.int64(0))
    return put_long(out, put_long(out, place, np.int64(1)), time)


@inlined
def put_name(out: Octets, place: int, names: Octets, entities: Longs, code: int) -> int:
    """Write an entity's name as an Avro text."""
    e = code * at.E_WIDTH
    return put_text(out, place, names, entities[e + at.E_NAME], entities[e + at.E_SIZE])


@inlined
def put_key(keys: Octets, place: int, names: Octets, entities: Longs, code: int) -> int:
    """Write an entity's name as a Kafka key."""
    e = code * at.E_WIDTH
    return put_raw(keys, place, names, entities[e + at.E_NAME], entities[e + at.E_SIZE])
