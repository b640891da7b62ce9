"""Which requests a replay has answered already: those of the same windows over the same log.

The stream asks for a revised window each time it changes, every two seconds while it is open. A replay that read
everything the raw topics had answers the requests that were made of it, also those that come after it has begun.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from batch.requests import SEQUENCE_GAP, Kind, Request, Task

#: (topic, partition) → next offset.
Offsets = Mapping[tuple[str, int], int]


@dataclass
class Answered:
    """What one run has replayed, per kind and entity: the windows, and how far its venue's raw topics went then."""

    _done: dict[tuple[Kind, str], tuple[Offsets, frozenset[tuple[int, int]]]] = field(default_factory=dict)

    def note(self, tasks: Iterable[Task], ends: Offsets) -> None:
        """Remember that `tasks` were replayed and published from a Bronze that had all before `ends`."""
        for task in tasks:
            for entity in task.entities:
                of_venue, owner = _of_venue(entity, ends), (task.kind, entity)
                before, windows = self._done.get(owner, (of_venue, frozenset()))
                more = frozenset((start, end) for other, start, end in task.windows if other == entity)
                self._done[owner] = of_venue, more | (windows if before == of_venue else frozenset())

    def unanswered(self, requests: Iterable[Request], ends: Offsets) -> list[Request]:
        """Return the requests that a replay of a Bronze with all before `ends` could answer better than was done.

        After missing numbers it always could: what was lost is sent again whole.
        """
        return [one for one in requests if one.reason == SEQUENCE_GAP or not self._covers(one, ends)]

    def _covers(self, request: Request, ends: Offsets) -> bool:
        before, windows = self._done.get((request.kind, request.entity_id), ({}, frozenset()))
        inside = any(start <= request.start and request.end <= end for start, end in windows)
        return inside and before == _of_venue(request.entity_id, ends)


def _of_venue(entity: str, ends: Offsets) -> Offsets:
    venue = f"raw.{entity.partition(':')[0]}."
    return {place: end for place, end in ends.items() if place[0].startswith(venue)}
