"""Arrays as bytes, for state that an engine keeps: little-endian and as narrow as the values allow."""

from __future__ import annotations

from typing import Any

import numpy as np

from udfs.kernels.narrowing import HEAD, write_narrow
from udfs.kernels.slices import Longs


def pack(values: Any) -> bytes:
    """Return integers as: width in bytes, base (8 bytes), count (4), then value - base; equal values cost nothing."""
    longs: Longs = np.ascontiguousarray(values, dtype=np.int64)
    if not len(longs):
        return b""
    out = np.empty(HEAD + 8 * len(longs), dtype=np.uint8)
    return out[: write_narrow(longs, out)].tobytes()


def unpack(content: bytes) -> Longs:
    """Return what `pack` packed."""
    if not content:
        return np.zeros(0, dtype=np.int64)
    width = content[0]
    base = int.from_bytes(content[1:9], "little", signed=True)
    count = int.from_bytes(content[9:HEAD], "little")
    if width == 0:
        return np.full(count, base, dtype=np.int64)
    if width == 8:
        return np.frombuffer(content, dtype="<i8", offset=HEAD).astype(np.int64)
    return np.frombuffer(content, dtype=f"<u{width}", offset=HEAD).astype(np.int64) + base
