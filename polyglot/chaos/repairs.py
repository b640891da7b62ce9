"""Repair requests of a round: accepted events that met dropped window state, and the replay that answers them."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import Any

from polyglot.chaos.target import Target
from polyglot.chaos.topics import TopicReader

_DAY_US = 86_400_000_000
_EPOCH = date(1970, 1, 1)


class Repairs:
    """Reads the requests that were not read before."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._reader = TopicReader(target.settings, "repair.analytics.v1", "repair_request")

    def answer(self) -> dict[str, int]:
        """Answer what is open; return the distinct requests by reason."""
        rows = [row for row, _ in self._reader.new()]
        distinct = {(row["entity_id"], row["kind"], row["event_time"], row["reason"]) for row in rows}
        if rows:
            replay_days(self._target, rows)
        return dict(sorted(Counter(reason for *_, reason in distinct).items()))


def replay_days(target: Target, requests: list[dict[str, Any]]) -> None:
    """Answer repair requests as an operator does: replay the days concerned and publish them."""
    entities = sorted({row["entity_id"] for row in requests})
    only = ["--entity", entities[0]] if len(entities) == 1 else []
    for day in sorted({row["window_start"] // _DAY_US for row in requests}):
        first = _EPOCH + timedelta(days=day)
        bounds = ["--from", first.isoformat(), "--to", (first + timedelta(days=1)).isoformat()]
        target.polyglot("replay", *bounds, *only, "--publish")
