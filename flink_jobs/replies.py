"""What kernels return, as the records of a reply."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from udfs import envelope
from udfs.blocks import NO_TIME, Part, Records, reply
from udfs.dead_letters import DeadLetter
from udfs.normalize import Normalizer


def dead_letter_records(topic: str, letters: Sequence[DeadLetter]) -> list[Records]:
    """Return dead letters; one without a time gets the client's."""
    if not letters:
        return []
    records = [(letter.event_time // 1000 or NO_TIME, letter.key(), letter.encode()) for letter in letters]
    return [Records.of(topic, records)]


def normalized_records(fold: Normalizer, part: Part) -> list[Records]:
    """Fold one part of a block into records for the wire sink.

    Values that are no envelope are the ingest job's dead letters, not this one's.
    """
    envelopes, _, _ = envelope.decode(part.values)
    out = fold.process(envelopes)
    found = dead_letter_records("deadletter.normalization.v1", out.dead_letters)
    for target, kind in (("normalized.trade.v1", out.trades), ("normalized.quote.v1", out.quotes)):
        if len(kind):  # a topic's records are of one kind
            found.append(Records(target, kind.event_time // 1000, kind.entity_ids, kind.wire()))
    side: dict[str, list[tuple[int, bytes, bytes]]] = {}
    for record in out.side:
        side.setdefault(record.topic, []).append((record.event_time // 1000, record.key, record.value))
    return found + [Records.of(topic, records) for topic, records in side.items()]


def joined(parts: Iterable[list[Records]]) -> tuple[bytes]:
    """Return the reply to a block, as the one field of the output."""
    return (reply(records for part in parts for records in part),)
