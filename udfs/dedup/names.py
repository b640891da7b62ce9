"""Names (entities, sources) as small dense numbers, in order of first appearance in the log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from udfs.kernels.identity import FNV_OFFSET, FNV_PRIME, name_codes
from udfs.kernels.slices import Codes, Longs, Octets, Slices

_WORD = (1 << 64) - 1


class Names:
    """A table that only grows; the same names in the same order give the same numbers. Names are UTF-8."""

    def __init__(self) -> None:
        self.names: list[bytes] = []
        self.texts: list[str] = []
        self._arena: Octets = np.zeros(1024, dtype=np.uint8)
        self._used = 0
        self._at: Longs = np.zeros(16, dtype=np.int64)
        self._size: Longs = np.zeros(16, dtype=np.int64)
        self._table: Codes = np.full(64, -1, dtype=np.int32)

    def __len__(self) -> int:
        return len(self.names)

    def codes(self, names: Slices) -> Codes:
        """Return each name's number; new names get the next ones, in order."""
        codes = np.empty(len(names), dtype=np.int32)
        at = 0
        while True:
            table = (self._arena, self._at, self._size, self._table)
            at = name_codes(at, *names.parts, *table, codes)
            if at == len(names):
                return codes
            self._add(names[at])

    def extend(self, names: Sequence[bytes]) -> None:
        """Append names that a state carried, in its order."""
        for name in names:
            self._add(name)

    def _add(self, name: bytes) -> None:
        code = len(self.names)
        if code == len(self._at):
            self._at = np.resize(self._at, 2 * code)
            self._size = np.resize(self._size, 2 * code)
        while self._used + len(name) > len(self._arena):
            self._arena = np.resize(self._arena, 2 * len(self._arena))
        self._arena[self._used : self._used + len(name)] = np.frombuffer(name, dtype=np.uint8)
        self._at[code] = self._used
        self._size[code] = len(name)
        self._used += len(name)
        self.names.append(name)
        self.texts.append(name.decode())
        if 2 * len(self.names) > len(self._table):
            self._table = np.full(2 * len(self._table), -1, dtype=np.int32)
            for known in range(len(self.names)):
                self._place(known)
        else:
            self._place(code)

    def _place(self, code: int) -> None:
        value = FNV_OFFSET
        for byte in self.names[code]:
            value = ((value ^ byte) * FNV_PRIME) & _WORD
        mask = len(self._table) - 1
        slot = value & mask
        while self._table[slot] >= 0:
            slot = (slot + 1) & mask
        self._table[slot] = code


def groups(*columns: npt.NDArray[np.integer[Any]]) -> tuple[Longs, Longs]:
    """Return the distinct rows of columns of numbers: each row's group as a number, and each group's first row."""
    group: Longs = np.zeros(len(columns[0]), dtype=np.int64)
    first: Longs = np.arange(min(1, len(group)))
    for column in columns:
        low, high = (int(column.min()), int(column.max())) if len(column) else (0, 0)
        if low < high:
            _, first, group = np.unique(
                group * (high - low + 1) + (column - low), return_index=True, return_inverse=True
            )
    return group, first
