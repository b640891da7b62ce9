"""What the topics themselves must hold after any faults, beside what `polyglot verify` compares."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from devstack.chaos.topics import TopicReader
from runtime.config import Settings
from schemas import catalog

_NUMBERED = (*catalog.NORMALIZED, *catalog.REVISIONS)
#: Number or version → hash of the record; the highest one under ``_HIGHEST``, which is neither.
_Seen = dict[tuple[Any, ...], dict[int, int]]
_HIGHEST = 0


class Audit:
    """Reads each record once, over all rounds of a run.

    ``conflicting_copies``: records of one sequence number, or of one bar and version, with different bytes. Of a
    bar with cancels or corrections only the highest version counts: a job that restarts may read these before other
    trades than it did the first time, so that two sets on the way to the last one have one version (law 5).
    ``transport_copies``: the same record again, and ``rewound_versions``: a version below one that is there already.
    Both are what at-least-once delivery does after a restart; consumers drop them by number and by version.
    """

    def __init__(self, settings: Settings) -> None:
        self._sources = [
            (TopicReader(settings, catalog.topic(kind), kind), kind, defaultdict[tuple[Any, ...], dict[int, int]](dict))
            for kind in (*_NUMBERED, *catalog.BARS)
        ]
        self.found = {"conflicting_copies": 0, "transport_copies": 0, "rewound_versions": 0}
        self._revised: set[tuple[Any, ...]] = set()
        self._disputed: dict[tuple[Any, ...], tuple[dict[int, int], set[int]]] = {}

    def run(self) -> dict[str, int]:
        """Read what is new; return all counts so far, and how many sequence numbers are missing (loss)."""
        for reader, name, seen in self._sources:
            for row, value in reader.new():
                self.note(seen, name, row, value)
        missing = sum(
            missing_numbers(seen) for _, name, seen in self._sources if name in _NUMBERED
        )  # fmt: skip
        disputed = sum(numbers[_HIGHEST] in versions for numbers, versions in self._disputed.values())
        conflicts = self.found["conflicting_copies"] + disputed
        return {"missing_sequence_numbers": missing, **self.found, "conflicting_copies": conflicts}

    def note(self, seen: _Seen, name: str, row: dict[str, Any], value: bytes) -> None:
        """Count one record of a topic."""
        key: tuple[Any, ...] = ()
        if name in _NUMBERED:
            numbers, number = seen[row["entity_id"], row["ingest_date"]], row["entity_seq"]
        else:
            key = row["entity_id"], row.get("interval"), row["window_start"]
            numbers, number = seen[key], row["version"]
            if row.get("trade_count", number) != number:
                self._revised.add(key)
            self.found["rewound_versions"] += number < numbers.get(_HIGHEST, 0)
        numbers[_HIGHEST] = max(number, numbers.get(_HIGHEST, 0))
        digest = hash(value)
        if number not in numbers:
            numbers[number] = digest
        elif numbers[number] == digest:
            self.found["transport_copies"] += 1
        elif name == "bar" and key in self._revised:
            self._disputed.setdefault(key, (numbers, set()))[1].add(number)
        else:
            self.found["conflicting_copies"] += 1


def missing_numbers(seen: _Seen) -> int:
    """Return how many numbers between 1 and the highest of an (entity, ingest date) nobody has."""
    return sum(numbers[_HIGHEST] - (len(numbers) - 1) for numbers in seen.values())
