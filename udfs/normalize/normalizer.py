"""From raw envelopes to standard records: duplicates, gate, data quality, dense sequence. A fold over one shard's log.

A shard is one (topic, partition). The outcome depends on the log's content and order only: not on how it was cut into
batches, and not on where the state was saved and restored.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, cast

import msgspec
import numpy as np
import numpy.typing as npt

from schemas import catalog
from schemas.catalog import REVISIONS
from schemas.quality import Quality, default_quality
from schemas.versions import Schedule
from udfs.dedup.dedup import Dedup, Judged
from udfs.gate.resubmitted import Verdicts, as_normalized
from udfs.gate.topic_rules import rules
from udfs.kernels.slices import Codes, Longs
from udfs.normalize.acceptance import Acceptance, Numbers
from udfs.normalize.fact_records import fact_record
from udfs.normalize.gaps import Gaps
from udfs.normalize.revision_records import revision_records
from udfs.normalize.sequence import sequence
from udfs.normalize.turns import Gates, Turns
from udfs.quality.memory import Memory
from udfs.quality.row_rules import Rare
from udfs.quality.verdicts import flag_records
from udfs.rows.accepted import Accepted, Table
from udfs.rows.batches import QuoteBatch, Rows, TradeBatch
from udfs.state.operator import Whole
from udfs.values.rejects import Reject
from udfs.values.times import DAY
from udfs.venues.facts import Fact
from udfs.venues.frames import RevisionRow
from udfs.wire.dead_letters import DeadLetter
from udfs.wire.envelope import Envelopes, encode_one
from udfs.wire.low_rate import LowRateRecord

STATE_VERSION = 3
#: Topic → (event id, source id) of its redriven records.
Copies = Mapping[str, Sequence[tuple[str, str]]]
_NO_COPIES: Copies = MappingProxyType({})


@dataclass(slots=True)
class Normalized:
    """What a batch became: ``len(envelopes) = frames + duplicates + len(dead_letters) + not_normalized``.

    ``low_rate`` are records of the domain's low-rate topics, those of one key and topic in log order.
    """

    trades: TradeBatch
    quotes: QuoteBatch
    dead_letters: list[DeadLetter]
    duplicates: int
    not_normalized: int
    frames: int
    low_rate: list[LowRateRecord]


class Normalizer(Whole):
    """One shard of one raw topic.

    ``quality`` are the rules (default: those of ``schemas/quality.toml``), where the ``schedule`` of versions has none.
    ``verdicts`` are those on records that were redriven later: a replay's, which knows the whole log.
    """

    def __init__(
        self,
        topic: str,
        quality: Quality | None = None,
        verdicts: Verdicts | None = None,
        schedule: Schedule | None = None,
    ) -> None:
        self._rules = rules(topic)
        self._dedup = Dedup(self._rules)
        self._sequence = sequence(self._rules.days_kept)
        self._gaps = Gaps(self._rules) if self._rules.sequenced else None
        self._memory = Memory()
        self._target = catalog.topic(self._rules.kind) if self._rules.kind else ""
        self._turns = Turns(self._rules, self._target, quality or default_quality(), schedule or Schedule())
        self._judge_by(self._turns.own)
        self._acceptance = Acceptance(self._rules, verdicts or Verdicts())

    def turns(self, partition: int, offsets: Longs) -> Iterator[tuple[int, int]]:
        """Yield the parts of a batch, begin and end, between which another version of the behaviour has its turn.

        What is processed while a part is at hand is judged by the rules that hold for it.
        """
        for begin, end, gates in self._turns.split(partition, offsets):
            self._judge_by(gates)
            yield begin, end

    def _judge_by(self, gates: Gates) -> None:
        self._quality, self._rare_quality = gates.columns, gates.rare

    def process(self, envelopes: Envelopes) -> Normalized:
        """Fold the next batch of the log into the state: drop duplicates, scan and judge, apply rules, number, encode.

        Raises:
            QualityStop: a rule says that nothing of this batch may be written; the fold is of no use any more.
        """
        judged = self._dedup.judge(envelopes)
        found = self._acceptance.judge(envelopes, judged)
        named, id_size, received = as_normalized(envelopes, judged.claims)
        accepted = self._fit(named, received, found.rows, found.rejected)
        rare = self._fit_rare(received, found.rare, found.rejected)
        trades, quotes = self._batches(named, id_size, judged, accepted)
        low_rate = self._rare(named, judged, rare) + self._follow(envelopes, judged, found.numbers)
        low_rate += self._rare_quality.flags(named, rare, received, self._memory, judged.entity)
        low_rate += self._flags(quotes if self._rules.kind == "quote" else trades, received, judged.entity)
        dead_letters = [self._dead_letter(envelopes, i, found.rejected[i]) for i in sorted(found.rejected)]
        frames = len(envelopes) - judged.duplicates - len(dead_letters) - found.not_normalized
        return Normalized(trades, quotes, dead_letters, judged.duplicates, found.not_normalized, frames, low_rate)

    def _fit(self, env: Envelopes, received: Longs, accepted: Accepted, rejected: dict[int, Reject]) -> Accepted:
        """Set the times that the venue does not send, and reject frames with a row that breaks a rule."""
        if self._rules.kind == "quote":
            accepted.time = np.where(accepted.flag == 1, env.event_time[accepted.rows], accepted.time)
        columns = self._quality.columns(accepted.numbers, accepted.time, received[accepted.rows])
        failed = self._quality.rejects(columns)
        if not failed:
            return accepted
        for row, reject in sorted(failed.items()):
            rejected.setdefault(int(accepted.rows[row]), reject)
        frames = accepted.rows[sorted(failed)]
        return accepted.keep(np.flatnonzero(~np.isin(accepted.rows, frames)))

    def _fit_rare(
        self, received: Longs, rare: list[tuple[int, Rare]], rejected: dict[int, Reject]
    ) -> list[tuple[int, Rare]]:
        """Reject frames with a row that breaks a rule."""
        failed = self._rare_quality.rejects(rare, received)
        rejected |= failed
        return [(i, row) for i, row in rare if i not in failed] if failed else rare

    def _rare(self, env: Envelopes, judged: Judged, rare: list[tuple[int, Rare]]) -> list[LowRateRecord]:
        if not rare:
            return []
        rows = np.array([i for i, _ in rare], dtype=np.int64)
        days = env.ingest_time[rows] // DAY
        seq = self._sequence.number(len(self._dedup.entities), judged.entity[rows], days).tolist()
        if self._rules.kind in REVISIONS:
            return revision_records(self._rules, env, cast("list[tuple[int, RevisionRow]]", rare), seq)
        facts = cast("list[tuple[int, Fact]]", rare)
        return [fact_record(self._rules, env, i, fact, n) for (i, fact), n in zip(facts, seq, strict=True)]

    def _follow(self, env: Envelopes, judged: Judged, numbers: Numbers) -> list[LowRateRecord]:
        """Follow the venue's numbers, where it numbers densely."""
        if self._gaps is None:
            return []
        names = self._dedup.entities.names
        return self._gaps.fold(names, judged.entity, numbers.first, numbers.last, env.event_time, env.ingest_time)

    def _flags(self, rows: Rows, received: Longs, entity: Codes) -> list[LowRateRecord]:
        """Return the flags of the rows that passed, and remember the rows."""
        columns = self._quality.columns(rows.numbers, rows.event_time, received[rows.rows])
        if self._quality.remembers:
            entities, who = len(self._dedup.entities), entity[rows.rows]
            columns |= self._memory.observe(entities, who, rows.event_time, columns["price"])
        return flag_records(self._target, rows, self._quality.flagged(columns))

    def _batches(
        self, env: Envelopes, id_size: Longs, judged: Judged, accepted: Accepted
    ) -> tuple[TradeBatch, QuoteBatch]:
        entities = self._dedup.entities.names

        def columns(rows: Accepted) -> tuple[Any, ...]:
            entity = judged.entity[rows.rows]
            seq = self._sequence.number(len(entities), entity, env.ingest_time[rows.rows] // DAY)
            placed = (self._rules, env, id_size, rows.rows, rows.part, rows.time, seq)
            return *placed, rows.numbers, rows.flag, entity, entities

        none = Table(0).rows(_NONE)
        if self._rules.kind == "quote":
            return TradeBatch(*columns(none)), QuoteBatch(*columns(accepted))
        return TradeBatch(*columns(accepted)), QuoteBatch(*columns(none))

    def _dead_letter(self, env: Envelopes, i: int, reject: Reject) -> DeadLetter:
        row = env.row(i)
        return DeadLetter(
            dead_letter_id=row[0],
            domain="normalization",
            topic=self._rules.topic,
            entity_id=row[1],
            reason=reject.reason,
            detail=reject.detail,
            contract=self._rules.contract_label,
            event_time=row[4],
            record=encode_one(*row),
        )

    @property
    def state_version(self) -> int:
        """Of the parts that this fold writes and reads."""
        return STATE_VERSION

    def delta(self) -> bytes:
        """Return what changed since the last ``delta`` or ``snapshot``."""
        gaps = self._gaps.delta() if self._gaps else None
        parts = (self._dedup.delta(), self._sequence.delta(), gaps, self._memory.delta())
        return msgspec.msgpack.encode((STATE_VERSION, *parts))

    def snapshot(self) -> bytes:
        """Return the whole state, without what has expired."""
        gaps = self._gaps.snapshot() if self._gaps else None
        parts = (self._dedup.snapshot(), self._sequence.snapshot(), gaps, self._memory.snapshot())
        return msgspec.msgpack.encode((STATE_VERSION, *parts))

    @classmethod
    def restore(
        cls,
        topic: str,
        log: Iterable[bytes],
        quality: Quality | None = None,
        copies: Copies = _NO_COPIES,
        schedule: Schedule | None = None,
    ) -> Normalizer:
        """Rebuild the state from a snapshot (or nothing) and the deltas after it, in order.

        ``copies`` are redriven records by topic: those of a replay, which knows the whole log.

        Raises:
            ValueError: a part was written by a version that this one does not know.
        """
        self = cls(topic, quality, Verdicts(copies.get(topic, ())), schedule)
        for part in log:
            version, *parts = msgspec.msgpack.decode(part)
            if version != STATE_VERSION:
                raise ValueError(f"state of version {version}, expected {STATE_VERSION}")
            dedup, counts, gaps, memory = parts
            self._dedup.apply(dedup)
            entities = len(self._dedup.entities)
            self._sequence.apply(entities, counts)
            self._memory.apply(entities, memory)
            if self._gaps is not None:
                self._gaps.apply(entities, gaps)
        return self


_NONE: npt.NDArray[np.bool_] = np.zeros(0, dtype=bool)
