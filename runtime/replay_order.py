"""What a bounded replay asks of the jobs: which parts of the raw log they read, and where they write.

The jobs are the live ones. A replay's own topics are named like the live ones behind a prefix, which neither folds nor
records know of; so what comes out can be compared byte for byte, and no consumer of the live topics sees any of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

#: What the names of all replays begin with.
NAMED = "replay-"


@dataclass(frozen=True)
class ReplayOrder:
    """One replay.

    ``parts`` has, by a raw topic's name in the broker, (partition, first offset, offset behind the last one);
    ``redriven`` by topic the (event id, source id) of redriven records, whose originals keep their verdicts.
    """

    name: str
    parts: Mapping[str, Sequence[tuple[int, int, int]]] = field(default_factory=dict)
    redriven: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict)

    @property
    def prefix(self) -> str:
        """Return what is before the names of the replay's own topics."""
        return prefix(self.name)

    def parts_of(self, topics: Sequence[str]) -> list[tuple[str, int, int, int]]:
        """Return (topic in the broker, partition, first offset, offset behind the last) of some topics."""
        return [
            (topic, *part)
            for topic, parts in self.parts.items()
            if topic.removeprefix(self.prefix) in topics
            for part in parts
        ]

    def document(self) -> str:
        """Return the order as text."""
        return json.dumps({"name": self.name, "parts": self.parts, "redriven": self.redriven})

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what ``document`` has made."""
        found = json.loads(path.read_text())
        parts = {topic: [(part[0], part[1], part[2]) for part in parts] for topic, parts in found["parts"].items()}
        redriven = {topic: [(one[0], one[1]) for one in copies] for topic, copies in found["redriven"].items()}
        return cls(found["name"], parts, redriven)


def prefix(name: str) -> str:
    """Return what is before the names of the topics of a replay."""
    return f"{name}."
