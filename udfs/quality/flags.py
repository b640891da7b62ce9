"""Flags: records that mark other records as suspicious."""

from __future__ import annotations

from dataclasses import dataclass

from schemas import catalog
from schemas.contracts import contract
from udfs.wire.avro import write_long, write_text
from udfs.wire.low_rate import LowRateRecord

_HEADER = contract("quality_flag").header
TOPIC = catalog.topic("quality_flag")


@dataclass(frozen=True, slots=True)
class QualityFlag:
    """One record of the ``quality_flag`` contract; ``event_time`` in µs UTC."""

    rule: str
    topic: str
    entity_id: str
    event_id: str
    event_time: int
    observed: str
    expected: str

    def record(self) -> LowRateRecord:
        """Return the record, ready for the wire."""
        texts = [write_text(text) for text in (self.rule, self.topic, self.entity_id, self.event_id)]
        value = b"".join(
            (_HEADER, *texts, write_long(self.event_time), write_text(self.observed), write_text(self.expected))
        )
        return LowRateRecord(TOPIC, self.entity_id.encode(), self.event_time, value)
