"""The dead letter of a conflict: the second copy whole, and where in the log the first one lies."""

from __future__ import annotations

import re
from typing import NamedTuple

from schemas.contracts import contract
from udfs.wire.dead_letters import DeadLetter

REASON = "conflict"
_MASK = (1 << 64) - 1
_FIRST = re.compile(r"the first copy is at (\S+)\[(\d+)\]@(\d+)\b")


class LogPosition(NamedTuple):
    """Where a record lies in Kafka."""

    topic: str
    partition: int
    offset: int


def conflict(
    row: tuple[str, str, str, str, int, str, int, str, int, bytes],
    value: bytes,
    digest: int,
    first: LogPosition,
    first_digest: int,
) -> DeadLetter:
    """Return the dead letter of an envelope whose event id was there before, with other content.

    Args:
        row: the envelope, in the contract's order.
        value: its Kafka value.
        digest: of its content.
        first: where the first copy lies.
        first_digest: of the first copy's content.
    """
    return DeadLetter(
        # The copies of one id may differ among themselves: each other content is a dead letter of its own.
        dead_letter_id=f"{row[0]}:{REASON}:{digest & _MASK:016x}",
        domain="ingestion",
        topic=first.topic,
        entity_id=row[1],
        reason=REASON,
        detail=(
            f"other content under the same event id: the first copy is at {first.topic}[{first.partition}]"
            f"@{first.offset}, digest {first_digest & _MASK:016x}, this one's is {digest & _MASK:016x}"
        ),
        contract=contract("raw_envelope").label,
        event_time=row[4],
        record=value,
    )


def position_of_first(detail: str) -> LogPosition | None:
    """Return where the first copy lies, from the ``detail`` of a conflict's dead letter; None for others."""
    found = _FIRST.search(detail)
    return LogPosition(found[1], int(found[2]), int(found[3])) if found else None
