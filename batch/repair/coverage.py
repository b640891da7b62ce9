"""Which repair requests a replay has answered already: those of the same windows over the same log.

The stream asks for a revised window each time it changes, every two seconds while it is open. A replay that read
everything the raw topics had answers the requests that were made of it, also those that come after it has begun.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from batch.repair.requests import REVISED, SEQUENCE_GAP, Kind, Request, Task

#: (topic, partition) → next offset.
Offsets = Mapping[tuple[str, int], int]


@dataclass(frozen=True)
class _Done:
    """The windows [start, end) of an entity whose bars were published, over a venue's raw topics up to `ends`."""

    ends: Offsets
    around: frozenset[tuple[int, int]] = frozenset()
    exact: frozenset[tuple[int, int]] = frozenset()

    def covers(self, request: Request) -> bool:
        if request.reason == REVISED and (request.start, request.end) in self.exact:
            return True
        return any(start <= request.start and request.end <= end for start, end in self.around)


@dataclass
class Coverage:
    """What one run has replayed, per kind and entity."""

    _done: dict[tuple[Kind, str], _Done] = field(default_factory=dict)

    def note(self, tasks: Iterable[Task], ends: Offsets) -> None:
        """Remember that `tasks` were replayed and published from a Bronze that had all before `ends`."""
        for task in tasks:
            for entity in task.entities:
                before = self._of((task.kind, entity), ends)
                around, exact = (
                    frozenset((start, end) for owner, start, end in windows if owner == entity)
                    for windows in (task.windows, task.exact)
                )
                self._done[task.kind, entity] = _Done(before.ends, before.around | around, before.exact | exact)

    def unanswered(self, requests: Iterable[Request], ends: Offsets) -> list[Request]:
        """Return the requests that a replay of Bronze up to `ends` would answer better than the last one did.

        After missing numbers it always could: what was lost is sent again whole.
        """
        return [
            one
            for one in requests
            if one.reason == SEQUENCE_GAP or not self._of((one.kind, one.entity_id), ends).covers(one)
        ]

    def _of(self, owner: tuple[Kind, str], ends: Offsets) -> _Done:
        """Return what was replayed over the log that the owner's venue has now."""
        venue = f"raw.{owner[1].partition(':')[0]}."
        now = {place: end for place, end in ends.items() if place[0].startswith(venue)}
        done = self._done.get(owner)
        return done if done is not None and done.ends == now else _Done(now)
