"""Which record is the first of its kind: the same answer for Bronze and for normalization.

Per entity, in log order:

1. transport: a record whose ``source_seq`` is not above the mark of its source is a duplicate;
2. identity: ids are remembered while their time is not behind ``high water - (horizon + max_skew)``, where the high water is the newest
   ingest time of the entity's records so far. A record behind that window is neither first nor duplicate: its id may be forgotten.

Only records that are no duplicates move the state. Bronze holds exactly those, so its replay meets the same states.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from udfs.rules import Rules
from udfs.times import day_of

FIRST, DUPLICATE, BEHIND = 0, 1, 2
SOURCE_DAYS = 2


@dataclass
class _Entity:
    high_water: int = -1
    marks: dict[str, tuple[int, int]] = field(default_factory=dict)
    ids: dict[str, int] = field(default_factory=dict)


class Dedup:
    """The state of one shard."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._entities: dict[str, _Entity] = {}
        self._log: list[Any] = []

    def admit(
        self, entity_id: str, source_id: str, source_seq: int, event_id: str, event_time: int, ingest_time: int
    ) -> int:
        """Return FIRST, DUPLICATE or BEHIND for the next record of the log."""
        rules = self._rules
        usable = -rules.max_skew <= ingest_time - event_time <= rules.horizon
        time = event_time if usable else ingest_time
        entity = self._entities.setdefault(entity_id, _Entity())
        mark = entity.marks.get(source_id)
        if mark and source_seq <= mark[0] and mark[1] >= day_of(entity.high_water) - SOURCE_DAYS:
            return DUPLICATE
        edge = entity.high_water - rules.window
        verdict = BEHIND if entity.high_water >= 0 and time < edge else FIRST
        if verdict == FIRST and entity.ids.get(event_id, edge - 1) >= edge and event_id in entity.ids:
            return DUPLICATE
        change = (entity_id, source_id, source_seq, event_id if verdict == FIRST else None, time, ingest_time)
        self._apply(change)
        self._log.append(change)
        return verdict

    def _apply(self, change: Any) -> None:
        entity_id, source_id, source_seq, event_id, time, ingest_time = change
        entity = self._entities.setdefault(entity_id, _Entity())
        entity.marks[source_id] = (source_seq, day_of(ingest_time))
        entity.high_water = max(entity.high_water, ingest_time)
        if event_id is not None:
            entity.ids[event_id] = time

    def delta(self) -> Any:
        log, self._log = self._log, []
        return log

    def snapshot(self) -> Any:
        self._log = []
        return msgspec.to_builtins(self._entities)

    def restore(self, parts: Iterable[Any]) -> None:
        for part in parts:
            if isinstance(part, dict):
                self._entities = msgspec.convert(part, dict[str, _Entity])
            else:
                for change in part:
                    self._apply(change)
