"""Gaps of one shard, plainly: sets of numbers, one record at a time, nothing compiled."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from property.contract import DAY, Topic


@dataclass(eq=False)
class Gap:
    """A gap and what is missing of it."""

    first: int
    last: int
    found_at: int
    event_time: int
    missing: set[int]
    published: bool = False
    reason: str = "missing"

    @property
    def ranges(self) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = []
        for number in sorted(self.missing):
            if found and found[-1][1] == number - 1:
                found[-1] = (found[-1][0], number)
            else:
                found.append((number, number))
        return found

    def record(self, name: str, rules: Topic) -> dict[str, object]:
        """Return what the contract says of it."""
        spelled = [str(a) if a == b else f"{a}-{b}" for a, b in self.ranges]
        return {
            "gap_id": f"{name}:{rules.channel}:{self.first}-{self.last}@{self.found_at}",
            "entity_id": name, "venue": rules.venue, "channel": rules.channel, "reason": self.reason,
            "first_id": self.first, "last_id": self.last, "remaining": len(self.missing),
            "missing": ",".join(spelled[:20] + ["..."] * (len(spelled) > 20)),
            "event_time": self.event_time, "found_at": self.found_at,
            "version": 1 + self.last - self.first + 1 - len(self.missing),
        }  # fmt: skip


@dataclass
class _Entity:
    high: int = -1
    max_ingest: int = -1
    gaps: list[Gap] = field(default_factory=list)


class PlainGaps:
    """``said`` is the latest record of each gap that was ever published."""

    def __init__(self, rules: Topic, jump: int, most: int) -> None:
        self.rules, self.jump, self.most = rules, jump, most
        self.entities: dict[str, _Entity] = {}
        self.said: dict[str, dict[str, object]] = {}

    def _say(self, name: str, gaps: Iterable[Gap]) -> None:
        for gap in gaps:
            gap.published = True
            record = gap.record(name, self.rules)
            self.said[str(record["gap_id"])] = record

    def _give_up(self, name: str, entity: _Entity, gaps: list[Gap]) -> None:
        self._say(name, [gap for gap in gaps if not gap.published])
        entity.gaps = [gap for gap in entity.gaps if gap not in gaps]

    def see(self, name: str, first: int, last: int, event_time: int, ingest_time: int) -> None:
        """Follow one frame."""
        entity = self.entities.setdefault(name, _Entity())
        of_now = event_time >= entity.max_ingest - self.rules.window
        entity.max_ingest = max(entity.max_ingest, ingest_time)
        day = entity.max_ingest // DAY - self.rules.days_kept
        self._give_up(name, entity, [gap for gap in entity.gaps if gap.found_at // DAY < day])
        if entity.high < 0:
            entity.high = last
            return
        if first > entity.high + 1:
            begin, end = entity.high + 1, first - 1
            gap = Gap(begin, end, entity.max_ingest, event_time, set())
            entity.high = last
            if end - begin + 1 > self.jump:
                self._give_up(name, entity, entity.gaps)
                gap.reason = "jump"
            gap.missing = set(range(begin, end + 1))
            if gap.reason == "jump":
                self._say(name, [gap])
            else:
                entity.gaps.append(gap)
        else:
            self._take(name, entity, first, last, of_now=of_now)
        due = [gap for gap in entity.gaps if not gap.published and gap.found_at + self.rules.grace < entity.max_ingest]
        self._say(name, due)
        while sum(len(gap.ranges) for gap in entity.gaps) > self.most:
            self._give_up(name, entity, entity.gaps[:1])

    def _take(self, name: str, entity: _Entity, first: int, last: int, *, of_now: bool) -> None:
        came = set(range(first, min(last, entity.high) + 1))
        filled = [gap for gap in entity.gaps if gap.missing & came]
        for gap in filled:
            gap.missing -= came
        self._say(name, [gap for gap in filled if gap.published])
        entity.gaps = [gap for gap in entity.gaps if gap.missing]
        if not filled and of_now and last < entity.high - self.jump:
            self._give_up(name, entity, entity.gaps)
            entity.high = last
        else:
            entity.high = max(entity.high, last)
