"""Repair requests of a round: accepted events that met dropped window state; `polyglot repair` answers them."""

from __future__ import annotations

from collections import Counter

from devstack.chaos.target import Target
from devstack.chaos.topics import TopicReader
from schemas import catalog


class Repairs:
    """Reads the requests that were not read before."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._reader = TopicReader(target.settings, catalog.topic("repair_request"), "repair_request")

    def answer(self) -> dict[str, int]:
        """Answer what is open; return the distinct requests by reason."""
        rows = [row for row, _ in self._reader.new()]
        distinct = {(row["entity_id"], row["kind"], row["event_time"], row["reason"]) for row in rows}
        if rows:
            self._target.polyglot("repair")
        return dict(sorted(Counter(reason for *_, reason in distinct).items()))
