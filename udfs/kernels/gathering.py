"""Kernel: scattered slices into one buffer, as Arrow wants them."""

from __future__ import annotations

from udfs.kernels.copying import copy_bytes
from udfs.kernels.jit import BYTES, I32, I64, LONG, OUT, kernel
from udfs.kernels.slices import Codes, Longs, Octets


@kernel(LONG, BYTES, I64, I64, OUT, I32)
def gather(data: Octets, at: Longs, size: Longs, out: Octets, offsets: Codes) -> int:
    """Copy slices one after the other; ``offsets`` has one place more than there are slices. Returns the bytes
    copied.
    """
    end = 0
    for i in range(len(at)):
        offsets[i] = end
        copy_bytes(out, end, data, at[i], size[i])
        end += size[i]
    offsets[len(at)] = end
    return end
