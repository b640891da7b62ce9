"""Whether more records are rejected than before: a share of what was read, so that one odd record is no alarm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from operations.dead_letters.listing import Filter, counted, dead_letters
from operations.jobs import EVERY_STAGE
from runtime.config import Settings
from runtime.offsets import OffsetReader

#: How much larger the share of rejected records may become, and how many of them prove nothing in a short watch.
_MORE, _FEW = 0.01, 2


@dataclass(frozen=True)
class Rejected:
    """Records of a topic that were rejected for a reason while `read` of them were read."""

    topic: str
    reason: str
    count: int
    read: int

    def __str__(self) -> str:
        return f"{self.count:,} of {self.read:,} records of {self.topic} were rejected: {self.reason}"


@dataclass(frozen=True)
class Rejections:
    """What was so far read of each topic, and rejected of it, by (topic, reason)."""

    read: Mapping[str, int]
    counts: Mapping[tuple[str, str], int]

    @classmethod
    def now(cls, settings: Settings) -> Rejections:
        """Count the dead letters that are there, and what the jobs have committed."""
        offsets, read = OffsetReader(settings), dict[str, int]()
        for stage in EVERY_STAGE:
            sums = dict.fromkeys(stage.reads, 0)
            for (topic, _), offset in offsets.committed(stage.group, offsets.ends(stage.reads)).items():
                sums[topic] += offset
            # Several jobs read a topic: the one that is ahead has seen what is rejected.
            read |= {topic: max(count, read.get(topic, 0)) for topic, count in sums.items()}
        letters = counted(dead_letters(settings, Filter()))
        counts = dict[tuple[str, str], int]()
        for one in letters:
            place = (str(one["topic"]), str(one["reason"]))
            counts[place] = counts.get(place, 0) + int(one["count"])
        return cls(read, counts)

    def since(self, before: Rejections) -> list[Rejected]:
        """Return what was rejected since `before`, the most first."""
        found = []
        for (topic, reason), count in self.counts.items():
            if (more := count - before.counts.get((topic, reason), 0)) > 0:
                # Offsets are committed with a checkpoint, dead letters come sooner.
                read = max(more, self.read.get(topic, 0) - before.read.get(topic, 0))
                found.append(Rejected(topic, reason, more, read))
        return sorted(found, key=lambda one: (-one.count, one.topic, one.reason))

    def new(self, before: Rejections) -> list[Rejected]:
        """Return what was rejected for a reason that `before` did not know."""
        return [one for one in self.since(before) if (one.topic, one.reason) not in before.counts]

    def excess(self, before: Rejections) -> list[Rejected]:
        """Return what was rejected so often that the share of rejected records is larger than it was `before`."""
        found = []
        for one in self.since(before):
            share = before.counts.get((one.topic, one.reason), 0) / max(1, before.read.get(one.topic, 0))
            if one.count > one.read * (share + _MORE) + _FEW:
                found.append(one)
        return found
