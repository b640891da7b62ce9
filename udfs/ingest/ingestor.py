"""From Kafka values to Bronze rows: the envelope's contract, duplicates and conflicts, nothing else. A fold over one
shard's log.

A conflict is a copy of an event id that is remembered, with other content (see `contents`) than the first.
It is a duplicate like any other and becomes a dead letter besides. Bronze holds first copies only, so this is the one
place that can see it. Kraken has none: there the id is a digest of the content.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec
import numpy as np

from schemas.contracts import contract
from udfs.dedup.dedup import DUPLICATE, Dedup, Judged
from udfs.dedup.names import Names, groups
from udfs.gate.topic_rules import rules
from udfs.ingest.conflicts import LogPosition, conflict
from udfs.ingest.contents import digests
from udfs.kernels.slices import Codes, Longs, Slices
from udfs.state.operator import Whole
from udfs.values.times import DAY, date_text
from udfs.wire.dead_letters import DeadLetter, id_of_bytes
from udfs.wire.envelope import SOURCES, Envelopes, decode

STATE_VERSION = 3


class Context(NamedTuple):
    """Values that many rows of Bronze share; ``ingest_date`` is ``YYYY-MM-DD`` (UTC)."""

    entity_id: str
    venue: str
    channel: str
    event_time_source: str
    source_id: str
    ingest_date: str


@dataclass(slots=True)
class BronzeBatch:
    """Rows of Bronze: the envelopes, where in Kafka they stood, and for each its place in ``contexts``.

    ``values`` are the Kafka values.
    """

    envelopes: Envelopes
    values: Slices
    topic: str
    partition: int
    offsets: Longs
    context: Longs
    contexts: list[Context]

    def __len__(self) -> int:
        return len(self.offsets)


@dataclass(slots=True)
class Ingested:
    """What a batch became: ``len(values) = len(bronze) + duplicates + len(dead_letters)``.

    ``conflicts`` are dead letters too, of records that are among the duplicates.
    """

    bronze: BronzeBatch
    dead_letters: list[DeadLetter]
    duplicates: int
    conflicts: list[DeadLetter]


class Ingestor(Whole):
    """One shard of any raw topic."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._rules = rules(topic)
        self._compared = self._rules.venue_ids
        self._dedup = Dedup(self._rules, compare=self._compared)
        self._names = Names()  # of venues and channels; no state, what they are called does not matter to anything

    def process(
        self,
        values: Sequence[bytes] | Slices,
        offsets: Sequence[int] | Longs,
        partition: int,
        timestamps: Sequence[int] | None = None,
    ) -> Ingested:
        """Fold the next batch of the log into the state.

        Args:
            values: Kafka values.
            offsets: their offsets.
            partition: their partition.
            timestamps: their Kafka timestamps in ms, for dead letters that have no time of their own; 0 without.
        """
        wire = values if isinstance(values, Slices) else Slices.of(values)
        envelopes, index, bad = decode(wire)
        judged = self._dedup.judge(envelopes)
        entity, source = judged.entity, judged.source
        positions = np.asarray(offsets, dtype=np.int64)
        conflicts = self._conflicts(envelopes, judged, wire, index, positions, partition) if self._compared else []
        if judged.duplicates:
            keep = np.flatnonzero(judged.verdict != DUPLICATE)
            envelopes, index, entity, source = envelopes.take(keep), index[keep], entity[keep], source[keep]
        if len(index) != len(wire):
            wire, positions = wire.take(index), positions[index]
        dead_letters = [
            self._dead_letter(bytes(values[item.index]), item.reason, item.detail, item.index, timestamps)
            for item in bad
        ]
        context, contexts = self._contexts(envelopes, entity, source)
        bronze = BronzeBatch(envelopes, wire, self._topic, partition, positions, context, contexts)
        return Ingested(bronze, dead_letters, judged.duplicates, conflicts)

    def _contexts(self, env: Envelopes, entity: Codes, source: Codes) -> tuple[Longs, list[Context]]:
        """Return each row's context as a number, and the contexts."""
        venue, channel, day = self._names.codes(env.venues), self._names.codes(env.channels), env.ingest_time // DAY
        group, first = groups(entity, source, venue, channel, env.from_ingest, day)
        entities, sources, names = self._dedup.entities.texts, self._dedup.sources.texts, self._names.texts
        return group, [
            Context(
                entities[entity[i]], names[venue[i]], names[channel[i]], SOURCES[env.from_ingest[i]],
                sources[source[i]], date_text(int(day[i])),
            )
            for i in first.tolist()
        ]  # fmt: skip

    def _conflicts(
        self, env: Envelopes, judged: Judged, wire: Slices, index: Longs, positions: Longs, partition: int
    ) -> list[DeadLetter]:
        """Return the dead letters of copies whose content is not that of the first copy."""
        digest = digests(self._rules, env, judged)
        found = self._dedup.differing(judged, digest, positions[index])
        return [
            conflict(
                env.row(i),
                wire[index[i]],
                int(digest[i]),
                LogPosition(self._topic, partition, first_offset),
                first_digest,
            )
            for i, first_digest, first_offset in zip(*(column.tolist() for column in found), strict=True)
        ]

    def _dead_letter(
        self, value: bytes, reason: str, detail: str, index: int, timestamps: Sequence[int] | None
    ) -> DeadLetter:
        return DeadLetter(
            dead_letter_id=id_of_bytes(self._topic, value),
            domain="ingestion",
            topic=self._topic,
            entity_id="",
            reason=reason,
            detail=detail,
            contract=contract("raw_envelope").label,
            event_time=0 if timestamps is None else timestamps[index] * 1_000,
            record=value,
        )

    @property
    def state_version(self) -> int:
        """Of the parts that this fold writes and reads."""
        return STATE_VERSION

    def delta(self) -> bytes:
        """Return what changed since the last ``delta`` or ``snapshot``."""
        return msgspec.msgpack.encode((STATE_VERSION, self._dedup.delta()))

    def snapshot(self) -> bytes:
        """Return the whole state, without what has expired."""
        return msgspec.msgpack.encode((STATE_VERSION, self._dedup.snapshot()))

    @classmethod
    def restore(cls, topic: str, log: Iterable[bytes]) -> Ingestor:
        """Rebuild the state from a snapshot (or nothing) and the deltas after it, in order.

        Raises:
            ValueError: a part was written by a version that this one does not know.
        """
        self = cls(topic)
        for part in log:
            version, dedup = msgspec.msgpack.decode(part)
            if version != STATE_VERSION:
                raise ValueError(f"state of version {version}, expected {STATE_VERSION}")
            self._dedup.apply(dedup)
        return self
