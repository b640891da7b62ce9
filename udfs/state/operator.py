"""The protocol between a fold and its engine, and the journal that keeps a fold's state as a log of bounded size.

An engine hands a fold the parts of its blocks in log order, and at each flush marker (before a checkpoint) keeps what
``Journal.flush`` returns. To restore, it gives all entries that are still needed to the fold's ``restore``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from udfs.kernels.slices import Slices


class Operator(Protocol):
    """A fold whose state is the last word of a log of parts.

    ``process`` takes one topic's part of a block and returns what it made of it, each fold in its own way. ``delta``
    returns what changed since the last ``delta`` or ``snapshot``. ``slice`` returns a part of all there is and where to
    go on (-1: nowhere), so that a snapshot can be taken piece by piece, between deltas. A class method ``restore``
    rebuilds a fold from parts; it raises ValueError when one has another ``state_version`` than its own.
    """

    @property
    def state_version(self) -> int: ...
    def process(self, topic: str, values: Slices) -> object: ...
    def delta(self) -> bytes: ...
    def snapshot(self) -> bytes: ...
    def slice(self, begin: int, budget: int) -> tuple[bytes, int]: ...


class Whole:
    """A fold whose state is small enough for one slice."""

    def snapshot(self) -> bytes:
        """Return the whole state."""
        raise NotImplementedError

    def slice(self, begin: int, budget: int) -> tuple[bytes, int]:  # noqa: ARG002 - as ``Operator``
        """Return the whole state, and that nothing follows."""
        return self.snapshot(), -1


@dataclass(frozen=True, slots=True)
class Flushed:
    """What an engine does at a flush marker: keep these entries by number, drop those that are not needed any more."""

    entries: list[tuple[int, bytes]]
    dropped: range


class Journal:
    """Decides when a fold's state is written anew, slice by slice, and which entries of its log are still needed.

    Each flush appends a delta. When the entries since the last round have more bytes than that round wrote (and more
    than ``least``), a new round begins: each flush appends a slice besides, until all is written. Then the round and
    the deltas since its beginning say everything, and what is older goes. So a flush costs in proportion to what
    changed, the log has at most a few times the state's bytes, and no flush has to write all of a large state.
    """

    def __init__(self, kept: Iterable[tuple[int, bytes]] = (), *, least: int = 256 * 1024, budget: int = 4096) -> None:
        """Begin with the entries that a restored log has.

        Args:
            kept: entries by number.
            least: bytes of entries before which no round begins.
            budget: how many entities and windows a slice looks at, at least; it grows with the deltas.
        """
        entries = list(kept)
        self._least, self._budget = least, budget
        self._next = max((number for number, _ in entries), default=-1) + 1
        self._needed = min((number for number, _ in entries), default=self._next)
        self._written = sum(len(entry) for _, entry in entries)  # since ``needed``
        self._round: int | None = None  # number of the entry that the round in progress began with
        self._place = 0
        self._in_round = 0
        self._last_round = 0

    def flush(self, fold: Operator) -> Flushed:
        """Return the state to keep of a fold now, and the entries that are not needed any more."""
        entries = [self._append(fold.delta())]
        dropped = range(0)
        if self._round is None and self._written > max(self._least, 2 * self._last_round):
            self._round, self._place, self._in_round = self._next, 0, 0
        if self._round is not None:
            part, self._place = fold.slice(self._place, self._budget)
            entries.append(self._append(part))
            if self._place < 0:
                dropped = range(self._needed, self._round)
                self._needed, self._round = self._round, None
                self._written = self._last_round = self._in_round
        return Flushed(entries, dropped)

    @property
    def kept_bytes(self) -> int:
        """Bytes of the entries that are still needed."""
        return self._written

    def _append(self, part: bytes) -> tuple[int, bytes]:
        entry = (self._next, part)
        self._next += 1
        self._written += len(part)
        self._in_round += len(part)
        return entry
