"""Silent entities: their windows lie packed, out of the table, until the entity's next event.

An entity's newest windows are never over by its own clock (law 6), so what fell silent would hold them for ever. When
something is cold never changes a result: what is packed was published and saved, and comes back before it is touched.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from udfs.kernels.slices import Codes, Octets
from udfs.windows.kernels import layout as at
from udfs.windows.kernels.packed import MOST_BYTES, drop_rows, kept_rows, pack_rows, put_packed, silent_entities
from udfs.windows.kernels.state import State
from udfs.windows.room import room_for_rows, room_for_texts
from udfs.windows.trade_log_saving import decode_log, encode_log

#: Windows of an entity that are looked for; one that could have more (a long horizon, short windows) stays as it is.
_MOST = 1_024
#: Entities that are looked at per call; packing one takes up to 50 µs.
_LOOKS = 64
#: All are looked at once while the shard moves on by this part of the time after which an entity is silent.
_ROUNDS = 8


#: A cold entity: its code, its windows, and what they have in the log.
Put = tuple[int, bytes, list[Any]]


class Cold:
    """The cold entities of one fold; ``texts`` are the words of a window that are texts."""

    def __init__(self, texts: Codes) -> None:
        self._texts = texts
        self._packed: dict[int, bytes] = {}  # by the entity's code
        self._logs: dict[int, list[Any]] = {}  # of those that have trades in the log
        self._new: set[int] = set()  # packed since the last delta
        self._rows: Codes = np.empty(_MOST, dtype=np.int32)
        self._codes: Codes = np.empty(_LOOKS, dtype=np.int32)
        self._left = 0  # entities that are still to be looked at in this round
        self._next = 0  # newest ingest time of the shard at which the next round begins
        self._out: Octets = np.empty(16 * MOST_BYTES, dtype=np.uint8)

    def __len__(self) -> int:
        return len(self._packed)

    @property
    def size(self) -> int:
        """Bytes of all that is packed."""
        return sum(map(len, self._packed.values()))

    def pack(self, s: State) -> None:
        """Pack some silent entities whose windows are published and saved."""
        max_ingest = int(s.facts[at.SHARD_MAX_INGEST])
        if self._left <= 0:
            if max_ingest < self._next:
                return
            self._left = int(s.facts[at.ENTITIES])
            self._next = max_ingest + int(s.facts[at.SILENT]) // _ROUNDS
        looks = min(_LOOKS, self._left)
        self._left -= looks
        for code in self._codes[: silent_entities(s, looks, self._codes)].tolist():
            count = kept_rows(s, code, 1, self._rows)
            if count < 0:  # not published or not saved yet
                self._next = max_ingest
            elif count > 0:
                rows = self._rows[:count]
                self._make_room(s, rows)
                self._packed[code] = self._out[: pack_rows(s, rows, self._texts, self._out)].tobytes()
                self._keep_log(code, encode_log(s, rows, whole=True))
                self._new.add(code)
                drop_rows(s, code, rows)

    def _make_room(self, s: State, rows: Codes) -> None:
        need = len(rows) * MOST_BYTES
        for word in self._texts.tolist():
            second = s.rows.reshape(-1, at.WIDTH)[rows, word + 1]
            need += int((second[second >> 56 == -1] & at.SIZE_MASK).sum())
        if need > len(self._out):
            self._out = np.empty(2 * need, dtype=np.uint8)

    def unpack(self, s: State, code: int) -> State:
        """Return the state with a cold entity's windows back in the table."""
        packed = self._packed.pop(code)
        self._new.discard(code)
        s = room_for_rows(s, len(packed) // 4)  # a window takes its bitmap at least
        s = room_for_texts(s, len(packed), self._texts)
        put_packed(s, code, np.frombuffer(packed, dtype=np.uint8), self._texts)
        return decode_log(s, self._logs.pop(code, []), self._texts)

    def unpack_all(self, s: State, codes: Iterable[int]) -> State:
        """Return the state with the windows of those that are cold back in the table."""
        for code in self._packed.keys() & codes:
            s = self.unpack(s, code)
        return s

    def put(self, s: State, code: int, packed: bytes, log: list[Any]) -> None:
        """Take a cold entity from a log; it replaces what the log had of its windows before.

        Raises:
            ValueError: the log does not have the entity's clock.
        """
        count = kept_rows(s, code, 0, self._rows)
        if count < 0:
            raise ValueError("the state lacks the clock of a cold entity: a part of its log is missing")
        drop_rows(s, code, self._rows[:count])
        self._packed[code] = packed
        self._keep_log(code, log)

    def _keep_log(self, code: int, log: list[Any]) -> None:
        self._logs.pop(code, None)
        if log:
            self._logs[code] = log

    def take_new(self) -> list[Put]:
        """Return the entities packed since the last call."""
        new = self.among(sorted(self._new))
        self._new.clear()
        return new

    def among(self, codes: Iterable[int]) -> list[Put]:
        """Return those of some entities that are cold."""
        found = [code for code in codes if code in self._packed] if self._packed else []
        return [(code, self._packed[code], self._logs.get(code, [])) for code in found]
