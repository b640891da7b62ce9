"""Gaps of the venues' numbers, as ``normalized.gaps.v1`` has them."""

from __future__ import annotations

from typing import Any

from runtime.config import Settings
from runtime.readers.log import decode, messages
from schemas import catalog

TOPIC = catalog.topic("gap")


def gaps(settings: Settings, entity: str | None = None) -> list[dict[str, Any]]:
    """Return the latest version of every gap, of one entity or of all, in order of entity, channel and number.

    Raises:
        CommandError: the broker does not answer.
    """
    latest: dict[str, dict[str, Any]] = {}
    for record in messages(settings, [TOPIC]):
        gap = decode("gap", record.value)
        if gap["version"] >= latest.get(gap["gap_id"], gap)["version"]:
            latest[gap["gap_id"]] = gap
    found = [gap for gap in latest.values() if entity in (None, gap["entity_id"])]
    return sorted(found, key=lambda gap: (gap["entity_id"], gap["channel"], gap["found_at"], gap["first_id"]))
