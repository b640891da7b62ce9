"""The known events of one series: announcements and closes, the latest revision of each, and which are in effect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple

from udfs.corporate_actions.lineage import Link, Stretch, stretches
from udfs.venues.facts import ANNOUNCED, SYMBOL_CHANGE


class Action(NamedTuple):
    """One announcement; dates are days since 1970-01-01, ``known`` its ingest time in µs."""

    entity_id: str
    action_id: str
    revision: int
    status: str
    kind: str
    ex_date: int
    ratio: Fraction
    amount: Fraction
    currency: str
    successor: str
    known: int

    @property
    def group(self) -> tuple[str, str]:
        """What all revisions have in common."""
        return self.entity_id, self.action_id


class Close(NamedTuple):
    """One session's close as one edition of the source has it; numbers are plain decimal texts, empty where unknown.

    ``source`` is the file it came in: what a source publishes as adjusted changes from one file to the next.
    """

    entity_id: str
    date: int
    revision: int
    close: str
    volume: str
    published: str
    currency: str
    basis: str
    source: str
    known: int


@dataclass(frozen=True)
class History:
    """Everything known that may shape the series of one entity; see ``udfs.corporate_actions.lineage.ancestors``."""

    series: str
    actions: Sequence[Action]
    closes: Sequence[Close]

    @cached_property
    def groups(self) -> dict[tuple[str, str], list[Action]]:
        """Return the announcements of each action, the latest revision last."""
        found: dict[tuple[str, str], list[Action]] = {}
        for action in sorted(self.actions):
            found.setdefault(action.group, []).append(action)
        return found

    @cached_property
    def live(self) -> list[Action]:
        """Return the latest announcement of each action that is not cancelled."""
        return [revisions[-1] for revisions in self.groups.values() if revisions[-1].status == ANNOUNCED]

    @cached_property
    def stretches(self) -> list[Stretch]:
        """Return the symbols of the series, newest first."""
        changes = [action for action in self.live if action.kind == SYMBOL_CHANGE]
        return stretches(self.series, [Link(one.entity_id, one.successor, one.ex_date) for one in changes])

    @cached_property
    def traded(self) -> dict[int, Close]:
        """Return the series' sessions, in order of date."""
        latest = {(one.entity_id, one.date): one for one in sorted(self.closes)}
        found = {
            date: close
            for (entity_id, date), close in latest.items()
            for stretch in self.stretches
            if entity_id == stretch.entity_id and stretch.first <= date < stretch.end
        }
        return dict(sorted(found.items()))

    @cached_property
    def newest(self) -> int:
        """Return the newest session known; what has an ex date after it is not in effect yet."""
        return max((one.date for one in self.closes), default=-(10**9))

    @cached_property
    def in_effect(self) -> list[Action]:
        """Return the announcements, of whatever revision, whose ex date has come."""
        return [one for one in self.actions if one.ex_date <= self.newest and one.kind != SYMBOL_CHANGE]

    def applies(self, action: Action) -> bool:
        """Tell whether an action belongs to the symbol that the series had on its ex date."""
        return any(
            action.entity_id == stretch.entity_id and stretch.first <= action.ex_date <= stretch.end
            for stretch in self.stretches
        )
