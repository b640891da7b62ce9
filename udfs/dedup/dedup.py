"""Which record is the first of its kind: the same answer for Bronze and for normalization.

Per entity, in log order:

1. transport: a record whose ``source_seq`` is not above its source's cursor is a duplicate. A cursor is the source's
   last ``source_seq``; it holds while the ingest date it was set on is at most two days behind the entity's newest.
2. identity: an id is remembered while its time is not behind ``newest - (horizon + max_skew)``. ``newest`` is the
   highest ingest time of the entity's records so far; an id's time is its event time, or its ingest time when the gate
   would not accept the event time. A record behind that window is neither first nor duplicate, for its id may be
   forgotten.
3. amendments (`udfs.gate.resubmitted`): the id of an amended record is never forgotten, for the same amendment could be
   sent again at any time; there are few. It is behind when its ingest date is more than one day behind the newest.

Only records that are no duplicates move the state. Bronze holds exactly those, so its replay meets the same states.

The state is a log of ids with an index over it, and a few numbers per entity and source. What has expired is removed
now and then, which no rule can see. Where asked for, each id carries two numbers of its first copy: the digest of its
content and its offset in the log.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import numpy as np

from udfs.dedup.names import Names
from udfs.gate.resubmitted import AMEND, PREFIX, REDRIVE, SUFFIX
from udfs.gate.topic_rules import Rules
from udfs.kernels.admitting import (
    BEHIND,
    DAY,
    DUPLICATE,
    FIRST,
    FOREVER,
    SOURCE_DAYS,
    admit,
    index_ids,
    put_cursors,
)
from udfs.kernels.identity import OTHER, identities
from udfs.kernels.slices import Bits, Codes, Longs, Octets
from udfs.state.packing import pack, unpack
from udfs.wire.envelope import Envelopes

__all__ = ["BEHIND", "DUPLICATE", "FIRST", "Dedup", "Judged"]

_SMALLEST = 1024
_COPIES = (PREFIX[REDRIVE].encode(), PREFIX[AMEND].encode())
_AMENDS, _AMENDED = PREFIX[AMEND].encode(), SUFFIX[AMEND].encode()
_NONE: Longs = np.zeros(0, dtype=np.int64)


class Judged:
    """A batch after the duplicate rules: per record its entity and source as codes, its id as numbers, the verdict.

    ``remembered`` is the entry of its id in the state, until the next batch: of a duplicate that of the first copy, -1
    if there is none. ``claims`` are the records whose sources say that they are resubmitted (`udfs.gate.resubmitted`).
    """

    __slots__ = (
        "claims", "duplicates", "entity", "id_high", "id_kind", "id_low", "in_topic", "remembered", "source", "verdict",
    )  # fmt: skip

    def __init__(
        self,
        entity: Codes,
        source: Codes,
        in_topic: Bits,
        id_kind: Bits,
        id_low: Longs,
        id_high: Longs,
        verdict: Bits,
        remembered: Codes,
        duplicates: int,
        claims: Longs,
    ) -> None:
        self.entity = entity
        self.source = source
        self.in_topic = in_topic
        self.id_kind = id_kind
        self.id_low = id_low
        self.id_high = id_high
        self.verdict = verdict
        self.remembered = remembered
        self.duplicates = duplicates
        self.claims = claims


class Dedup:
    """The state of one shard; with ``compare`` it knows of each id what its first copy says and where it lies."""

    def __init__(self, rules: Rules, *, compare: bool = False) -> None:
        self._rules = rules
        self._compare = compare
        self._venue: Octets = np.frombuffer(rules.venue.encode(), dtype=np.uint8)
        self._channel: Octets = np.frombuffer(rules.channel.encode(), dtype=np.uint8)
        self.entities = Names()
        self.sources = Names()
        self._claiming: Bits = np.zeros(0, dtype=np.int8)  # per source
        self._max_ingest: Longs = np.full(16, -1, dtype=np.int64)
        self._max_ingest_changed: Bits = np.zeros(16, dtype=np.int8)
        self._heads: Codes = np.full(16, -1, dtype=np.int32)
        self._used: Longs = np.zeros(2, dtype=np.int64)  # cursors, ids
        self._cursors(0)
        self._ids(0)
        self._carried = [0, 0, 0]  # entities, sources and ids that earlier deltas carried

    def judge(self, envelopes: Envelopes) -> Judged:
        """Judge the next records of the log, and move the state."""
        n = len(envelopes)
        env = envelopes
        entity = self.entities.codes(env.entity_ids)
        source = self.sources.codes(env.source_ids)
        self._make_room(n)
        in_topic = np.empty(n, dtype=np.int8)
        kind = np.empty(n, dtype=np.int8)
        low, high, time = (np.empty(n, dtype=np.int64) for _ in range(3))
        others = identities(
            self._venue, self._channel, self._rules.max_skew, self._rules.horizon,
            *env.event_ids.parts, *env.entity_ids.parts, *env.venues.parts, *env.channels.parts,
            env.event_time, env.ingest_time, in_topic, kind, low, high, time,
        )  # fmt: skip
        if others:
            for i in np.flatnonzero(kind == OTHER).tolist():
                hashed = blake2b(env.event_ids[i], digest_size=16).digest()
                low[i], high[i] = np.frombuffer(hashed, dtype="<i8")
        claims = self._claims(source)
        if len(claims):
            amended = claims[[_amended(env.event_ids[i], env.source_ids[i]) for i in claims.tolist()]]
            time[amended] = FOREVER
        verdict = np.empty(n, dtype=np.int8)
        remembered = np.empty(n, dtype=np.int32)
        duplicates = admit(
            self._rules.window, entity, source, env.source_seq, kind, low, high, time, env.ingest_time, verdict,
            remembered, self._used, self._max_ingest, self._max_ingest_changed, self._heads,
            self._cursor_entity, self._cursor_source, self._cursor_seq, self._cursor_day, self._cursor_next,
            self._cursor_changed,
            self._id_entity, self._id_kind, self._id_low, self._id_high, self._id_time, self._index,
        )  # fmt: skip
        return Judged(entity, source, in_topic, kind, low, high, verdict, remembered, duplicates, claims)

    def differing(self, judged: Judged, digest: Longs, offset: Longs) -> tuple[Longs, Longs, Longs]:
        """Return which records of the batch just judged are copies with other content than the first.

        Args:
            judged: what ``judge`` returned last.
            digest: of each record's content.
            offset: of each record in the log.

        Returns:
            Their positions, and digest and offset of each one's first copy.
        """
        # Not only what is FIRST: an amendment may be behind and remembered all the same.
        first = np.flatnonzero((judged.verdict != DUPLICATE) & (judged.remembered >= 0))
        self._id_digest[judged.remembered[first]] = digest[first]
        self._id_offset[judged.remembered[first]] = offset[first]
        copies = np.flatnonzero((judged.verdict == DUPLICATE) & (judged.remembered >= 0))
        entry = judged.remembered[copies]
        differ = self._id_digest[entry] != digest[copies]
        return copies[differ], self._id_digest[entry[differ]], self._id_offset[entry[differ]]

    def _claims(self, source: Codes) -> Longs:
        """Return the records whose source is that of a resubmitted one, or begins like it."""
        fresh = self.sources.names[len(self._claiming) :]
        if fresh:
            found = np.array([name.startswith(_COPIES) for name in fresh], dtype=np.int8)
            self._claiming = np.concatenate([self._claiming, found])
        return np.flatnonzero(self._claiming[source]) if self._claiming.any() else _NONE

    def _cursors(self, room: int) -> None:
        self._cursor_entity, self._cursor_source, self._cursor_next = (np.zeros(room, dtype=np.int32) for _ in range(3))
        self._cursor_seq, self._cursor_day = (np.zeros(room, dtype=np.int64) for _ in range(2))
        self._cursor_changed = np.zeros(room, dtype=np.int8)

    def _ids(self, room: int) -> None:
        self._id_entity = np.zeros(room, dtype=np.int32)
        self._id_kind = np.zeros(room, dtype=np.int8)
        self._id_low, self._id_high, self._id_time = (np.zeros(room, dtype=np.int64) for _ in range(3))
        self._id_digest, self._id_offset = (np.zeros(room if self._compare else 0, dtype=np.int64) for _ in range(2))
        self._index = np.full(1 << (room + room // 2).bit_length(), -1, dtype=np.int32)

    def _make_room(self, more: int) -> None:
        """Make room for ``more`` records; forget what has expired first."""
        while len(self.entities) > len(self._max_ingest):
            self._max_ingest = np.concatenate([self._max_ingest, np.full_like(self._max_ingest, -1)])
            self._heads = np.concatenate([self._heads, np.full_like(self._heads, -1)])
            self._max_ingest_changed = np.concatenate(
                [self._max_ingest_changed, np.zeros_like(self._max_ingest_changed)]
            )
        cursors, ids = self._used.tolist()
        if cursors + more > len(self._cursor_seq):
            self._repack_cursors(more)
        if ids + more > len(self._id_time):
            self._repack_ids(more)

    def _live_cursors(self) -> Longs:
        cursors = int(self._used[0])
        day = self._max_ingest[self._cursor_entity[:cursors]] // DAY
        return np.flatnonzero(self._cursor_day[:cursors] >= day - SOURCE_DAYS)

    def _repack_cursors(self, more: int) -> None:
        live = self._live_cursors()
        old = (self._cursor_entity[live], self._cursor_source[live], self._cursor_seq[live], self._cursor_day[live])
        changed = self._cursor_changed[live]
        self._cursors(_room(len(live) + more))
        self._heads[:] = -1
        self._put_cursors(0, *old)
        self._cursor_changed[: len(live)] = changed

    def _put_cursors(self, used: int, entity: Codes, source: Codes, seq: Longs, day: Longs) -> None:
        self._used[0] = put_cursors(
            used, entity, source, seq, day,
            self._cursor_entity, self._cursor_source, self._cursor_seq, self._cursor_day, self._cursor_next,
            self._heads,
        )  # fmt: skip

    def _live_ids(self, begin: int = 0) -> Longs:
        ids = int(self._used[1])
        edge = self._max_ingest[self._id_entity[begin:ids]] - self._rules.window
        return np.flatnonzero(self._id_time[begin:ids] >= edge) + begin

    def _repack_ids(self, more: int) -> None:
        live = self._live_ids()
        carried = int(np.searchsorted(live, self._carried[2]))
        old = self._id_columns(live)
        self._ids(_room(len(live) + more))
        self._used[1] = 0
        self._carried[2] = carried
        self._append_ids(*old)

    def _id_table(self) -> list[Any]:
        columns = [self._id_entity, self._id_kind, self._id_low, self._id_high, self._id_time]
        return [*columns, self._id_digest, self._id_offset] if self._compare else columns

    def _id_columns(self, which: Longs) -> list[Any]:
        return [column[which] for column in self._id_table()]

    def _append_ids(self, *columns: Any) -> None:
        begin = int(self._used[1])
        end = begin + len(columns[0])
        for column, values in zip(self._id_table(), columns, strict=True):
            column[begin:end] = values
        index_ids(begin, end, self._id_entity, self._id_kind, self._id_low, self._id_high, self._index)
        self._used[1] = end

    def delta(self) -> dict[str, Any]:
        """Return what changed since the last ``delta`` or ``snapshot``."""
        cursors, ids = self._used.tolist()
        changed = np.flatnonzero(self._cursor_changed[:cursors])
        moved = np.flatnonzero(self._max_ingest_changed)
        fresh = np.arange(self._carried[2], ids)
        return self._part(self._carried[0], self._carried[1], changed, moved, fresh)

    def snapshot(self) -> dict[str, Any]:
        """Return all that is not expired."""
        moved = np.arange(len(self.entities))
        return self._part(0, 0, self._live_cursors(), moved, self._live_ids())

    def _part(self, entities: int, sources: int, cursors: Longs, moved: Longs, ids: Longs) -> dict[str, Any]:
        part = {
            "entities": self.entities.names[entities:],
            "sources": self.sources.names[sources:],
            # The names of stored states: an older release reads them.
            "waters": (pack(moved), pack(self._max_ingest[moved])),
            "marks": tuple(
                pack(column[cursors])
                for column in (self._cursor_entity, self._cursor_source, self._cursor_seq, self._cursor_day)
            ),
            "ids": tuple(pack(column) for column in self._id_columns(ids)),
        }
        self._cursor_changed[:] = 0
        self._max_ingest_changed[:] = 0
        self._carried = [len(self.entities), len(self.sources), int(self._used[1])]
        return part

    def apply(self, part: dict[str, Any]) -> None:
        """Move the state by what a ``delta`` or a ``snapshot`` said; a snapshot can only be the first."""
        self.entities.extend(part["entities"])
        self.sources.extend(part["sources"])
        cursors = [unpack(column) for column in part["marks"]]
        ids = [unpack(column) for column in part["ids"]]
        moved, max_ingest = (unpack(column) for column in part["waters"])
        self._make_room(max(len(cursors[0]), len(ids[0])))
        self._max_ingest[moved] = max_ingest
        entity, source = (column.astype(np.int32) for column in cursors[:2])
        self._put_cursors(int(self._used[0]), entity, source, cursors[2], cursors[3])
        self._append_ids(*ids)
        self._carried = [len(self.entities), len(self.sources), int(self._used[1])]


def _amended(event_id: bytes, source_id: bytes) -> bool:
    return source_id.startswith(_AMENDS) and event_id.endswith(_AMENDED)


def _room(least: int) -> int:
    """Return room for half as much again, so that repacking is rare."""
    return max(_SMALLEST, least + least // 2)
