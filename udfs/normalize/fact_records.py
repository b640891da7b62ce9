"""Normalized records of reference data: corporate actions and daily closes, as one source states them."""

from __future__ import annotations

from typing import Any

from schemas import catalog
from udfs.gate.topic_rules import Rules
from udfs.values.exact import split
from udfs.values.times import DAY
from udfs.venues.facts import ActionFact, CloseFact, Fact
from udfs.wire.by_contract import encode
from udfs.wire.envelope import Envelopes
from udfs.wire.low_rate import LowRateRecord


def fact_record(rules: Rules, env: Envelopes, i: int, fact: Fact, entity_seq: int) -> LowRateRecord:
    """Return the normalized record of the i-th envelope."""
    event_id, entity_id, venue, _, event_time, source, ingest_time, source_id, source_seq, _ = env.row(i)
    common: dict[str, Any] = {
        "event_id": event_id,
        "entity_id": entity_id,
        "venue": venue,
        "symbol": entity_id.removeprefix(f"{venue}:"),
        "event_time": event_time,
        "event_time_source": source,
        "ingest_time": ingest_time,
        "ingest_date": ingest_time // DAY,
        "entity_seq": entity_seq,
        "source_id": source_id,
        "source_seq": source_seq,
    }
    own = _action(fact, ingest_time) if isinstance(fact, ActionFact) else _close(fact)
    value = encode(rules.kind, {**common, **own})
    return LowRateRecord(catalog.topic(rules.kind), entity_id.encode(), event_time, value)


def _action(fact: ActionFact, ingest_time: int) -> dict[str, Any]:
    return {
        "action_id": fact.action_id,
        "revision": fact.revision,
        "status": fact.status,
        "kind": fact.kind,
        "ex_date": fact.ex_date,
        "announced_time": ingest_time if fact.announced_time is None else fact.announced_time,
        **split("ratio", fact.ratio),
        "amount": fact.amount,
        "currency": fact.currency,
        "new_symbol": fact.new_symbol,
    }


def _close(fact: CloseFact) -> dict[str, Any]:
    return {
        "date": fact.date,
        "revision": fact.revision,
        "close": fact.close,
        "volume": fact.volume,
        "published_adjusted_close": fact.published,
        "currency": fact.currency,
        "basis": fact.basis,
    }
