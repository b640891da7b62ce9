"""From raw envelopes to standard records: duplicates, gate, dense sequence. A fold over one shard's log.

A shard is one (topic, partition). The outcome depends on the log's content and order only: not on how it was cut into
batches, and not on where the state was saved and restored.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from udfs import gate, reference
from udfs.batches import QuoteBatch, TradeBatch
from udfs.codec import scanning
from udfs.codec.slices import Bits, Octets
from udfs.dead_letters import DeadLetter
from udfs.dedup import BEHIND, DUPLICATE, Dedup, Judged
from udfs.envelope import Envelopes, encode_one
from udfs.rejects import Reject
from udfs.rules import Rules, rules
from udfs.sequence import sequence
from udfs.side import SideRecord
from udfs.table import Accepted, Table
from udfs.times import DAY, EARLIEST, LATEST
from udfs.venues.facts import Fact
from udfs.venues.frames import MAX_PAYLOAD, QuoteRow, TradeRow

STATE_VERSION = 1
SCANNED = 2  # how the scanner marks a record that it has accepted


@dataclass(slots=True)
class Normalized:
    """What a batch became: ``len(envelopes) = frames + duplicates + len(dead_letters) + not_normalized``.

    ``side`` are records of the domain's low-rate topics, in log order.
    """

    trades: TradeBatch
    quotes: QuoteBatch
    dead_letters: list[DeadLetter]
    duplicates: int
    not_normalized: int
    frames: int
    side: list[SideRecord]


class Normalizer:
    """One shard of one raw topic."""

    def __init__(self, topic: str) -> None:
        self._rules = rules(topic)
        self._dedup = Dedup(self._rules)
        self._sequence = sequence(self._rules.days_kept)
        self._prefix: Octets = np.frombuffer(f"{self._rules.venue}:".encode(), dtype=np.uint8)
        self._shape = _shape(self._rules)

    def process(self, envelopes: Envelopes) -> Normalized:
        """Fold the next batch of the log into the state."""
        judged = self._dedup.judge(envelopes)
        table = Table(len(envelopes))
        todo = self._scan(envelopes, judged, table)
        letters: list[DeadLetter] = []
        facts: list[tuple[int, Fact]] = []
        not_normalized = 0
        behind = judged.verdict == BEHIND
        for i in np.flatnonzero((judged.verdict != DUPLICATE) & ((todo != SCANNED) | behind)).tolist():
            try:
                rows = self._gate(envelopes, i, behind=bool(behind[i]))
            except Reject as reject:
                todo[i] = 0
                letters.append(self._dead_letter(envelopes, i, reject))
                continue
            if rows is None:
                not_normalized += 1
            elif isinstance(rows, list):
                table.add(i, rows)
            else:
                facts.append((i, rows))
        trades, quotes = self._batches(envelopes, judged, table.rows(todo == SCANNED))
        frames = len(envelopes) - judged.duplicates - len(letters) - not_normalized
        side = self._records(envelopes, judged, facts)
        return Normalized(trades, quotes, letters, judged.duplicates, not_normalized, frames, side)

    def _records(self, env: Envelopes, judged: Judged, facts: list[tuple[int, Fact]]) -> list[SideRecord]:
        if not facts:
            return []
        rows = np.array([i for i, _ in facts], dtype=np.int64)
        days = env.ingest_time[rows] // DAY
        seq = self._sequence.number(len(self._dedup.entities), judged.entity[rows], days).tolist()
        return [reference.record(self._rules, env, i, fact, n) for (i, fact), n in zip(facts, seq, strict=True)]

    def _batches(self, env: Envelopes, judged: Judged, accepted: Accepted) -> tuple[TradeBatch, QuoteBatch]:
        entities = self._dedup.entities.names

        def columns(rows: Accepted) -> tuple[Any, ...]:
            entity = judged.entity[rows.rows]
            seq = self._sequence.number(len(entities), entity, env.ingest_time[rows.rows] // DAY)
            return self._rules, env, rows.rows, rows.part, rows.time, seq, rows.numbers, rows.flag, entity, entities

        none = Table(0).rows(_NONE)
        if self._rules.kind == "quote":
            timeless = accepted.flag == 1
            accepted.time = np.where(timeless, env.ingest_time[accepted.rows], accepted.time)
            return TradeBatch(*columns(none), limbs=none.limbs), QuoteBatch(*columns(accepted))
        return TradeBatch(*columns(accepted), limbs=accepted.limbs), QuoteBatch(*columns(none))

    def _gate(self, env: Envelopes, i: int, *, behind: bool) -> list[TradeRow] | list[QuoteRow] | Fact | None:
        rows = gate.judge(self._rules, env, i)
        if rows is not None and behind:
            raise Reject("behind_dedup_window", "older than the ids that are remembered; kept in Bronze")
        return rows

    def _scan(self, env: Envelopes, judged: Judged, table: Table) -> Bits:
        """Fill the table with the frames that the compiled scanner accepts; these are marked 2."""
        todo: Bits = ((judged.verdict != DUPLICATE) & (judged.in_topic == 1)).astype(np.int8)
        if self._shape:
            scanning.scan_frames(
                self._shape, scanning.WORDS, self._prefix, MAX_PAYLOAD, self._rules.max_skew, self._rules.horizon,
                EARLIEST, LATEST, todo, *env.payloads.parts, *env.entity_ids.parts, judged.id_kind, judged.id_low,
                env.event_time, env.from_ingest, env.ingest_time,
                table.time, table.numbers.ravel(), table.limbs.ravel(), table.flag,
            )  # fmt: skip
        return todo

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

    def delta(self) -> bytes:
        """Return what changed since the last ``delta`` or ``snapshot``."""
        return msgspec.msgpack.encode((STATE_VERSION, self._dedup.delta(), self._sequence.delta()))

    def snapshot(self) -> bytes:
        """Return the whole state, without what has expired."""
        return msgspec.msgpack.encode((STATE_VERSION, self._dedup.snapshot(), self._sequence.snapshot()))

    @classmethod
    def restore(cls, topic: str, log: Iterable[bytes]) -> Normalizer:
        """Rebuild the state from a snapshot (or nothing) and the deltas after it, in order.

        Raises:
            ValueError: a part was written by a version that this one does not know.
        """
        self = cls(topic)
        for part in log:
            version, dedup, numbers = msgspec.msgpack.decode(part)
            if version != STATE_VERSION:
                raise ValueError(f"state of version {version}, expected {STATE_VERSION}")
            self._dedup.apply(dedup)
            self._sequence.apply(len(self._dedup.entities), numbers)
        return self


_NONE: npt.NDArray[np.bool_] = np.zeros(0, dtype=bool)


def _shape(rules: Rules) -> int:
    """Return which frames the scanner reads in this topic; 0: none."""
    if rules.dialect_name != "binance":
        return 0
    shapes = {"trade": scanning.TRADE, "agg_trade": scanning.AGG_TRADE, "book_ticker": scanning.BOOK_TICKER}
    return shapes.get(rules.channel, 0)
