"""What ``domains.toml`` says about one raw topic, as the kernels need it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from schemas.contracts import contract
from schemas.domains import UNASSIGNED, domains, raw_topic
from udfs.values.times import DAY
from udfs.venues import DIALECTS, Dialect, binance


@dataclass(frozen=True)
class Rules:
    """One raw topic: who speaks in it, what it is normalized to, and its gate of time (µs).

    ``sequenced``: the venue numbers an instrument's events without a hole; a hole is reported when the entity's log is
    ``gap_grace`` further on.
    """

    topic: str
    venue: str
    channel: str
    kind: str
    dialect: Dialect
    dialect_name: str
    max_skew: int
    horizon: int
    sequenced: bool
    gap_grace: int

    @property
    def window(self) -> int:
        """How far behind the newest ingest time an id is remembered, µs."""
        return self.horizon + self.max_skew

    @property
    def gap_jump(self) -> int:
        """How many numbers can be missing at once: more, and the venue numbers anew.

        Ten million trades are a day of the busiest instrument; a thousand million changes of a book are hours.
        """
        return 1_000_000_000 if self.channel == "depth" else 10_000_000

    @property
    def days_kept(self) -> int:
        """How many ingest dates before the newest one an accepted record can still have."""
        return (self.window + self.max_skew) // DAY + 2

    @property
    def suffix(self) -> str:
        """What an entity id of this topic ends with, behind the symbol."""
        return binance.AGGREGATE if self.channel == "agg_trade" else ""

    @property
    def venue_ids(self) -> bool:
        """Whether the venue numbers its events."""
        return self.dialect_name != "kraken"

    @property
    def contract_label(self) -> str:
        """The contract that a rejected record did not meet."""
        return contract(self.kind or "raw_envelope").label


@lru_cache(maxsize=256)
def rules(topic: str) -> Rules:
    """Return the rules of a raw topic.

    Raises:
        KeyError: ``domains.toml`` has no such raw topic.
    """
    found = domains()
    for venue in found.venues.values():
        for channel, kind in {**venue.channels, UNASSIGNED: ""}.items():
            if raw_topic(venue.name, channel) == topic:
                spec = found.topics[topic]
                return Rules(
                    topic=topic,
                    venue=venue.name,
                    channel=channel,
                    kind=kind,
                    dialect=DIALECTS[venue.dialect],
                    dialect_name=venue.dialect,
                    max_skew=spec.max_skew_ms * 1_000,
                    horizon=spec.horizon_ms * 1_000,
                    sequenced=channel in venue.sequences,
                    gap_grace=spec.gap_grace_ms * 1_000,
                )
    raise KeyError(f"no raw topic {topic!r} in domains.toml")
