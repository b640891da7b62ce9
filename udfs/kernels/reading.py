# mypy: disable-error-code="return-value,assignment,no-any-return"
"""Kernel: a batch of envelopes out of their wire bytes."""

from __future__ import annotations

import numpy as np

from udfs.kernels.jit import BYTES, I8, I64, LONG, helper, kernel
from udfs.kernels.slices import Bits, Longs, Octets

FIELDS = 10  # event_id entity_id venue channel event_time source ingest_time source_id source_seq payload


@helper
def same(left: Octets, left_at: int, right: Octets, right_at: int, size: int) -> bool:
    """Tell whether two slices of equal size hold the same bytes."""
    for k in range(size):  # noqa: SIM110 - Numba compiles no generators
        if left[left_at + k] != right[right_at + k]:
            return False
    return True


@helper
def valid_utf8(data: Octets, at: int, size: int) -> bool:
    """Tell whether a slice is UTF-8, as RFC 3629 has it: no overlong forms, no surrogates."""
    end = at + size
    while at < end:
        lead = data[at]
        if lead < 0x80:
            at += 1
            continue
        if 0xC2 <= lead < 0xE0:
            more = 1
            low, high = 0x80, 0xBF
        elif 0xE0 <= lead < 0xF0:
            more = 2
            low = 0xA0 if lead == 0xE0 else 0x80
            high = 0x9F if lead == 0xED else 0xBF
        elif 0xF0 <= lead < 0xF5:
            more = 3
            low = 0x90 if lead == 0xF0 else 0x80
            high = 0x8F if lead == 0xF4 else 0xBF
        else:
            return False
        if at + more >= end:
            return False
        if data[at + 1] < low or data[at + 1] > high:
            return False
        for k in range(2, more + 1):
            if data[at + k] < 0x80 or data[at + k] > 0xBF:
                return False
        at += more + 1
    return True


@helper
def get_long(data: Octets, at: int, end: int) -> tuple[int, int]:
    """Return (number, next position); the position is -1 when it is cut off or not as short as it goes."""
    raw = np.uint64(0)
    shift = np.uint64(0)
    while at < end:
        byte = data[at]
        at += 1
        if shift == 63 and byte > 1:
            return np.int64(0), np.int64(-1)
        raw |= np.uint64(byte & 0x7F) << shift
        if byte < 0x80:
            if byte == 0 and shift > 0:
                return np.int64(0), np.int64(-1)
            return np.int64(raw >> np.uint64(1)) ^ -np.int64(raw & np.uint64(1)), np.int64(at)
        shift += np.uint64(7)
        if shift > 63:
            return np.int64(0), np.int64(-1)
    return np.int64(0), np.int64(-1)


@kernel(
    LONG, BYTES, I64, I64, BYTES, BYTES, LONG, LONG, I64, I64, I64, I64, I64, I8, I8
)  # fmt: skip
def read_envelopes(  # noqa: C901, PLR0912
    data: Octets,
    start: Longs,
    size: Longs,
    header: Octets,
    sources: Octets,
    earliest: int,
    latest: int,
    at_out: Longs,
    size_out: Longs,
    event_time: Longs,
    ingest_time: Longs,
    source_seq: Longs,
    from_ingest: Bits,
    good: Bits,
) -> int:
    """Decode each value; ``at_out`` and ``size_out`` are matrices of FIELDS rows by n, flattened;
    ``sources`` is ``b"venueingest"``.

    A value that is no envelope gets ``good = 0`` and nothing else; which ones these are is defined by
    ``udfs.wire.envelope.explain``. Returns how many are good.
    """
    n = len(start)
    count = 0
    for i in range(n):
        good[i] = 0
        at = start[i]
        end = at + size[i]
        if size[i] < 5 or not same(data, at, header, 0, 5):
            continue
        at += 5
        ok = True
        for field in range(FIELDS):
            number, at = get_long(data, at, end)
            if at < 0:
                ok = False
                break
            if field == 4:
                event_time[i] = number
                continue
            if field == 6:
                ingest_time[i] = number
                if number < earliest or number >= latest:
                    ok = False
                    break
                continue
            if field == 8:
                source_seq[i] = number
                continue
            if number < 0 or number > end - at:
                ok = False
                break
            at_out[field * n + i] = at
            size_out[field * n + i] = number
            if field == 5:
                if number == 5 and same(data, at, sources, 0, 5):
                    from_ingest[i] = 0
                elif number == 6 and same(data, at, sources, 5, 6):
                    from_ingest[i] = 1
                else:
                    ok = False
                    break
            elif field < 9 and not valid_utf8(data, at, number):
                ok = False
                break
            at += number
        if ok and at == end:
            good[i] = 1
            count += 1
    return count
