"""A column of byte strings: slices of one buffer, so that batches need no object per value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Longs = npt.NDArray[np.int64]
Octets = npt.NDArray[np.uint8]
Bits = npt.NDArray[np.int8]
Codes = npt.NDArray[np.int32]


class Slices:
    """``data[start[i] : start[i] + size[i]]`` for each i."""

    __slots__ = ("data", "size", "start")

    def __init__(self, data: Octets, start: Longs, size: Longs) -> None:
        self.data = data
        self.start = start
        self.size = size

    def __len__(self) -> int:
        return len(self.start)

    def __getitem__(self, i: int) -> bytes:
        start = int(self.start[i])
        return self.data[start : start + int(self.size[i])].tobytes()

    @property
    def parts(self) -> tuple[Octets, Longs, Longs]:
        """The three arrays, as kernels take them."""
        return self.data, self.start, self.size

    @classmethod
    def of(cls, values: Sequence[bytes]) -> Slices:
        """Copy a sequence of byte strings into one buffer."""
        size = np.fromiter(map(len, values), dtype=np.int64, count=len(values))
        return cls.packed(b"".join(values), size)

    @classmethod
    def packed(cls, data: bytes | bytearray | memoryview, size: Longs) -> Slices:
        """View byte strings that follow each other without a gap."""
        start = np.empty(len(size), dtype=np.int64)
        if len(size):
            start[0] = 0
            np.cumsum(size[:-1], out=start[1:])
        return cls(np.frombuffer(data, dtype=np.uint8), start, size)

    @classmethod
    def of_arrow(cls, array: Any) -> Slices:
        """View an Arrow string or binary array without copying; nulls are empty."""
        wide = str(array.type).startswith("large_")
        _, offsets_buffer, data = array.buffers()
        count = len(array)
        if offsets_buffer is None or count == 0:
            empty = np.zeros(0, dtype=np.int64)
            return cls(np.zeros(0, dtype=np.uint8), empty, empty)
        every = np.frombuffer(offsets_buffer, dtype="<i8" if wide else "<i4")
        offsets: Longs = every[array.offset : array.offset + count + 1].astype(np.int64)
        octets = np.zeros(0, dtype=np.uint8) if data is None else np.frombuffer(data, dtype=np.uint8)
        return cls(octets, offsets[:-1].copy(), np.diff(offsets))

    def take(self, index: Longs) -> Slices:
        """View some of the values, in this order."""
        return Slices(self.data, self.start[index], self.size[index])

    def tolist(self) -> list[bytes]:
        """Return the values."""
        spans = zip(self.start.tolist(), (self.start + self.size).tolist(), strict=True)
        if 4 * int(self.size.sum()) < len(self.data):
            view = self.data.data
            return [bytes(view[a:b]) for a, b in spans]
        data = self.data.tobytes()  # slicing bytes is twice as fast as slicing a view
        return [data[a:b] for a, b in spans]

    def texts(self) -> list[str]:
        """Return the values as text.

        Raises:
            UnicodeDecodeError: a value is not UTF-8.
        """
        return [str(value, "utf-8") for value in self.tolist()]
