"""Kernels: columns out of the wire bytes of any contract, and which of the records were not delivered before."""

from __future__ import annotations

import numpy as np

from udfs.kernels.delivered import SEQ_BITS, advance
from udfs.kernels.jit import BYTES, I8, I32, I64, LONG, kernel
from udfs.kernels.reading import get_long, same
from udfs.kernels.slices import Bits, Codes, Longs, Octets


@kernel(LONG, BYTES, I64, I64, BYTES, I8, I64, I64)
def read_records(
    data: Octets, start: Longs, size: Longs, header: Octets, texts: Bits, place_out: Longs, number_out: Longs
) -> int:
    """Decode each value. ``texts`` says of each field whether it is a text or bytes, else it is a number.

    ``number_out``, a matrix of fields by records, flattened, has the numbers, and the sizes of what begins at
    ``place_out``. Returns the first value that is no record of the contract, or how many there are.
    """
    n = len(start)
    for i in range(n):
        at = start[i]
        end = at + size[i]
        if size[i] < 5 or not same(data, at, header, 0, 5):
            return i
        at += 5
        for field in range(len(texts)):
            number, at = get_long(data, at, end)
            if at < 0:
                return i
            number_out[field * n + i] = number
            if texts[field]:
                if number < 0 or number > end - at:
                    return i
                place_out[field * n + i] = at
                at += number
        if at != end:
            return i
    return n


@kernel(LONG, BYTES, I64, I64, I64)
def read_decimals(data: Octets, start: Longs, size: Longs, out: Longs) -> int:
    """Write integers, big-endian two's complement, as pairs of words, the low one first.

    Returns the first that has no bytes or more than sixteen, or how many there are.
    """
    for i in range(len(start)):
        if size[i] < 1 or size[i] > 16:
            return i
        fill = np.uint64(0) - np.uint64(data[start[i]] >> 7)
        low, high = fill, fill
        for k in range(size[i]):
            high = (high << np.uint64(8)) | (low >> np.uint64(56))
            low = (low << np.uint64(8)) | np.uint64(data[start[i] + k])
        out[2 * i] = np.int64(low)
        out[2 * i + 1] = np.int64(high)
    return len(start)


@kernel(LONG, I32, I64, I64, LONG, I64, I8, I8)
def find_new(entity: Codes, date: Longs, number: Longs, dates: int, seen: Longs, changed: Bits, new: Bits) -> int:
    """Say which records were not delivered before (`delivered.advance`); ``seen`` has ``dates`` slots per entity.

    Returns how many are new.
    """
    count = 0
    for i in range(len(entity)):
        order = (date[i] << SEQ_BITS) | number[i]
        new[i] = advance(seen, np.int64(entity[i]) * dates, dates, order) >= 0
        if new[i]:
            changed[entity[i]] = 1
            count += 1
    return count
