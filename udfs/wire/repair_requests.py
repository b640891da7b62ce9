"""Repair requests: which window of which entity must be recomputed, and why."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.contracts import contract
from udfs.values.times import SECOND
from udfs.wire.avro import write_long, write_text

_HEADER = contract("repair_request").header


@dataclass(frozen=True, slots=True)
class RepairRequest:
    """Events that the windows could not take; times in µs UTC.

    The window is ``length`` long and holds ``event_time``: the second that a late event lies in, or a bar's window.
    """

    entity_id: str
    kind: str
    event_time: int
    reason: str
    length: int = SECOND

    def key(self) -> bytes:
        """Return the Kafka key."""
        return self.entity_id.encode()

    def encode(self) -> bytes:
        """Return the Kafka value."""
        start = self.event_time // self.length * self.length
        fields = [
            write_text(self.entity_id),
            write_text(self.kind),
            write_long(start),
            write_long(start + self.length),
            write_long(self.event_time),
        ]
        return b"".join([_HEADER, *fields, write_text(self.reason)])
