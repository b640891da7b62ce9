"""What is kept of each record of a topic, until it is known which of them count.

A topic may hold a record several times. Which ones count is known when all that may be equal are together: entries of
a group are in one *range*, and a range fits memory. They wait for it in files.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import numpy as np
import numpy.typing as npt

from batch.verifying.hashes import Hashes, Mask, Words, of_columns, of_numbers
from batch.verifying.sums import Sums, day_name, summed
from udfs.kernels.slices import Longs

_FIELDS = [("group", "u8"), ("order", "i8"), ("low", "u8"), ("high", "u8"), ("day", "i4"), ("inside", "?")]
#: `group`: hash of what may repeat. `order`: of the log, or the version. `low`, `high`: the record's hash. `day`: days
#: since the epoch; `inside`: the record is in the range that is asked for.
PLAIN = np.dtype(_FIELDS, align=True)
#: And of what is numbered. `series`: hash of entity and date, `number`: the number in it, `id`: hash of the event's id.
NUMBERED = np.dtype([*_FIELDS, ("series", "u8"), ("number", "i8"), ("id", "u8")], align=True)
#: Entries of a range, about; and those that a task holds before it writes them.
RANGE = HELD = 1 << 19

Entries = npt.NDArray[np.void]


class Keep(Enum):
    """Which of a topic's records count."""

    FIRST = "of each group the first in order of the log"
    DISTINCT = "each once"
    LATEST = "of each group those of the highest version, each once"


@dataclass(frozen=True)
class Chunk:
    """Entries in a file that lie there one range after the other; `bounds` are the ranges' places, and the end."""

    path: Path
    bounds: tuple[int, ...]


class Spill:
    """Writes a task's entries, sorted by range, into a file of its own in `folder`; `ranges` is a power of two."""

    def __init__(self, folder: Path, ranges: int) -> None:
        self.chunks: list[Chunk] = []
        # A task that is done again writes another file; only what a task that ended says is read.
        self._path, self._ranges = folder / f"{uuid4().hex}.entries", ranges
        self._held: list[Entries] = []
        self._count = self._written = 0

    def add(self, entries: Entries) -> None:
        self._held.append(entries)
        self._count += len(entries)
        if self._count >= HELD:
            self.flush()

    def flush(self) -> None:
        """Write what is held."""
        if not self._count:
            return
        entries = np.concatenate(self._held)
        ranges = entries["group"] & np.uint64(self._ranges - 1)
        if self._ranges > 1:
            entries = entries[np.argsort(ranges, kind="stable")]
        sizes = np.bincount(ranges.astype(np.int64), minlength=self._ranges)
        with self._path.open("ab") as file:
            file.write(entries.tobytes())
        bounds = self._written + np.concatenate([[0], np.cumsum(sizes)])
        self.chunks.append(Chunk(self._path, tuple(bounds.tolist())))
        self._written += len(entries)
        self._held, self._count = [], 0


