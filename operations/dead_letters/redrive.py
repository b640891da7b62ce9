"""Dead letters sent again after a fix of code, contract or rules: new raw records, which every job judges anew.

How a copy says what it is, and what a replay makes of its original, is in ``udfs.gate.resubmitted``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from collectors.producer import RawProducer
from operations.dead_letters.listing import DeadLetterEntry
from runtime.config import Settings
from udfs.gate.amendments import REASONS as TOO_LATE
from udfs.gate.resubmitted import (
    AMEND,
    REDRIVE,
    SUFFIX,
    Resubmitted,
    copy_id,
    digest_of,
    original_id,
    redriven,
    resubmitted,
)
from udfs.ingest.conflicts import REASON as CONFLICT
from udfs.values.rejects import Reject
from udfs.wire.envelope import encode_one

#: Reasons for which no record is sent again, and why.
FINAL = {
    CONFLICT: "the first copy of its event id counts, whatever it says",
    **dict.fromkeys(TOO_LATE, "polyglot amend takes it, unless its event is there already"),
    **dict.fromkeys(("future", "bad_amendment"), "it would be so again"),
}


@dataclass(frozen=True)
class Known:
    """What Bronze knows.

    ``newest``: ingest time, µs, by (topic, entity). Of redriven records ``ids``, (topic, entity, event id), and
    ``digests`` of what they are copies of. ``amended``: (topic, entity, original event id) of what was amended.
    """

    newest: dict[tuple[str, str], int]
    ids: frozenset[tuple[str, str, str]] = frozenset()
    digests: frozenset[str] = frozenset()
    amended: frozenset[tuple[str, str, str]] = frozenset()


@dataclass(frozen=True)
class Copy:
    """A raw record to be sent."""

    topic: str
    key: str
    value: bytes
    event_time: int
    event_id: str
    original_id: str
    reason: str


@dataclass(frozen=True)
class Skipped:
    """A dead letter that is not sent again, and why."""

    dead_letter_id: str
    why: str


def copies(found: Iterable[DeadLetterEntry], known: Known) -> tuple[list[Copy], list[Skipped]]:
    """Return the records to send, in the order in which they first came, and what cannot be sent again."""
    sent: list[tuple[int, Copy]] = []
    skipped: list[Skipped] = []
    taken = set(known.ids)
    for letter in found:
        if why := _obstacle(letter, known):
            skipped.append(Skipped(letter.dead_letter_id, why))
            continue
        copy = _next(letter, taken)
        taken.add((letter.topic, letter.entity_id, copy.copy_id))
        sent.append((copy.micros, _copy(letter, copy, known)))
    return [copy for _, copy in sorted(sent, key=lambda one: one[0])], skipped


def _obstacle(letter: DeadLetterEntry, known: Known) -> str:
    if why := FINAL.get(letter.reason, ""):
        return f"{letter.reason}: {why}"
    if letter.domain != "normalization":
        return "it is no envelope: there is no record to judge again; have its source send a right one"
    event = (letter.topic, letter.entity_id, original_id(letter.dead_letter_id))
    if event in known.amended and SUFFIX[AMEND] not in letter.dead_letter_id:
        return "another copy of its event, which came too late, was amended"
    if digest_of(letter.record) in known.digests:
        return "it was redriven before"
    return "" if letter.envelope is not None else "its record is not readable as an envelope"


def _next(letter: DeadLetterEntry, taken: set[tuple[str, str, str]]) -> Resubmitted:
    """Return the copy that follows a dead letter: of its original, when it is a redriven copy itself."""
    envelope = letter.envelope or {}
    original, received = str(envelope["event_id"]), int(envelope["ingest_time"])
    try:
        before = resubmitted(original, str(envelope["source_id"]))
    except Reject:
        before = None
    if before is not None and before.kind == REDRIVE:
        original, received = before.event_id, before.micros
    number = 1
    while (letter.topic, letter.entity_id, copy_id(REDRIVE, original, number)) in taken:
        number += 1
    return redriven(original, number, received, Reject(letter.reason, letter.detail), letter.record)


def _copy(letter: DeadLetterEntry, copy: Resubmitted, known: Known) -> Copy:
    row = letter.envelope or {}
    newest = max(known.newest.get((letter.topic, letter.entity_id), 0), int(row["ingest_time"]))
    value = encode_one(
        copy.copy_id, row["entity_id"], row["venue"], row["channel"], row["event_time"], row["event_time_source"],
        newest, copy.source_id, copy.number, row["payload"],
    )  # fmt: skip
    return Copy(
        letter.topic, letter.entity_id, value, letter.event_time, copy.copy_id, letter.dead_letter_id, letter.reason
    )


def send(settings: Settings, records: Sequence[Copy]) -> int:
    """Send the copies and wait until the broker has them all.

    Raises:
        CommandError: no broker, or a record was not taken.
    """
    producer = RawProducer(settings.kafka)
    producer.connect(sorted({record.topic for record in records}))
    with producer.closing():
        producer.send(
            [record.topic for record in records],
            [record.key for record in records],
            [record.value for record in records],
            [record.event_time // 1000 for record in records],
            len(records),
        )
    return producer.acked
