"""From Kafka values to Bronze rows: the contract's gate and duplicates, nothing else. A fold over one shard's log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from schemas.contracts import contract
from udfs.dead_letters import DeadLetter, id_of_bytes
from udfs.dedup import DUPLICATE, Dedup
from udfs.envelope import Envelopes, decode
from udfs.rules import rules
from udfs.times import date_text, day_of


@dataclass(slots=True)
class BronzeBatch:
    """Rows of Bronze: the envelope, ``ingest_date`` (``YYYY-MM-DD``), and where in Kafka it stood."""

    envelopes: Envelopes
    keep: list[int]
    topic: str
    partition: int
    offsets: list[int]

    def __len__(self) -> int:
        return len(self.keep)

    def rows(self) -> list[tuple[Any, ...]]:
        """Return one tuple per row: the envelope's ten fields, ingest_date, topic, partition, offset."""
        env = self.envelopes
        return [
            (
                env.event_id[i],
                env.entity_id[i],
                env.venue[i],
                env.channel[i],
                int(env.event_time[i]),
                env.event_time_source[i],
                int(env.ingest_time[i]),
                env.source_id[i],
                int(env.source_seq[i]),
                env.payload[i],
                date_text(day_of(int(env.ingest_time[i]))),
                self.topic,
                self.partition,
                offset,
            )
            for i, offset in zip(self.keep, self.offsets, strict=True)
        ]


@dataclass(slots=True)
class Ingested:
    """What a batch became: ``len(values) = len(bronze) + duplicates + len(dead_letters)``."""

    bronze: BronzeBatch
    dead_letters: list[DeadLetter]
    duplicates: int


class Ingestor:
    """One shard of any raw topic."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._dedup = Dedup(rules(topic))

    def process(
        self,
        values: Sequence[bytes],
        offsets: Sequence[int],
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
        env, index, bad = decode(values)
        keep = [
            i
            for i in range(len(env))
            if self._dedup.admit(
                env.entity_id[i],
                env.source_id[i],
                int(env.source_seq[i]),
                env.event_id[i],
                int(env.event_time[i]),
                int(env.ingest_time[i]),
            )
            != DUPLICATE
        ]
        letters = [
            DeadLetter(
                dead_letter_id=id_of_bytes(self._topic, values[item.index]),
                domain="ingestion",
                topic=self._topic,
                entity_id="",
                reason=item.reason,
                detail=item.detail,
                contract=contract("raw_envelope").label,
                event_time=timestamps[item.index] * 1_000 if timestamps else 0,
                record=values[item.index],
            )
            for item in bad
        ]
        positions = [offsets[int(index[i])] for i in keep]
        return Ingested(BronzeBatch(env, keep, self._topic, partition, positions), letters, len(env) - len(keep))

    def delta(self) -> bytes:
        """Return what changed since the last ``delta`` or ``snapshot``."""
        return msgspec.msgpack.encode(self._dedup.delta())

    def snapshot(self) -> bytes:
        """Return the whole state."""
        return msgspec.msgpack.encode(self._dedup.snapshot())

    @classmethod
    def restore(cls, topic: str, log: Iterable[bytes]) -> Ingestor:
        """Rebuild the state from a snapshot (or nothing) and the deltas after it, in order."""
        self = cls(topic)
        self._dedup.restore(msgspec.msgpack.decode(part, strict=False) for part in log)
        return self
