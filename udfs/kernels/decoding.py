# mypy: disable-error-code="return-value,assignment,no-any-return"
"""Kernel: the fields of any flat Avro record out of wire bytes, for whoever checks what other code has written.

It shares nothing with the kernels that write or read records on their way.
"""

from __future__ import annotations

import numpy as np

from udfs.kernels.jit import BYTES, I8, I64, LONG, inlined, kernel
from udfs.kernels.slices import Bits, Longs, Octets

#: Kinds of field: a long, an int or what is stored as one; a text or bytes; a decimal over bytes.
NUMBER, TEXT, DECIMAL = 0, 1, 2
#: Added to these: the field may be null, which is the first or the second branch of its union.
NULL_FIRST, NULL_SECOND = 4, 8
_DECIMAL_BYTES = 16


@inlined
def _varint(data: Octets, at: int, end: int) -> tuple[int, int]:
    """Return (number, next position); the position is -1 when it is cut off or too long."""
    raw = np.uint64(0)
    for k in range(10):
        if at >= end:
            break
        byte = data[at]
        at += 1
        raw |= np.uint64(byte & 0x7F) << np.uint64(7 * k)
        if byte < 0x80:
            return np.int64(raw >> np.uint64(1)) ^ -np.int64(raw & np.uint64(1)), np.int64(at)
    return np.int64(0), np.int64(-1)


@kernel(LONG, BYTES, I64, I64, BYTES, I8, I64, I64, I8)
def decode_fields(  # noqa: C901
    data: Octets, start: Longs, size: Longs, header: Octets, kinds: Bits, at_out: Longs, size_out: Longs, good: Bits
) -> int:
    """Decode each value; ``at_out`` and ``size_out`` are matrices of a row for each of ``kinds``, flattened.

    Of a number ``at_out`` has the number itself; of a null ``size_out`` is -1. A value that is not of the contract gets
    ``good = 0``, and empty fields. Returns how many are good.
    """
    n = len(start)
    count = 0
    for i in range(n):
        at = start[i]
        end = at + size[i]
        ok = size[i] >= 5
        if ok:
            for k in range(5):
                ok = ok and data[at + k] == header[k]
        at += 5
        field = 0
        while ok and field < len(kinds):
            kind = kinds[field] & 3
            if kinds[field] > 3:
                branch, at = _varint(data, at, end)
                ok = at >= 0 and 0 <= branch <= 1
                if ok and (branch == 0) == (kinds[field] & NULL_FIRST != 0):
                    at_out[field * n + i] = 0
                    size_out[field * n + i] = -1
                    field += 1
                    continue
            number, at = _varint(data, at, end)
            ok = ok and at >= 0
            if ok and kind == NUMBER:
                at_out[field * n + i] = number
                size_out[field * n + i] = 0
            elif ok:
                ok = 0 <= number <= end - at and (kind != DECIMAL or 1 <= number <= _DECIMAL_BYTES)
                at_out[field * n + i] = at
                size_out[field * n + i] = number
                at += number
            field += 1
        good[i] = ok
        count += ok
        if not ok:
            for field in range(len(kinds)):
                at_out[field * n + i] = 0
                size_out[field * n + i] = 0
    return count
