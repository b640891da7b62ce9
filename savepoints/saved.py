"""A checkpoint or savepoint as Flink's metadata describe it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Saved:
    """Bytes of state by operator, and files that it refers to and that are not there."""

    bytes: Mapping[str, int]
    missing: tuple[str, ...] = ()

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """Return what `flink_jobs.saved.contents` has written."""
        sizes = {str(one["uid"]): int(one["bytes"]) for one in document["operators"]}
        return cls(sizes, tuple(document["missing"]))
