"""Gaps: numbers that the venue gave and the log does not have, per entity of a densely numbered channel.

A frame carries the numbers ``first`` … ``last``: its own id twice, or the update ids of a depth frame. It counts when
it is what its envelope says and no duplicate, whether the gate accepts its content and its time or not: a gap is what
Bronze lacks. Per entity, in log order:

1. The first frame opens no gap. One that begins more than one above the highest number so far does: all between is
   missing. Frames that come later take their numbers out of it, whatever their time.
2. A gap is published when the newest ingest time of the entity's frames (``max_ingest``) is more than the grace after
   what it was when the gap was found, and something of it is still missing: until then it may be mere disorder. From
   then on each batch that fills some of it publishes it anew. Its ``version`` is 1 and how many of its numbers came
   since it was found, so a version has one content.
3. A gap longer than ``Rules.gap_jump`` means that the venue numbers anew. It is published at once and for good
   (``jump``). A frame more than that *below* the highest number, of a time that is still remembered, means the same,
   and opens no gap. In both cases the open gaps of before are given up.
4. A gap is given up, too, when ``Rules.days_kept`` ingest dates have passed since, and the oldest one when an entity
   has more than `MOST` ranges missing. Given up means: published if it was not yet, and never again.

How often a gap is published between its first and its last version depends on how the log is cut; the last one does
not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from schemas import catalog
from schemas.contracts import contract
from udfs.gate.topic_rules import Rules
from udfs.kernels.following import (
    CLOSED,
    ENTITY,
    FOREVER,
    GIVEN_UP,
    JUMP,
    OPEN,
    ROWS,
    TOUCHED,
    WHAT,
    follow,
    list_pieces,
    put_pieces,
)
from udfs.kernels.slices import Codes, Longs
from udfs.state.packing import pack, unpack
from udfs.wire.avro import write_long, write_text
from udfs.wire.low_rate import LowRateRecord

TOPIC = catalog.topic("gap")
#: Ranges missing of one entity that are followed at once.
MOST = 1000
#: Ranges that a record spells out.
SPELLED = 20
_HEADER = contract("gap").header
_ENTITY_COLUMNS = ("_high", "_max_ingest", "_due", "_heads", "_counts", "_changed", "_moved", "_spoken")
_FRESH = (-1, -1, FOREVER, -1, 0, 0, 0, 0)


class Gaps:
    """The gaps of one shard; codes of entities are those of the shard's ``Dedup``."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._high, self._max_ingest, self._due = (np.full(16, fresh, dtype=np.int64) for fresh in _FRESH[:3])
        self._heads, self._counts = (np.full(16, fresh, dtype=np.int32) for fresh in _FRESH[3:5])
        self._changed, self._moved, self._spoken = (np.zeros(16, dtype=np.int8) for _ in range(3))
        self._pieces: Longs = np.zeros((ROWS, 64), dtype=np.int64)
        self._chain: Codes = np.full(64, -1, dtype=np.int32)
        self._used: Longs = np.array([0, -1], dtype=np.int64)

    def fold(
        self, names: list[bytes], entity: Codes, first: Longs, last: Longs, event_time: Longs, ingest_time: Longs
    ) -> list[LowRateRecord]:
        """Follow the next records of the log; those with ``first < 0`` take no part. Return the records to publish."""
        self._make_room(len(names), len(entity))
        report = np.empty((ROWS + 2, int(self._used[0]) + len(entity)), dtype=np.int64)
        rows = follow(
            self._rules.window, self._rules.gap_grace, self._rules.gap_jump, self._rules.days_kept, MOST,
            entity, first, last, event_time, ingest_time,
            self._high, self._max_ingest, self._due, self._heads, self._counts, self._changed, self._moved,
            self._spoken,
            self._pieces, self._chain, self._used, report,
        )  # fmt: skip
        spoken = np.flatnonzero(self._spoken)
        if not rows and not len(spoken):
            return []
        live = self._listed(spoken)
        entities = np.repeat(spoken, self._counts[spoken])
        found = [
            *_gaps(report[:ROWS, :rows], report[ENTITY, :rows], report[WHAT, :rows]),
            *_gaps(live, entities, np.full(len(entities), OPEN)),
        ]
        self._spoken[:] = 0
        self._pieces[TOUCHED] = 0
        return [self._record(names[code], gap, ranges, reason) for code, gap, ranges, reason in found]

    def _record(self, entity: bytes, gap: _Gap, ranges: list[tuple[int, int]], reason: str) -> LowRateRecord:
        first, last, found_at, event_time = gap
        name, rules = entity.decode(), self._rules
        remaining = sum(b - a + 1 for a, b in ranges)
        spelled = [str(a) if a == b else f"{a}-{b}" for a, b in sorted(ranges)[:SPELLED]]
        fields = [
            write_text(f"{name}:{rules.channel}:{first}-{last}@{found_at}"),
            write_text(name),
            write_text(rules.venue),
            write_text(rules.channel),
            write_text(reason),
            *map(write_long, (first, last, remaining)),
            write_text(",".join([*spelled, *(["..."] if len(ranges) > SPELLED else [])])),
            *map(write_long, (event_time, found_at, last - first + 2 - remaining)),
        ]
        return LowRateRecord(TOPIC, entity, event_time, b"".join([_HEADER, *fields]))

    def _listed(self, which: Longs) -> Longs:
        out = np.empty((ROWS, int(self._counts[which].sum())), dtype=np.int64)
        list_pieces(which.astype(np.int32), self._heads, self._pieces, self._chain, out)
        return out

    def _make_room(self, entities: int, pieces: int) -> None:
        while entities > len(self._high):
            for name, fresh in zip(_ENTITY_COLUMNS, _FRESH, strict=True):
                column = getattr(self, name)
                setattr(self, name, np.concatenate([column, np.full_like(column, fresh)]))
        while int(self._used[0]) + pieces > len(self._chain):
            self._pieces = np.concatenate([self._pieces, np.zeros_like(self._pieces)], axis=1)
            self._chain = np.concatenate([self._chain, np.full_like(self._chain, -1)])

    def delta(self) -> tuple[Any, ...]:
        """Return what changed since the last ``delta`` or ``snapshot``."""
        return self._part(np.flatnonzero(self._changed), np.flatnonzero(self._moved))

    def snapshot(self) -> tuple[Any, ...]:
        """Return the whole state."""
        return self._part(np.flatnonzero(self._high >= 0), np.flatnonzero(self._counts))

    def _part(self, entities: Longs, moved: Longs) -> tuple[Any, ...]:
        self._changed[:] = 0
        self._moved[:] = 0
        columns = [entities, self._high[entities], self._max_ingest[entities], moved, self._counts[moved]]
        return tuple(map(pack, [*columns, *self._listed(moved)[:TOUCHED]]))

    def apply(self, entities: int, part: Any) -> None:
        """Set the state to what a ``delta`` or a ``snapshot`` said; ``entities`` is how many entities there are."""
        which, high, max_ingest, moved, sizes, *columns = map(unpack, part)
        rows = np.zeros((ROWS, len(columns[0])), dtype=np.int64)
        rows[:TOUCHED] = columns
        self._make_room(entities, rows.shape[1])
        self._high[which], self._max_ingest[which] = high, max_ingest
        put_pieces(
            moved.astype(np.int32), sizes.astype(np.int32), rows,
            self._due, self._heads, self._counts, self._pieces, self._chain, self._used,
        )  # fmt: skip


#: Range as found, when it was found, event time of the frame that showed it.
_Gap = tuple[int, int, int, int]


def _gaps(pieces: Longs, entities: Longs, what: Longs) -> Iterator[tuple[int, _Gap, list[tuple[int, int]], str]]:
    """Yield the gaps to publish: entity, gap, the numbers still missing, reason.

    ``what`` says why a piece is reported; `OPEN`: it is still followed.
    """
    found: dict[tuple[int, _Gap], tuple[list[tuple[int, int]], bool, str]] = {}
    columns = zip(*pieces.tolist(), strict=True)
    for entity, why, (first, last, gap_first, gap_last, found_at, event_time, published, touched) in zip(
        entities.tolist(), what.tolist(), columns, strict=True
    ):
        gap = (gap_first, gap_last, found_at, event_time)
        ranges, news, _ = found.get((entity, gap), ([], False, ""))
        if why != CLOSED:
            ranges.append((first, last))
        news |= why in (CLOSED, JUMP) or (touched == 1 if published else why == GIVEN_UP)
        found[entity, gap] = ranges, news, "jump" if why == JUMP else "missing"
    for (entity, gap), (ranges, news, reason) in found.items():
        if news:
            yield entity, gap, ranges, reason
