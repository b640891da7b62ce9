"""The manifest of a simulated run: exact counts of what it must become, to compare with what came out."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

from collectors.sim.faults import FAULTS
from collectors.sim.spec import VENUE, SimSpec
from schemas.domains import domains, raw_topic


@dataclass
class Manifest:
    """Exact counts of the frames emitted so far (copies that a run ends before are not counted)."""

    spec: SimSpec
    frames: int = 0
    duplicates: int = 0
    first_receive_us: int = 0
    last_receive_us: int = 0
    good: Counter[str] = field(default_factory=Counter)  # channel → first copies that the gate accepts
    faults: Counter[str] = field(default_factory=Counter)  # fault → frames
    topics: Counter[str] = field(default_factory=Counter)  # channel → frames with copies
    unique_topics: Counter[str] = field(default_factory=Counter)  # channel → distinct event ids

    def document(self) -> dict[str, Any]:
        """Return it for JSON.

        ``frames = unique + duplicates`` and ``unique = normalized + not_normalized + dead letters``.
        """
        kinds = domains().venues[VENUE].channels
        reasons: Counter[str] = Counter()
        for fault, count in self.faults.items():
            reasons[FAULTS[fault][0]] += count
        normalized: Counter[str] = Counter({"trade": 0, "quote": 0})
        for channel, count in self.good.items():
            if kinds[channel]:
                normalized[kinds[channel]] += count
        return {
            "source_id": self.spec.source_id,
            "spec": asdict(self.spec),
            "frames": self.frames,
            "unique": self.frames - self.duplicates,
            "duplicates": self.duplicates,
            "normalized": dict(normalized),
            "not_normalized": sum(count for channel, count in self.good.items() if not kinds[channel]),
            "dead_letters": dict(sorted(reasons.items())),
            "malformed": dict(sorted(self.faults.items())),
            "topics": {raw_topic(VENUE, channel): count for channel, count in sorted(self.topics.items())},
            "unique_per_topic": {raw_topic(VENUE, ch): count for ch, count in sorted(self.unique_topics.items())},
            "first_receive_us": self.first_receive_us,
            "last_receive_us": self.last_receive_us,
        }
