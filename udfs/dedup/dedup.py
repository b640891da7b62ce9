"""Which record is the first of its kind: the same answer for Bronze and for normalization.

Per entity, in log order:

1. transport: a record whose ``source_seq`` is not above the mark of its source is a duplicate. A mark is its source's
   last ``source_seq``; it holds while the ingest date it was set on is at most two days behind the high water's.
2. identity: an id is remembered while its time is not behind ``high water - (horizon + max_skew)``. The high water is
   the newest ingest time of the entity's records so far; an id's time is its event time, or its ingest time when the
   gate would not accept the event time. A record behind that window is neither first nor duplicate, for its id may be
   forgotten.
3. amendments (`udfs.gate.resubmitted`): the id of an amended record is never forgotten, for the same amendment could be
   sent again at any time; there are few. It is behind when its ingest date is more than one day behind the high
   water's.

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
    put_marks,
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
    """The state of one shard; with ``places`` it knows of each id what its first copy says and where it lies."""

    def __init__(self, rules: Rules, *, places: bool = False) -> None:
        self._rules = rules
        self._places = places
        self._venue: Octets = np.frombuffer(rules.venue.encode(), dtype=np.uint8)
        self._channel: Octets = np.frombuffer(rules.channel.encode(), dtype=np.uint8)
        self.entities = Names()
        self.sources = Names()
        self._claiming: Bits = np.zeros(0, dtype=np.int8)  # per source
        self._water: Longs = np.full(16, -1, dtype=np.int64)
        self._water_changed: Bits = np.zeros(16, dtype=np.int8)
        self._heads: Codes = np.full(16, -1, dtype=np.int32)
        self._used: Longs = np.zeros(2, dtype=np.int64)  # marks, ids
        self._marks(0)
        self._ids(0)
        self._told = [0, 0, 0]  # entities, sources and ids that earlier deltas carried

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
            remembered, self._used, self._water, self._water_changed, self._heads,
            self._mark_entity, self._mark_source, self._mark_seq, self._mark_day, self._mark_next, self._mark_changed,
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

    def _marks(self, room: int) -> None:
        self._mark_entity, self._mark_source, self._mark_next = (np.zeros(room, dtype=np.int32) for _ in range(3))
        self._mark_seq, self._mark_day = (np.zeros(room, dtype=np.int64) for _ in range(2))
        self._mark_changed = np.zeros(room, dtype=np.int8)

    def _ids(self, room: int) -> None:
        self._id_entity = np.zeros(room, dtype=np.int32)
        self._id_kind = np.zeros(room, dtype=np.int8)
        self._id_low, self._id_high, self._id_time = (np.zeros(room, dtype=np.int64) for _ in range(3))
        self._id_digest, self._id_offset = (np.zeros(room if self._places else 0, dtype=np.int64) for _ in range(2))
        self._index = np.full(1 << (room + room // 2).bit_length(), -1, dtype=np.int32)

    def _make_room(self, more: int) -> None:
        """Make room for ``more`` records; forget what has expired first."""
        while len(self.entities) > len(self._water):
            self._water = np.concatenate([self._water, np.full_like(self._water, -1)])
            self._heads = np.concatenate([self._heads, np.full_like(self._heads, -1)])
            self._water_changed = np.concatenate([self._water_changed, np.zeros_like(self._water_changed)])
        marks, ids = self._used.tolist()
        if marks + more > len(self._mark_seq):
            self._repack_marks(more)
        if ids + more > len(self._id_time):
            self._repack_ids(more)

    def _live_marks(self) -> Longs:
        marks = int(self._used[0])
        day = self._water[self._mark_entity[:marks]] // DAY
        return np.flatnonzero(self._mark_day[:marks] >= day - SOURCE_DAYS)

    def _repack_marks(self, more: int) -> None:
        live = self._live_marks()
        old = (self._mark_entity[live], self._mark_source[live], self._mark_seq[live], self._mark_day[live])
        changed = self._mark_changed[live]
        self._marks(_room(len(live) + more))
        self._heads[:] = -1
        self._put_marks(0, *old)
        self._mark_changed[: len(live)] = changed

    def _put_marks(self, used: int, entity: Codes, source: Codes, seq: Longs, day: Longs) -> None:
        self._used[0] = put_marks(
            used, entity, source, seq, day,
            self._mark_entity, self._mark_source, self._mark_seq, self._mark_day, self._mark_next, self._heads,
        )  # fmt: skip

    def _live_ids(self, begin: int = 0) -> Longs:
        ids = int(self._used[1])
        edge = self._water[self._id_entity[begin:ids]] - self._rules.window
        return np.flatnonzero(self._id_time[begin:ids] >= edge) + begin

    def _repack_ids(self, more: int) -> None:
        live = self._live_ids()
        told = int(np.searchsorted(live, self._told[2]))
        old = self._id_columns(live)
        self._ids(_room(len(live) + more))
        self._used[1] = 0
        self._told[2] = told
        self._append_ids(*old)

    def _id_table(self) -> list[Any]:
        columns = [self._id_entity, self._id_kind, self._id_low, self._id_high, self._id_time]
        return [*columns, self._id_digest, self._id_offset] if self._places else columns

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
        marks, ids = self._used.tolist()
        changed = np.flatnonzero(self._mark_changed[:marks])
        waters = np.flatnonzero(self._water_changed)
        fresh = np.arange(self._told[2], ids)
        return self._told_now(self._told[0], self._told[1], changed, waters, fresh)

    def snapshot(self) -> dict[str, Any]:
        """Return all that is not expired."""
        waters = np.arange(len(self.entities))
        return self._told_now(0, 0, self._live_marks(), waters, self._live_ids())

    def _told_now(self, entities: int, sources: int, marks: Longs, waters: Longs, ids: Longs) -> dict[str, Any]:
        part = {
            "entities": self.entities.names[entities:],
            "sources": self.sources.names[sources:],
            "waters": (pack(waters), pack(self._water[waters])),
            "marks": tuple(
                pack(column[marks]) for column in (self._mark_entity, self._mark_source, self._mark_seq, self._mark_day)
            ),
            "ids": tuple(pack(column) for column in self._id_columns(ids)),
        }
        self._mark_changed[:] = 0
        self._water_changed[:] = 0
        self._told = [len(self.entities), len(self.sources), int(self._used[1])]
        return part

    def apply(self, part: dict[str, Any]) -> None:
        """Move the state by what a ``delta`` or a ``snapshot`` said; a snapshot can only be the first."""
        self.entities.extend(part["entities"])
        self.sources.extend(part["sources"])
        marks = [unpack(column) for column in part["marks"]]
        ids = [unpack(column) for column in part["ids"]]
        waters, water = (unpack(column) for column in part["waters"])
        self._make_room(max(len(marks[0]), len(ids[0])))
        self._water[waters] = water
        entity, source = (column.astype(np.int32) for column in marks[:2])
        self._put_marks(int(self._used[0]), entity, source, marks[2], marks[3])
        self._append_ids(*ids)
        self._told = [len(self.entities), len(self.sources), int(self._used[1])]


def _amended(event_id: bytes, source_id: bytes) -> bool:
    return source_id.startswith(_AMENDS) and event_id.endswith(_AMENDED)


def _room(least: int) -> int:
    """Return room for half as much again, so that repacking is rare."""
    return max(_SMALLEST, least + least // 2)
