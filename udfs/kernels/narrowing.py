# mypy: disable-error-code="assignment,operator"
"""Kernel: integers as narrow as they allow. A state's delta is two dozen short columns, several times a second."""

from __future__ import annotations

import numpy as np

from udfs.kernels.jit import I64, LONG, OUT, helper, kernel
from udfs.kernels.slices import Longs, Octets

#: Width, base, count.
HEAD = 1 + 8 + 4


@helper
def _width(span: int) -> int:
    """Return the bytes that a number needs, of 0, 1, 2, 4 and 8."""
    if span == np.uint64(0):
        return 0
    if span <= np.uint64(0xFF):
        return 1
    if span <= np.uint64(0xFFFF):
        return 2
    return 4 if span <= np.uint64(0xFFFFFFFF) else 8


@helper
def _put(out: Octets, at: int, number: int, width: int) -> int:
    """Write a number's lower bytes, little-endian; return the position after them."""
    for k in range(width):
        out[at + k] = np.uint8(number & np.uint64(255))
        number >>= np.uint64(8)
    return at + width


@kernel(LONG, I64, OUT)
def write_narrow(values: Longs, out: Octets) -> int:
    """Write values, at least one, as `udfs.state.packing.pack` has them. Returns the bytes written.

    ``out`` has room for a head and eight bytes each.
    """
    base = values[0]
    top = values[0]
    for value in values:
        base = min(base, value)
        top = max(top, value)
    # Up to 2**64 - 1, where the difference of the two may be no int64.
    width = _width(np.uint64(top) - np.uint64(base))
    out[0] = np.uint8(width)
    at = _put(out, 1, np.uint64(base), 8)
    at = _put(out, at, np.uint64(len(values)), 4)
    origin = np.uint64(0) if width == 8 else np.uint64(base)
    for value in values:
        at = _put(out, at, np.uint64(value) - origin, width)
    return at
