"""Dense numbers per entity and ingest date: 1, 2, 3 … in log order. A gap means loss (law 4)."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from udfs.kernels.admitting import number_rows
from udfs.kernels.slices import Bits, Codes, Longs
from udfs.state.packing import pack, unpack

#: More ingest dates than this are kept by name rather than in places of their own.
MAX_SLOTS = 64


class Numbers(Protocol):
    """Counters of ingest dates, with a state that is a log of deltas."""

    def number(self, entities: int, entity: Codes, day: Longs) -> Longs: ...
    def delta(self) -> tuple[bytes, ...]: ...
    def snapshot(self) -> tuple[bytes, ...]: ...
    def apply(self, entities: int, part: Any) -> None: ...


def sequence(days_kept: int) -> Numbers:
    """Return counters for so many ingest dates."""
    return Sequence(days_kept) if days_kept <= MAX_SLOTS else Calendar()


class Calendar:
    """Counters of any ingest date, ever: for reference data, whose identities are remembered for decades."""

    def __init__(self) -> None:
        self._counts: dict[tuple[int, int], int] = {}
        self._changed: dict[tuple[int, int], None] = {}

    def number(self, entities: int, entity: Codes, day: Longs) -> Longs:  # noqa: ARG002 - as ``Sequence``
        """Give rows their numbers, in log order."""
        seq = np.empty(len(entity), dtype=np.int64)
        for i, key in enumerate(zip(entity.tolist(), day.tolist(), strict=True)):
            seq[i] = self._counts[key] = self._counts.get(key, 0) + 1
            self._changed[key] = None
        return seq

    def delta(self) -> tuple[bytes, ...]:
        """Return the counters that changed since the last ``delta`` or ``snapshot``."""
        return self._part(list(self._changed))

    def snapshot(self) -> tuple[bytes, ...]:
        """Return all counters."""
        return self._part(list(self._counts))

    def _part(self, keys: list[tuple[int, int]]) -> tuple[bytes, ...]:
        self._changed = {}
        columns = ([key[0] for key in keys], [key[1] for key in keys], [self._counts[key] for key in keys])
        return tuple(pack(np.array(column, dtype=np.int64)) for column in columns)

    def apply(self, entities: int, part: Any) -> None:  # noqa: ARG002 - as ``Sequence``
        """Set counters to what a ``delta`` or a ``snapshot`` said."""
        entity, day, count = (unpack(column).tolist() for column in part)
        self._counts.update(zip(zip(entity, day, strict=True), count, strict=True))


class Sequence:
    """Counters of the ingest dates that an accepted record can still have."""

    def __init__(self, days_kept: int) -> None:
        self._slots = days_kept
        self._days: Longs = np.full(16 * days_kept, -1, dtype=np.int64)
        self._counts: Longs = np.zeros(16 * days_kept, dtype=np.int64)
        self._changed: Bits = np.zeros(16, dtype=np.int8)

    def number(self, entities: int, entity: Codes, day: Longs) -> Longs:
        """Give rows their numbers, in log order; ``entities`` is how many entities there are."""
        self._make_room(entities)
        seq = np.empty(len(entity), dtype=np.int64)
        number_rows(self._slots, entity, day, self._days, self._counts, self._changed, seq)
        return seq

    def _make_room(self, entities: int) -> None:
        while entities > len(self._changed):
            self._days = np.concatenate([self._days, np.full_like(self._days, -1)])
            self._counts = np.concatenate([self._counts, np.zeros_like(self._counts)])
            self._changed = np.concatenate([self._changed, np.zeros_like(self._changed)])

    def delta(self) -> tuple[bytes, ...]:
        """Return the counters of entities that changed since the last ``delta`` or ``snapshot``."""
        return self._part(np.flatnonzero(self._changed))

    def snapshot(self) -> tuple[bytes, ...]:
        """Return all counters."""
        return self._part(np.flatnonzero(self._days.reshape(-1, self._slots).max(axis=1) >= 0))

    def _part(self, entities: Longs) -> tuple[bytes, ...]:
        self._changed[:] = 0
        places = (entities[:, None] * self._slots + np.arange(self._slots)).ravel()
        places = places[self._days[places] >= 0]
        return pack(places // self._slots), pack(self._days[places]), pack(self._counts[places])

    def apply(self, entities: int, part: Any) -> None:
        """Set counters to what a ``delta`` or a ``snapshot`` said."""
        self._make_room(entities)
        entity, day, count = (unpack(column) for column in part)
        _, first, sizes = np.unique(entity, return_index=True, return_counts=True)
        rows = entity[first][:, None] * self._slots + np.arange(self._slots)
        self._days[rows] = -1
        self._counts[rows] = 0
        places = entity * self._slots + np.arange(len(entity)) - np.repeat(first, sizes)
        self._days[places] = day
        self._counts[places] = count
