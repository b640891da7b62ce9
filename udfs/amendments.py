"""Amendments: events that came too late are accepted afterwards, by records that every later replay obeys.

An amended event is the rejected one once more, in its own topic and partition: the payload untouched, the event id with
``~amended`` behind it, the ingest time of the log's present, and a source id that states the horizon it is accepted
under: ``amend:<horizon in µs>:<amendment id>``. So the gate still decides by the record and its contract alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b

from schemas.contracts import contract
from udfs.rejects import Reject, shown
from udfs.times import DAY
from udfs.wire import write_long, write_text

TOPIC = "amendment.ingestion.v1"
PREFIX = "amend:"
SUFFIX = "~amended"
#: No amendment reaches further back, µs.
MAX_HORIZON = 3_653 * DAY
_HEADER = contract("amendment").header
_SOURCE = re.compile(r"amend:([1-9][0-9]{0,17}):[0-9a-f]{32}", re.ASCII)


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
        return f"{PREFIX}{self.horizon}:{self.amendment_id}"

    def key(self) -> bytes:
        """Return the Kafka key."""
        return self.entity_id.encode()

    def encode(self) -> bytes:
        """Return the Kafka value."""
        texts = [write_text(self.amendment_id), write_text(self.entity_id)]
        numbers = [write_long(number) for number in (self.start, self.end, self.horizon, self.events)]
        return b"".join([_HEADER, *texts, *numbers])


def amendment(entity_id: str, start: int, end: int, horizon: int, event_ids: Iterable[str]) -> Amendment:
    """Return the amendment of these events; its id is a function of what is amended, and of nothing else."""
    ids = sorted(event_ids)
    digest = blake2b(digest_size=16)
    for text in (entity_id, str(start), str(end), str(horizon), *ids):
        digest.update(write_text(text))
    return Amendment(digest.hexdigest(), entity_id, start, end, horizon, len(ids))


def stated_horizon(source_id: str) -> int | None:
    """Return the horizon, µs, that an amended record's source id states; None: it is an ordinary source.

    Raises:
        Reject: it begins as an amendment's does, and is none.
    """
    if not source_id.startswith(PREFIX):
        return None
    match = _SOURCE.fullmatch(source_id)
    if not match:
        expected = f"{PREFIX}<horizon in µs>:<32 hex digits>"
        raise Reject("bad_amendment", f"source_id: expected {expected}, got {shown(source_id)}")
    horizon = int(match[1])
    if horizon > MAX_HORIZON:
        raise Reject("bad_amendment", f"source_id: a horizon of {horizon} µs, at most {MAX_HORIZON}")
    return horizon


def original_id(event_id: str) -> str:
    """Return the id of the event that an amended one stands for."""
    return event_id.removesuffix(SUFFIX)
