"""Frames on their way through the real collector's identity and the real normalizer, read back by fastavro."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime, timedelta
from typing import Any

import fastavro

from schemas.contracts import versions
from udfs.gate.assign import assign
from udfs.normalize.normalizer import Normalized, Normalizer
from udfs.wire.envelope import decode, encode_one

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def envelope(venue: str, payload: bytes, received: int, seq: int = 1) -> tuple[str, bytes]:
    """Return a frame's raw topic and its envelope, received at a time (µs)."""
    who = assign(venue, payload)
    time, source = (received, "ingest") if who.event_time is None else (who.event_time, "venue")
    value = encode_one(who.event_id, who.entity_id, venue, who.channel, time, source, received, "run", seq, payload)
    return f"raw.{venue}.{who.channel}.v1", value


def normalize(venue: str, *frames: tuple[int, bytes]) -> tuple[str, Normalized]:
    """Return the raw topic of frames, each with its receive time, and what they become there."""
    found = [envelope(venue, payload, received, seq) for seq, (received, payload) in enumerate(frames, 1)]
    (topic,) = {name for name, _ in found}
    envelopes, _, bad = decode([value for _, value in found])
    assert not bad
    return topic, Normalizer(topic).process(envelopes)


def records(out: Normalized) -> list[tuple[str, dict[str, Any]]]:
    """Return everything that is published, by topic, as an independent Avro reader has it."""
    found = [("normalized.trade.v1", value) for value in out.trades.encode()]
    found += [("normalized.quote.v1", value) for value in out.quotes.encode()]
    found += [(record.topic, record.value) for record in out.low_rate]
    return [(topic, read(contract_of(topic), value)) for topic, value in found]


def contract_of(topic: str) -> str:
    name = topic.split(".")[1]
    return {"gaps": "gap", "normalization": "quality_flag"}.get(name, name)


def read(name: str, value: bytes) -> dict[str, Any]:
    """Read a record; times in µs, dates as days since 1970."""
    (written,) = [one for one in versions(name) if one.header == value[:5]]
    rest = io.BytesIO(value[5:])
    record = fastavro.schemaless_reader(rest, fastavro.parse_schema(written.schema), None)
    assert isinstance(record, dict)
    assert not rest.read()
    return {field: _plain(found) for field, found in record.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return (value - EPOCH) // timedelta(microseconds=1)
    return (value - EPOCH.date()).days if isinstance(value, date) else value
