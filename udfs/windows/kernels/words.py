# mypy: disable-error-code="return-value,assignment,no-any-return"
"""Helpers of kernels: exact integers of 128 and 192 bits in 64-bit words, lowest word first.

Every integer is cast: numba makes a float of int64 and uint64 together.
"""

from __future__ import annotations

import numpy as np

from udfs.kernels.jit import inlined
from udfs.kernels.slices import Longs

U = np.uint64
_HALF = U(32)
_LOW = U(0xFFFFFFFF)
_TOP = U(63)
_ZERO, _ONE = U(0), U(1)


@inlined
def product64(a: int, b: int) -> tuple[int, int]:
    """Return (low, high) of a 64 by 64 bit product."""
    a0, a1, b0, b1 = a & _LOW, a >> _HALF, b & _LOW, b >> _HALF
    low, cross, other, high = a0 * b0, a0 * b1, a1 * b0, a1 * b1
    middle = (low >> _HALF) + (cross & _LOW) + (other & _LOW)
    carried = high + (cross >> _HALF) + (other >> _HALF) + (middle >> _HALF)
    return (low & _LOW) | (middle << _HALF), carried


@inlined
def product128(a0: int, a1: int, b0: int, b1: int) -> tuple[int, int, int]:
    """Return three words of a product; those of the gate's values are below 2**133."""
    w0, w1 = product64(a0, b0)
    if (a1 | b1) == _ZERO:
        return w0, w1, _ZERO
    x0, x1 = product64(a1, b0)
    y0, y1 = product64(a0, b1)
    w1 += x0
    carry = _ONE if w1 < x0 else _ZERO
    w1 += y0
    carry += _ONE if w1 < y0 else _ZERO
    return w0, w1, x1 + y1 + a1 * b1 + carry


@inlined
def add_words(sums: Longs, at: int, width: int, other: Longs, begin: int) -> None:
    """Add ``width`` words to the words at ``at``; what does not fit is lost, so widths leave room for every sum."""
    carry = _ZERO
    for k in range(width):
        left, right = np.uint64(sums[at + k]), np.uint64(other[begin + k])
        total = left + right
        over = _ONE if total < left else _ZERO
        with_carry = total + carry
        over += _ONE if with_carry < total else _ZERO
        sums[at + k] = np.int64(with_carry)
        carry = over


@inlined
def below(a0: int, a1: int, b0: int, b1: int) -> bool:
    """Tell whether a < b, unsigned."""
    return a1 < b1 or (a1 == b1 and a0 < b0)


@inlined
def plus(a0: int, a1: int, b0: int, b1: int) -> tuple[int, int]:
    """Return a + b in two words."""
    low = a0 + b0
    return low, a1 + b1 + (_ONE if low < a0 else _ZERO)


@inlined
def minus(a0: int, a1: int, b0: int, b1: int) -> tuple[int, int]:
    """Return a - b in two words, as two's complement."""
    return a0 - b0, a1 - b1 - (_ONE if a0 < b0 else _ZERO)


@inlined
def bits64(word: int) -> int:
    """Return how many bits a word has without its leading zeros."""
    count = 0
    while word > U(0xFFFF):
        word >>= U(16)
        count += 16
    while word > _ZERO:
        word >>= _ONE
        count += 1
    return count


@inlined
def _divide_wide(u0: int, u1: int, v: int) -> tuple[int, int]:
    """Return (quotient, rest) of two words by one, of which the upper is below the divisor.

    Knuth, The Art of Computer Programming 2, 4.3.1, algorithm D with digits of 32 bits.
    """
    if u1 == _ZERO:
        quotient = u0 // v
        return quotient, u0 - quotient * v
    shift = U(64 - bits64(v))
    v <<= shift
    v1, v0 = v >> _HALF, v & _LOW
    if shift > _ZERO:
        u1 = (u1 << shift) | (u0 >> (U(64) - shift))
        u0 <<= shift
    top = u1
    quotient = _ZERO
    for step in range(2):
        digit = u0 >> _HALF if step == 0 else u0 & _LOW
        guess = top // v1
        rest = top - guess * v1
        while guess > _LOW or guess * v0 > ((rest << _HALF) | digit):
            guess -= _ONE
            rest += v1
            if rest > _LOW:
                break
        top = ((top << _HALF) | digit) - guess * v
        quotient = (quotient << _HALF) | guess
    return quotient, top >> shift


@inlined
def _divide_bits(n0: int, n1: int, n2: int, d0: int, d1: int) -> tuple[int, int, int, int]:
    """Return quotient and rest, two words each, bit by bit."""
    r0, r1, q0, q1 = _ZERO, _ZERO, _ZERO, _ZERO
    for k in range(191, -1, -1):
        word = n2 if k >= 128 else n1 if k >= 64 else n0
        r1 = (r1 << _ONE) | (r0 >> _TOP)
        r0 = (r0 << _ONE) | ((word >> U(k & 63)) & _ONE)
        q1 = (q1 << _ONE) | (q0 >> _TOP)
        q0 <<= _ONE
        if not below(r0, r1, d0, d1):
            r0, r1 = minus(r0, r1, d0, d1)
            q0 |= _ONE
    return q0, q1, r0, r1


@inlined
def _divided(n0: int, n1: int, n2: int, d0: int, d1: int) -> tuple[int, int, int, int]:
    """Return three words by two: (low, high) of the quotient, and of the rest.

    The divisor is above 0 and below 2**127, the quotient below 2**128.
    """
    if d1 == _ZERO:
        q1, upper = _divide_wide(n1, n2, d0)
        q0, r0 = _divide_wide(n0, upper, d0)
        return q0, q1, r0, _ZERO
    return _divide_bits(n0, n1, n2, d0, d1)


@inlined
def half_even(n0: int, n1: int, n2: int, d0: int, d1: int) -> tuple[int, int]:
    """Return three words by two, rounded half to even: (low, high). The limits are those of the division."""
    q0, q1, r0, r1 = _divided(n0, n1, n2, d0, d1)
    left0, left1 = minus(d0, d1, r0, r1)
    if below(left0, left1, r0, r1) or (left0 == r0 and left1 == r1 and (q0 & _ONE) == _ONE):
        q0, q1 = plus(q0, q1, _ONE, _ZERO)
    return q0, q1


@inlined
def half_up(n0: int, n1: int, n2: int, d0: int, d1: int) -> tuple[int, int]:
    """Return three words by two, rounded half up: (low, high). The limits are those of the division."""
    q0, q1, r0, r1 = _divided(n0, n1, n2, d0, d1)
    left0, left1 = minus(d0, d1, r0, r1)
    if not below(r0, r1, left0, left1):
        q0, q1 = plus(q0, q1, _ONE, _ZERO)
    return q0, q1
