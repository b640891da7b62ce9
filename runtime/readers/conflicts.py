"""Both contents of a conflict: its dead letter carries the second copy and says where in the log the first one lies."""

from __future__ import annotations

from typing import Any

from runtime.config import Settings
from runtime.readers.log import value_at
from udfs.ingest.conflicts import REASON, LogPosition, position_of_first
from udfs.wire.envelope import decode


def first_position(letter: dict[str, Any]) -> LogPosition | None:
    """Return where in the log the first copy lies; None for a dead letter whose ``reason`` is not ``conflict``."""
    return position_of_first(letter["detail"]) if letter["reason"] == REASON else None


def first_copy(settings: Settings, letter: dict[str, Any]) -> bytes | None:
    """Return the first copy's Kafka value (a raw envelope) of a dead letter whose ``reason`` is ``conflict``.

    None for a letter of another reason, and when the raw topic does not have it any more: Bronze still has the row
    then, under the same topic, partition and offset (``batch.spark.bronze.envelope_at``).

    Raises:
        CommandError: the broker does not answer.
    """
    position = first_position(letter)
    value = value_at(settings, *position) if position else None
    return value if value is not None and _same_event(value, letter["record"]) else None


def _same_event(first: bytes, second: bytes) -> bool:
    """Tell whether both have one event id: in a topic that was made anew, another record lies at the place."""
    envelopes, _, bad = decode([first, second])
    return not bad and envelopes.event_id[0] == envelopes.event_id[1]
