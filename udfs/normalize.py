"""From raw envelopes to standard trades and quotes: gate, identity, dense sequence. A fold over one shard's log."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from udfs.assign import of_frame, unassigned
from udfs.batches import QuoteBatch, TradeBatch
from udfs.dead_letters import DeadLetter
from udfs.dedup import BEHIND, DUPLICATE, Dedup
from udfs.envelope import Envelopes, encode_one
from udfs.rejects import Reject
from udfs.rules import Rules, rules
from udfs.times import day_of
from udfs.venues.frames import CONTROL, UNASSIGNED, QuoteRow, TradeRow


@dataclass(slots=True)
class Normalized:
    """What a batch became: ``len(envelopes) = frames + duplicates + len(dead_letters) + not_normalized``."""

    trades: TradeBatch
    quotes: QuoteBatch
    dead_letters: list[DeadLetter] = field(default_factory=list)
    duplicates: int = 0
    not_normalized: int = 0
    frames: int = 0


class Normalizer:
    """One shard of one raw topic."""

    def __init__(self, topic: str) -> None:
        self._rules = rules(topic)
        self._dedup = Dedup(self._rules)
        self._counters: dict[str, dict[int, int]] = {}
        self._changed: set[tuple[str, int]] = set()

    def process(self, envelopes: Envelopes) -> Normalized:
        """Fold the next batch of the log into the state."""
        out = Normalized(TradeBatch(), QuoteBatch())
        for i in range(len(envelopes)):
            self._one(envelopes, i, out)
        return out

    def _one(self, env: Envelopes, i: int, out: Normalized) -> None:
        entity, ingest = env.entity_id[i], int(env.ingest_time[i])
        event_time = int(env.event_time[i])
        verdict = self._dedup.admit(
            entity, env.source_id[i], int(env.source_seq[i]), env.event_id[i], event_time, ingest
        )
        if verdict == DUPLICATE:
            out.duplicates += 1
            return
        try:
            rows = gate(self._rules, env, i)
            if rows is not None and verdict == BEHIND:
                raise Reject("behind_dedup_window", "older than the ids that are remembered; kept in Bronze")
        except Reject as reject:
            out.dead_letters.append(self._dead_letter(env, i, reject))
            return
        if rows is None:
            out.not_normalized += 1
            return
        out.frames += 1
        batch: Any = out.trades if self._rules.kind == "trade" else out.quotes
        for n, row in enumerate(rows):
            suffix = f"#{n}" if len(rows) > 1 else ""
            batch.append(env, i, suffix, row, self._next(entity, day_of(ingest)))

    def _next(self, entity: str, day: int) -> int:
        days = self._counters.setdefault(entity, {})
        days[day] = days.get(day, 0) + 1
        self._changed.add((entity, day))
        return days[day]

    def _dead_letter(self, env: Envelopes, i: int, reject: Reject) -> DeadLetter:
        return DeadLetter(
            dead_letter_id=env.event_id[i],
            domain="normalization",
            topic=self._rules.topic,
            entity_id=env.entity_id[i],
            reason=reject.reason,
            detail=reject.detail,
            contract=self._rules.contract_label,
            event_time=int(env.event_time[i]),
            record=encode_one(
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
            ),
        )

    def delta(self) -> bytes:
        """Return what changed since the last ``delta`` or ``snapshot``."""
        changed = [(e, d, self._counters[e][d]) for e, d in sorted(self._changed)]
        self._changed.clear()
        return msgspec.msgpack.encode((self._dedup.delta(), changed))

    def snapshot(self) -> bytes:
        """Return the whole state."""
        self._changed.clear()
        counters = [(e, d, n) for e, days in self._counters.items() for d, n in days.items()]
        return msgspec.msgpack.encode((self._dedup.snapshot(), counters))

    @classmethod
    def restore(cls, topic: str, log: Iterable[bytes]) -> Normalizer:
        """Rebuild the state from a snapshot (or nothing) and the deltas after it, in order."""
        self = cls(topic)
        for part in log:
            dedup, counters = msgspec.msgpack.decode(part, strict=False)
            self._dedup.restore([dedup])
            for entity, day, count in counters:
                self._counters.setdefault(entity, {})[day] = count
        return self


def gate(rules: Rules, env: Envelopes, i: int) -> list[TradeRow] | list[QuoteRow] | None:
    """Judge one record by itself and its contract; None when its kind is not normalized.

    Raises:
        Reject: with the reason.
    """
    if (env.venue[i], env.channel[i]) != (rules.venue, rules.channel):
        raise Reject("wrong_topic", f"expected {rules.venue} {rules.channel}, got {env.venue[i]} {env.channel[i]}")
    payload = env.payload[i]
    try:
        frame = rules.dialect.parse(payload)
    except Reject:
        _same_identity(env, i, unassigned(rules.venue, payload))
        raise
    _same_identity(env, i, of_frame(rules.venue, frame))
    if frame.channel in (UNASSIGNED, CONTROL) or not rules.kind:
        return None
    rows = rules.dialect.trades(frame) if rules.kind == "trade" else rules.dialect.quotes(frame)
    ingest = int(env.ingest_time[i])
    for row in rows:
        if row.event_time is None:
            continue
        lag = ingest - row.event_time
        if lag > rules.horizon:
            raise Reject("late", f"{lag} µs behind its ingest time, horizon {rules.horizon}")
        if lag < -rules.max_skew:
            raise Reject("future", f"{-lag} µs ahead of its ingest time, allowed {rules.max_skew}")
    return rows


def _same_identity(env: Envelopes, i: int, expected: Any) -> None:
    """The envelope must say what the payload says: identity decides about duplicates."""
    time = expected.event_time
    claimed = int(env.event_time[i]) if env.event_time_source[i] == "venue" else None
    for name, want, got in (
        ("entity_id", expected.entity_id, env.entity_id[i]),
        ("channel", expected.channel, env.channel[i]),
        ("event_id", expected.event_id, env.event_id[i]),
        ("event_time", time, claimed),
    ):
        if want != got:
            raise Reject("wrong_identity", f"{name}: the payload says {want}, the envelope {got}")
