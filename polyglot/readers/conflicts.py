"""Both contents of a conflict: its letter carries the second copy and says where in the log the first one lies."""

from __future__ import annotations

from typing import Any

from polyglot.config import Settings
from polyglot.readers.log import value_at
from udfs.conflicts import place_of_first


def first_copy(settings: Settings, letter: dict[str, Any]) -> bytes | None:
    """Return the first copy's Kafka value (a raw envelope) of a dead letter whose ``reason`` is ``conflict``.

    None for a letter of another reason, and when retention has cut the raw topic: Bronze still has the row then, under
    the same topic, partition and offset.

    Raises:
        KafkaException: the broker cannot be read.
    """
    place = place_of_first(letter["detail"]) if letter["reason"] == "conflict" else None
    return value_at(settings, *place) if place else None
