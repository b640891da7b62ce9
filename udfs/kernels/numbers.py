# mypy: disable-error-code="return-value,assignment,no-any-return"
"""Helpers of kernels: decimal text to exact integers, products, and their bytes.

A value x with twelve decimals is held as ``whole`` and ``part``: x·1e12 = whole·1e12 + part, 0 <= part < 1e12.
"""

from __future__ import annotations

import numpy as np

from udfs.kernels.jit import helper
from udfs.kernels.slices import Octets

ONE = 1_000_000_000_000
LARGEST = 1_000_000_000_000_000
_NINE = 1_000_000_000


@helper
def get_decimal(data: Octets, at: int, size: int) -> tuple[int, int, bool]:  # noqa: C901
    """Return (whole, part, ok) of plain digits with an optional fraction.

    Not ok: anything else, more than 1e15, or more than 12 decimals. Such text goes to ``udfs.values.decimals.parse``.
    """
    end = at + size
    whole = np.int64(0)
    digits = 0
    while at < end and data[at] != 46:
        digit = np.int64(data[at]) - 48
        digits += 1
        if digit < 0 or digit > 9 or digits > 16:
            return whole, np.int64(0), False
        whole = whole * 10 + digit
        at += 1
    if digits == 0:
        return whole, np.int64(0), False
    part = np.int64(0)
    if at < end:
        at += 1
        places = end - at
        if places == 0:
            return whole, part, False
        for k in range(places):
            digit = np.int64(data[at + k]) - 48
            if digit < 0 or digit > 9:
                return whole, part, False
            if k < 12:
                part = part * 10 + digit
            elif digit != 0:
                return whole, part, False
        for _ in range(places, 12):
            part *= 10
    return whole, part, whole < LARGEST or (whole == LARGEST and part == 0)


@helper
def product_fits(whole: int, part: int, other: int, other_part: int) -> bool:
    """Tell whether the product of two values is below 1e16.

    Multiplied in base 1e9: a column is at most 4·1e18 and a carry, below 2**63.
    """
    a0, b0 = part % _NINE, other_part % _NINE
    a1, b1 = part // _NINE + whole % 1_000_000 * 1_000, other_part // _NINE + other % 1_000_000 * 1_000
    a2, b2 = whole // 1_000_000 % _NINE, other // 1_000_000 % _NINE
    a3, b3 = whole // 1_000_000 // _NINE, other // 1_000_000 // _NINE
    column = a0 * b0 // _NINE + a0 * b1 + a1 * b0
    column = column // _NINE + a0 * b2 + a1 * b1 + a2 * b0
    column = column // _NINE + a0 * b3 + a1 * b2 + a2 * b1 + a3 * b0
    column = column // _NINE + a1 * b3 + a2 * b2 + a3 * b1
    rest = column // _NINE + a2 * b3 + a3 * b2 + a3 * b3
    return rest == 0 and column % _NINE < 10_000


@helper
def wide(whole: int, part: int) -> tuple[int, int]:
    """Return x·1e12 as 128 bits: (high, low), unsigned."""
    mask = np.uint64(0xFFFFFFFF)
    half = np.uint64(32)
    w0, w1 = np.uint64(whole) & mask, np.uint64(whole) >> half
    c0, c1 = np.uint64(ONE & 0xFFFFFFFF), np.uint64(ONE >> 32)
    low = w0 * c0
    middle = w0 * c1 + w1 * c0
    shifted = middle << half
    high = w1 * c1 + (middle >> half)
    low += shifted
    if low < shifted:
        high += np.uint64(1)
    low += np.uint64(part)
    if low < np.uint64(part):
        high += np.uint64(1)
    return high, low
