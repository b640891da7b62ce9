"""Digests of a store's days: sums of the hashes of their rows, which depend on no order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from batch.ranges import day_text
from batch.spark.views import UNREADABLE
from batch.verifying.hashes import Hashes
from udfs.kernels.slices import Longs

#: The day of what cannot be read.
NO_DAY = -(1 << 31)
_PARTS = 4
_DAYS = range(date.min.toordinal() - date(1970, 1, 1).toordinal(), date.max.toordinal() - date(1970, 1, 1).toordinal())
_HALF, _LOW = np.uint64(32), np.uint64(0xFFFFFFFF)


@dataclass(frozen=True)
class Sums:
    """How many rows, and the sums of the parts of their hashes; sums of several parts of a table add up."""

    rows: int = 0
    parts: tuple[int, ...] = (0,) * _PARTS

    def __add__(self, other: Sums) -> Sums:
        return Sums(self.rows + other.rows, tuple(a + b for a, b in zip(self.parts, other.parts, strict=True)))

    @property
    def digest(self) -> str:
        """Return 64 hexadecimal digits."""
        return "".join(f"{part & (1 << 64) - 1:016x}" for part in self.parts)


#: By day, or by day and bucket.
ByDay = Mapping[str, Sums]
ByBucket = Mapping[tuple[str, int], Sums]


def summed(hashes: Hashes, codes: Longs, days: Sequence[str]) -> dict[str, Sums]:
    """Return the sums of each day: ``days[codes[i]]`` is the one of row i."""
    order = None
    if len(codes) and codes.min() != codes.max():
        order = np.argsort(codes, kind="stable")
        codes, hashes = codes[order], hashes.take(order)
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    if not len(starts):
        return {}
    halves = [half for word in (hashes.low, hashes.high) for half in (word >> _HALF, word & _LOW)]
    parts = [np.add.reduceat(half, starts).tolist() for half in halves]
    counts = np.diff(starts, append=len(codes)).tolist()
    rows = zip(codes[starts].tolist(), counts, zip(*parts, strict=True), strict=True)
    return {days[code]: Sums(count, part) for code, count, part in rows}


def added(several: Iterable[ByDay]) -> dict[str, Sums]:
    """Return the sums of a whole by the sums of its parts."""
    found: dict[str, Sums] = {}
    for one in several:
        for day, sums in one.items():
            found[day] = found.get(day, Sums()) + sums
    return found


def day_name(day: int) -> str:
    """Return days since the epoch as ``YYYY-MM-DD``; any other text for a day that has no such name."""
    return UNREADABLE if day == NO_DAY else day_text(day) if day in _DAYS else f"day {day}"
