"""Amendments: events that came too late are accepted afterwards, by records that every later replay obeys.

An amended event is the rejected one once more, in its own topic and partition, and says so: see `resubmitted`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b

from schemas import catalog
from schemas.contracts import contract
from udfs.gate.resubmitted import AMEND, source_id
from udfs.wire.avro import write_long, write_text

TOPIC = catalog.topic("amendment")
#: Why an event was rejected that came too late: for its topic's horizon, or for the ids that are remembered.
REASONS = ("late", "behind_dedup_window")
_HEADER = contract("amendment").header


@dataclass(frozen=True, slots=True)
class Amendment:
    """What was amended: the late events of an entity in [start, end), at most `horizon` behind; times in µs."""

    amendment_id: str
    entity_id: str
    start: int
    end: int
    horizon: int
    events: int

    @property
    def source_id(self) -> str:
        """The source id of the amended events' envelopes."""
        return source_id(AMEND, self.horizon, self.amendment_id)

    def key(self) -> bytes:
        """Return the Kafka key."""
        return self.entity_id.encode()

    def encode(self) -> bytes:
        """Return the Kafka value."""
        texts = [write_text(self.amendment_id), write_text(self.entity_id)]
        numbers = [write_long(number) for number in (self.start, self.end, self.horizon, self.events)]
        return b"".join([_HEADER, *texts, *numbers])


def amendment(entity_id: str, start: int, end: int, horizon: int, event_ids: Iterable[str]) -> Amendment:
    """Return the amendment of these events; its id is a function of the amended events alone."""
    ids = sorted(event_ids)
    digest = blake2b(digest_size=16)
    for text in (entity_id, str(start), str(end), str(horizon), *ids):
        digest.update(write_text(text))
    return Amendment(digest.hexdigest(), entity_id, start, end, horizon, len(ids))
