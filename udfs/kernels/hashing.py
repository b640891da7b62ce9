# mypy: disable-error-code="return-value,assignment,no-any-return"
"""Kernels: byte strings and fields to 128-bit hashes, so that records are compared without an object per record.

MurmurHash3 (x64, 128 bits; public domain). It finds mistakes of any size; it is no signature.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic

from udfs.kernels.jit import BYTES, I64, LONG, inlined, kernel
from udfs.kernels.slices import Longs, Octets

Words = npt.NDArray[np.uint64]
U64 = types.Array(types.uint64, 1, "C")

_U: Any = np.uint64
_C1, _C2 = 0x87C37B91114253D5, 0x4CF5AD432745937F


@intrinsic
def _load(_: Any, data: Any, at: Any) -> Any:
    """Return eight bytes at a position as a number; byte by byte it takes three times as long."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        found = context.make_array(signature.args[0])(context, builder, arguments[0])
        place = builder.gep(found.data, [arguments[1]])
        return builder.load(builder.bitcast(place, ir.IntType(64).as_pointer()), align=1)

    return types.uint64(data, at), code


@inlined
def _rotated(word: int, by: int) -> int:
    return (word << _U(by)) | (word >> _U(64 - by))


@inlined
def finalized(word: int) -> int:
    """Mix a word so that each bit of it changes half of the result's."""
    word = (word ^ (word >> _U(33))) * _U(0xFF51AFD7ED558CCD)
    word = (word ^ (word >> _U(33))) * _U(0xC4CEB9FE1A85EC53)
    return word ^ (word >> _U(33))


@inlined
def _first(word: int) -> int:
    return _rotated(word * _U(_C1), 31) * _U(_C2)


@inlined
def _second(word: int) -> int:
    return _rotated(word * _U(_C2), 33) * _U(_C1)


@inlined
def hashed(data: Octets, start: int, size: int) -> tuple[int, int]:
    """Return both halves of a slice's hash."""
    at, left = _U(start), _U(size)
    low, high = _U(0), _U(0)
    while left >= _U(16):
        low = _rotated(low ^ _first(_load(data, at)), 27) + high
        low = low * _U(5) + _U(0x52DCE729)
        high = _rotated(high ^ _second(_load(data, at + _U(8))), 31) + low
        high = high * _U(5) + _U(0x38495AB5)
        at += _U(16)
        left -= _U(16)
    one, two = _U(0), _U(0)
    if left >= _U(8):
        one = _load(data, at)
        for k in range(_U(8), left):
            two |= _U(data[at + k]) << (_U(8) * (k - _U(8)))
    else:
        for k in range(left):
            one |= _U(data[at + k]) << (_U(8) * k)
    low ^= _first(one)
    high ^= _second(two)
    low ^= _U(size)
    high ^= _U(size)
    low += high
    high += low
    low, high = finalized(low), finalized(high)
    low += high
    return low, high + low


@kernel(types.void, BYTES, I64, I64, U64, U64)
def hash_slices(data: Octets, start: Longs, size: Longs, low: Words, high: Words) -> None:
    """Hash each slice."""
    for i in range(len(start)):
        low[i], high[i] = hashed(data, start[i], size[i])


@kernel(types.void, U64, U64, U64, U64)
def absorb(low: Words, high: Words, one: Words, two: Words) -> None:
    """Take a field's hash (``one``, ``two``) into each record's; the order of fields matters."""
    for i in range(len(low)):
        a = _rotated(low[i] ^ _first(one[i]), 27) + high[i]
        a = a * _U(5) + _U(0x52DCE729)
        b = _rotated(high[i] ^ _second(two[i]), 31) + a
        low[i] = a
        high[i] = b * _U(5) + _U(0x38495AB5)


@kernel(types.void, U64, U64)
def finish(low: Words, high: Words) -> None:
    """Mix each record's hash at last."""
    for i in range(len(low)):
        a = low[i] + high[i]
        b = finalized(high[i] + a)
        a = finalized(a) + b
        low[i] = a
        high[i] = b + a


@kernel(types.void, BYTES, I64, I64, U64, U64)
def decimal_words(data: Octets, start: Longs, size: Longs, low: Words, high: Words) -> None:
    """Read big-endian two's complement of at most 16 bytes as 128 bits; no bytes are 0."""
    for i in range(len(start)):
        at = start[i]
        if size[i] == 0:
            low[i] = high[i] = _U(0)
            continue
        one = two = _U(0xFFFFFFFFFFFFFFFF) if data[at] >= 0x80 else _U(0)
        for k in range(size[i]):
            two = (two << _U(8)) | (one >> _U(56))
            one = (one << _U(8)) | _U(data[at + k])
        low[i], high[i] = one, two


@kernel(LONG, BYTES, I64, I64, BYTES, I64, I64)
def differing(data: Octets, start: Longs, size: Longs, others: Octets, other_start: Longs, other_size: Longs) -> int:
    """Count the slices that are not equal to the other one at their place."""
    found = 0
    for i in range(len(start)):
        equal = size[i] == other_size[i]
        k = 0
        while equal and k < size[i]:
            equal = data[start[i] + k] == others[other_start[i] + k]
            k += 1
        found += not equal
    return found


@kernel(types.void, BYTES, I64, I64, I64)
def without_number(data: Octets, start: Longs, size: Longs, found: Longs) -> None:
    """Return the sizes of texts without a ``#`` and digits at their end: what several records of one frame share."""
    for i in range(len(start)):
        end = start[i] + size[i]
        at = end
        while at > start[i] and 48 <= data[at - 1] <= 57:
            at -= 1
        found[i] = size[i]
        if start[i] < at < end and data[at - 1] == 35:
            found[i] = at - 1 - start[i]