def ranges_for(records: int) -> int:
    """Return into how many ranges so many entries are cut: a power of two."""
    return 1 << max(0, (records - 1) // RANGE).bit_length()


def load(chunks: Sequence[Chunk], number: int, kind: np.dtype[np.void]) -> Entries:
    """Read a range's entries."""
    found = [np.zeros(0, kind)]
    for chunk in chunks:
        first, end = chunk.bounds[number : number + 2]
        if end > first:
            found.append(np.fromfile(chunk.path, kind, end - first, offset=first * kind.itemsize))
    return np.concatenate(found)


class Series(NamedTuple):
    """Sums of the numbers of each entity and date, which say whether they are 1, 2, 3 … n."""

    series: Words
    counts: Longs
    lowest: Longs
    highest: Longs
    one: Words
    two: Words


@dataclass(frozen=True)
class Settled:
    """What counts of a range: sums by day; how many `records`, `groups`, `ids`; what it holds of each series."""

    sums: dict[str, Sums]
    records: int
    groups: int
    ids: int = 0
    series: Series | None = None


def settle(entries: Entries, keep: Keep) -> Settled:
    """Say what counts of a range."""
    kept = entries[_KEEPING[keep](entries)]
    inside = kept[kept["inside"]]
    days, codes = np.unique(inside["day"], return_inverse=True)
    hashes = Hashes(np.ascontiguousarray(inside["low"]), np.ascontiguousarray(inside["high"]))
    sums = summed(hashes, codes.astype(np.int64), [day_name(day) for day in days.tolist()])
    groups = _distinct(kept["group"])
    if "series" not in (entries.dtype.names or ()):
        return Settled(sums, len(kept), groups)
    return Settled(sums, len(kept), groups, _distinct(kept["id"]), _series(kept))


@dataclass(frozen=True)
class Settling:
    """A task of a worker: say what counts of some ranges."""

    what: str
    kind: np.dtype[np.void]
    keep: Keep
    chunks: tuple[Chunk, ...]
    ranges: tuple[int, ...]

    def run(self) -> tuple[str, list[Settled]]:
        """Return what counts, range by range."""
        return self.what, [settle(load(self.chunks, number, self.kind), self.keep) for number in self.ranges]


def _first(entries: Entries) -> Mask:
    return _foremost(entries, np.minimum)


def _once(entries: Entries) -> Mask:
    low = np.ascontiguousarray(entries["low"])
    keep = np.ones(len(entries), np.bool_)
    if _distinct(low) < len(low):
        order = np.lexsort((entries["high"], low))
        same = [np.diff(entries[word][order].view(np.int64)) == 0 for word in ("low", "high")]
        keep[order[1:][same[0] & same[1]]] = False
    return keep


def _latest(entries: Entries) -> Mask:
    keep = _foremost(entries, np.maximum)
    keep[keep] = _once(entries[keep])
    return keep


def _foremost(entries: Entries, bound: np.ufunc) -> Mask:
    """Return which entries have the lowest or the highest order of their group."""
    group, place = np.ascontiguousarray(entries["group"]), entries["order"]
    order = np.argsort(group)
    starts = _starts(group[order])
    bounds = bound.reduceat(place[order], starts) if len(starts) else place
    keep = np.empty(len(entries), np.bool_)
    keep[order] = place[order] == np.repeat(bounds, np.diff(starts, append=len(entries)))
    return keep


_KEEPING = {Keep.FIRST: _first, Keep.DISTINCT: _once, Keep.LATEST: _latest}


def _starts(ordered: Words) -> npt.NDArray[np.intp]:
    """Return where each run of equal words begins."""
    return np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])) if len(ordered) else np.zeros(0, int)


def _distinct(words: npt.NDArray[np.uint64]) -> int:
    return len(_starts(np.sort(np.ascontiguousarray(words))))


def _series(entries: Entries) -> Series:
    order = np.argsort(np.ascontiguousarray(entries["series"]))
    series, number = entries["series"][order], entries["number"][order]
    starts = _starts(series)
    if not len(starts):
        none, no_words = np.zeros(0, np.int64), np.zeros(0, np.uint64)
        return Series(no_words, none, none, none, no_words, no_words)
    mixed = of_columns([of_numbers(number)], len(number))
    return Series(
        series[starts],
        np.diff(starts, append=len(series)),
        np.minimum.reduceat(number, starts),
        np.maximum.reduceat(number, starts),
        np.add.reduceat(mixed.low, starts),
        np.add.reduceat(mixed.high, starts),
    )


#: So many numbers are made at once.
_BLOCK = 1 << 20


def ill_numbered(parts: Iterable[Series]) -> tuple[int, int]:
    """Return how many series there are, and how many of them are not 1, 2, 3 … n with each number once."""
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    if not columns or not len(columns[0]):
        return 0, 0
    order = np.argsort(columns[0])
    starts = _starts(columns[0][order])
    count, one, two = (np.add.reduceat(columns[n][order], starts) for n in (1, 4, 5))
    low, high = np.minimum.reduceat(columns[2][order], starts), np.maximum.reduceat(columns[3][order], starts)
    ideal = _ideal_sums(count)
    well = (low == 1) & (high == count) & (one == ideal.low) & (two == ideal.high)
    return len(starts), int(np.count_nonzero(~well))


def _ideal_sums(counts: Longs) -> Hashes:
    """Return, for each n, the sums of the hashes of 1 … n."""
    found = Hashes(np.zeros(len(counts), np.uint64), np.zeros(len(counts), np.uint64))
    order = np.argsort(counts)
    begin, sums = 0, [np.zeros(1, np.uint64) for _ in range(2)]
    for at in order.tolist():
        while begin < counts[at]:
            block = np.arange(begin + 1, min(begin + _BLOCK, int(counts[at])) + 1, dtype=np.int64)
            for sum_, word in zip(sums, of_columns([of_numbers(block)], len(block)), strict=True):
                np.add(sum_, word.sum(), out=sum_)  # of arrays: modulo 2^64, without a warning
            begin += len(block)
        found.low[at], found.high[at] = (sum_[0] for sum_ in sums)
    return found
