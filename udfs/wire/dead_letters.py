"""Rejected records, whole, with their reason."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

from schemas.contracts import contract
from udfs.wire.avro import write_bytes, write_long, write_text

_HEADER = contract("dead_letter").header


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One record of the ``dead_letter`` contract; ``event_time`` in µs UTC, ``record`` the rejected Kafka value."""

    dead_letter_id: str
    domain: str
    topic: str
    entity_id: str
    reason: str
    detail: str
    contract: str
    event_time: int
    record: bytes

    def key(self) -> bytes:
        """Return the Kafka key."""
        return self.dead_letter_id.encode()

    def encode(self) -> bytes:
        """Return the Kafka value."""
        return b"".join(
            (
                _HEADER,
                write_text(self.dead_letter_id),
                write_text(self.domain),
                write_text(self.topic),
                write_text(self.entity_id),
                write_text(self.reason),
                write_text(self.detail),
                write_text(self.contract),
                write_long(self.event_time),
                write_bytes(self.record),
            )
        )


def id_of_bytes(topic: str, value: bytes) -> str:
    """Return the id of a record that has no event id of its own."""
    return f"{topic}:{blake2b(value, digest_size=16).hexdigest()}"
