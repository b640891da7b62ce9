"""The memory of rules that have one: per entity its newest price by event time, and the last price of the day before.

- ``behind``: how far an event time is behind the newest one of its entity so far;
- ``silence``: how far the newest one moves on;
- ``previous_close``: the last price, by event time, of the entity's last earlier UTC day with a price. None on an
  entity's first day, and for a row of a day that is over.

All of it follows from the order of the log, like ``entity_seq``: never from a clock or from how the log was cut.
"""

from __future__ import annotations

import numpy as np

from udfs.kernels.slices import Bits, Codes, Longs
from udfs.kernels.watching import watch
from udfs.quality.checks import Pair
from udfs.state.packing import pack, unpack
from udfs.values.decimals import ONE
from udfs.values.times import SECOND

_PARTS = 6
_MICRO = ONE // SECOND


class Memory:
    """The state of one shard."""

    def __init__(self) -> None:
        self._state: Longs = np.full((_PARTS, 16), -1, dtype=np.int64)
        self._changed: Bits = np.zeros(16, dtype=np.int8)

    def observe(self, entities: int, entity: Codes, time: Longs, price: Pair) -> dict[str, Pair]:
        """Return the columns of the next accepted rows, in log order; ``entities`` is how many entities there are."""
        self._make_room(entities)
        n = len(entity)
        behind, silence, whole, part = (np.empty(n, dtype=np.int64) for _ in range(4))
        room = len(self._changed)
        watch(
            room, entity, time, np.ascontiguousarray(price[0]), np.ascontiguousarray(price[1]),
            self._state.ravel(), self._changed, behind, silence, whole, part,
        )  # fmt: skip
        return {"behind": seconds(behind), "silence": seconds(silence), "previous_close": (whole, part)}

    def _make_room(self, entities: int) -> None:
        while entities > len(self._changed):
            self._state = np.concatenate([self._state, np.full_like(self._state, -1)], axis=1)
            self._changed = np.concatenate([self._changed, np.zeros_like(self._changed)])

    def delta(self) -> tuple[bytes, ...]:
        """Return the state of entities that changed since the last ``delta`` or ``snapshot``."""
        return self._part(np.flatnonzero(self._changed))

    def snapshot(self) -> tuple[bytes, ...]:
        """Return the whole state."""
        return self._part(np.flatnonzero(self._state[0] >= 0))

    def _part(self, entities: Longs) -> tuple[bytes, ...]:
        self._changed[:] = 0
        return (pack(entities), *(pack(self._state[k, entities]) for k in range(_PARTS)))

    def apply(self, entities: int, parts: tuple[bytes, ...]) -> None:
        """Move the state by what a ``delta`` or a ``snapshot`` said."""
        self._make_room(entities)
        which = unpack(parts[0])
        for k in range(_PARTS):
            self._state[k, which] = unpack(parts[1 + k])


def seconds(micros: Longs) -> Pair:
    """Return a column of µs as seconds."""
    whole = micros // SECOND
    return whole, (micros - whole * SECOND) * _MICRO
