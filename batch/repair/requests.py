"""Repair requests, coalesced: what must be replayed, and which of its bars are then published.

A request names a window. Requests of one entity and kind that touch the same days, or days side by side, become one
range of whole UTC days, for a day's bar needs the whole day; entities with the same range are replayed together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from batch.ranges import Span
from schemas.catalog import DAY
from schemas.domains import domains
from udfs.values.times import plausible

Kind = Literal["trade", "quote"]
KINDS: tuple[Kind, ...] = ("trade", "quote")
#: A window holds a revision and has changed: it is named itself, and each window around it asks for itself.
REVISED = "revised"
#: Numbers are missing: which events they had is not known, so the days around are published whole.
SEQUENCE_GAP = "sequence_gap"
#: No window of ours is longer, and nothing restates more at once, µs.
MAX_WINDOW = 400 * DAY


@dataclass(frozen=True)
class Request:
    """A window of an entity to recompute, [start, end) in µs UTC, and why."""

    entity_id: str
    kind: Kind
    start: int
    end: int
    reason: str

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Request:
        """Read a record of the ``repair_request`` contract.

        Raises:
            ValueError: it asks for nothing that could be replayed.
        """
        start, end, kind = record["window_start"], record["window_end"], record["kind"]
        if kind not in KINDS:
            raise ValueError(f"kind: expected one of {', '.join(KINDS)}, got {kind[:40]!r}")
        if not record["entity_id"]:
            raise ValueError("entity_id: empty")
        if not (plausible(start) and start < end <= start + MAX_WINDOW):
            raise ValueError(f"no usable window: [{start}, {end})")
        return cls(record["entity_id"], kind, start, end, record["reason"])


@dataclass(frozen=True)
class Task:
    """One replay: `span` is whole days; `windows` are (entity, start, end), sorted, none touching the next.

    Bars are published that overlap a window or are one of the windows in `exact` (sorted, each once), and for the
    entities in `lost` the normalized records, too.
    """

    kind: Kind
    span: Span
    windows: tuple[tuple[str, int, int], ...]
    lost: tuple[str, ...] = ()
    exact: tuple[tuple[str, int, int], ...] = ()

    @property
    def entities(self) -> tuple[str, ...]:
        return tuple(sorted({entity for entity, _, _ in (*self.windows, *self.exact)}))


def coalesce(requests: Iterable[Request]) -> list[Task]:
    """Return the replays that answer all of these requests; each window is in exactly one of them."""
    windows: dict[tuple[Kind, str], list[tuple[int, int]]] = defaultdict(list)
    exact: dict[tuple[Kind, str], set[tuple[int, int]]] = defaultdict(set)
    lost: set[tuple[Kind, str]] = set()
    for request in requests:
        owner = (request.kind, request.entity_id)
        if request.reason == REVISED:
            exact[owner].add((request.start, request.end))
            continue
        windows[owner].append(_window(request))
        if request.reason == SEQUENCE_GAP:
            lost.add(owner)
    grouped: dict[tuple[Kind, int, int], tuple[list[tuple[str, int, int]], ...]] = defaultdict(lambda: ([], []))
    for kind, entity in windows.keys() | exact.keys():
        found = _merged(windows[kind, entity]), sorted(exact[kind, entity])
        for first, last in _merged([(start // DAY, -(-end // DAY)) for each in found for start, end in each]):
            for inside, each in zip(grouped[kind, first, last], found, strict=True):
                inside += [(entity, a, b) for a, b in each if first * DAY <= a < last * DAY]
    tasks = []
    for (kind, first, last), (around, themselves) in sorted(grouped.items()):
        owners = sorted({entity for entity, _, _ in around if (kind, entity) in lost})
        span = Span(first * DAY, last * DAY)
        tasks.append(Task(kind, span, tuple(sorted(around)), tuple(owners), tuple(sorted(themselves))))
    return tasks


def _window(request: Request) -> tuple[int, int]:
    if request.reason != SEQUENCE_GAP:
        return request.start, request.end
    reach = 1_000 * domains().lateness_ms()
    return (request.start - reach) // DAY * DAY, -(-(request.end + reach) // DAY) * DAY


def _merged(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the union of half-open ranges as few as possible, in order."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged
