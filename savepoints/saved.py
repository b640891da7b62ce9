"""A checkpoint or savepoint as Flink's metadata describe it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Saved:
    """Bytes of state by operator, and files that it refers to and that are not there.

    ``offsets``: by source, the next offset of each (topic, partition).
    """

    bytes: Mapping[str, int]
    missing: tuple[str, ...] = ()
    offsets: Mapping[str, Mapping[tuple[str, int], int]] = field(default_factory=dict)

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """Return what `flink_jobs.saved.contents` has written."""
        sizes = {str(one["uid"]): int(one["bytes"]) for one in document["operators"]}
        offsets = {  # an older release does not write them
            str(one["uid"]): {(topic, int(part)): int(offset) for topic, part, offset in one["offsets"]}
            for one in document["operators"]
            if one.get("offsets")
        }
        return cls(sizes, tuple(document["missing"]), offsets)
