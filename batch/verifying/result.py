"""What a verification compares, and its verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from batch.ranges import Span
from batch.replaying.replay import Replayed
from batch.spark import clickhouse, topics
from batch.verifying.checks import Check
from batch.verifying.compare import Comparison, Difference
from schemas import catalog
from schemas.catalog import ADJUSTED, ADJUSTED_BAR, BARS, CLICKHOUSE, NORMALIZED
from schemas.domains import domains
from schemas.quality import Quality
from schemas.versions import Schedule

DEAD_LETTERS = catalog.dead_letters("normalization")
#: Topics of the hot path; each has records in any run that is worth a comparison.
TOPICS = {kind: catalog.topic(kind) for kind in (*NORMALIZED, *BARS)}
#: Where adjusted series are; many an installation has none.
_ADJUSTED = {
    *(catalog.topic(kind) for kind in ADJUSTED),
    *(catalog.lake_table(kind) for kind in ADJUSTED),
    f"clickhouse.{CLICKHOUSE[ADJUSTED_BAR]}",
}
STORES = ("bronze", "normalized", "low-rate", "analytics", "deadletters", "silver", "gold", "clickhouse", "adjusted")

Say = Callable[[str], None]


class StoreError(RuntimeError):
    """A store could not be read."""


@dataclass(frozen=True)
class Sources:
    """Where everything is; `clickhouse` and `kafka` may be None when no store of theirs is compared."""

    lake_uri: str
    scratch: Path
    kafka: topics.Broker | None
    clickhouse: clickhouse.Endpoint | None
    quality: Quality | None = None
    #: Which versions of behaviour hold where.
    schedule: Schedule = field(default_factory=Schedule)


@dataclass
class Verified:
    """The verdict and everything behind it; seconds per step."""

    span: Span
    entity: str | None
    replayed: Replayed
    comparisons: list[Comparison] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def differences(self) -> int:
        """Return differing keys plus checks that do not hold."""
        return sum(c.differences for c in self.comparisons) + sum(not check.holds for check in self.checks)

    @property
    def empty(self) -> list[str]:
        """Return the tables that are empty on both sides; those of rare kinds do not count."""
        rare = {*domains().topics_of("normalization"), *_ADJUSTED} - {*TOPICS.values()}
        return [c.table for c in self.comparisons if c.status == "empty" and c.table not in rare]

    @property
    def records(self) -> int:
        """Return how many replayed records were compared with a store."""
        return sum(c.replayed for c in self.comparisons)

    @property
    def first_differences(self) -> list[tuple[str, Difference]]:
        """Return the differences that are shown, each with its table."""
        return [(each.table, one) for each in self.comparisons for one in each.samples]

    def passed(self, *, fail_on_empty: bool = False) -> bool:
        """Whether everything is equal; comparing nothing at all never passes."""
        equal = all(c.status != "different" for c in self.comparisons) and self.differences == 0
        return equal and self.records > 0 and not (fail_on_empty and self.empty)
