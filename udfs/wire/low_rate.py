"""Records of low-rate topics: flags, gaps, cancels, corrections and facts. Rare, so one object each is affordable."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LowRateRecord:
    """A record of one of the domain's low-rate topics, ready for the wire; ``event_time`` in µs UTC."""

    topic: str
    key: bytes
    event_time: int
    value: bytes
