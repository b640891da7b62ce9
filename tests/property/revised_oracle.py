"""Cancels and corrections, plainly: sets of events per window, and which windows the stream leaves to repair.

It takes records in log order, as ``window_oracle.Plain`` does, and says what each version of each window is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from property.window_oracle import DAY, KEEP, Key, Revision, Trade, bar

from schemas.catalog import INTERVALS

LENGTHS = tuple(INTERVALS.values())


def left_of(events: Sequence[Trade | Revision]) -> list[Trade]:
    """Return the trades of a set of events as its revisions leave them."""
    means: dict[tuple[str, int], list[Revision]] = {}
    for event in events:
        if isinstance(event, Revision):
            means.setdefault((event.trade_id, event.time), []).append(event)
    found = []
    for event in events:
        if not isinstance(event, Trade):
            continue
        about = means.get((event.trade_id, event.time), [])
        if any(each.kind == "trade_cancel" for each in about):
            continue
        if about:
            last = max(about, key=lambda each: each.rank)
            event = event._replace(price=last.price, size=last.size)  # noqa: PLW2901
        found.append(event)
    return found


@dataclass
class Revised:
    """What each version of each window must be, where the trades of ``venues`` are logged."""

    venues: tuple[str, ...]
    windows: dict[Key, list[Any]] = field(default_factory=dict)
    #: Windows that are left to repair, with the version from which on they are.
    left: dict[Key, int] = field(default_factory=dict)
    #: Windows that are asked for.
    asked: set[Key] = field(default_factory=set)
    opened_none: int = 0
    #: Revisions of trades that were older than the log, or not logged at all.
    too_old: int = 0
    _applied: set[Key] = field(default_factory=set)
    _last: dict[tuple[str, str, int], int] = field(default_factory=dict)
    _max_ingest: dict[str, int] = field(default_factory=dict)
    _versions: dict[tuple[Key, int], bytes] = field(default_factory=dict)

    def add(self, record: Trade | Revision) -> None:
        kind = record.kind if isinstance(record, Revision) else "trade"
        scope = kind, record.entity, record.ingest // DAY
        if record.seq <= self._last.get(scope, 0):
            return
        self._last[scope] = record.seq
        if kind == "trade":
            self._max_ingest[record.entity] = max(self._max_ingest.get(record.entity, -1), record.ingest)
        max_ingest = self._max_ingest.get(record.entity, -1)
        logged = record.entity.split(":")[0] in self.venues
        in_log = logged and self._end(0, record.time) + KEEP > max_ingest
        every = [(record.entity, name, record.time // length * length) for name, length in INTERVALS.items()]
        #: A window is there until the next longer one is over, where trades are logged.
        ends = [self._end(min(k + logged, len(LENGTHS) - 1), record.time) for k in range(len(LENGTHS))]
        keys = [key for key, end in zip(every, ends, strict=True) if end + KEEP > max_ingest]
        for key in keys:
            self.windows.setdefault(key, []).append(record)
        if kind != "trade":
            if in_log:
                self._applied.update(keys)
            else:
                self.too_old += 1
                self.asked.update(every)
                self._leave(keys)
        elif not keys:
            self.opened_none += 1
        elif logged and not in_log and keys[0] in self._applied:
            self._leave(keys)
            self.asked.update(keys)
        self.asked.update(key for key in keys if key in self.left)

    def _end(self, level: int, time: int) -> int:
        return time // LENGTHS[level] * LENGTHS[level] + LENGTHS[level]

    def _leave(self, keys: list[Key]) -> None:
        for key in keys:
            self.left.setdefault(key, len(self.windows[key]))

    def version(self, key: Key, count: int) -> bytes:
        """Return what the window said when it had so many events."""
        found = self._versions.get((key, count))
        if found is None:
            found = self._versions[key, count] = bar(key, left_of(self.windows[key][:count]), count)
        return found
