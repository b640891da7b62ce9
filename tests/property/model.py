"""The laws in plain Python, one record at a time, from what the venue and the collectors did: no project code.

Numbers of the contracts come from their files (`schemas/*.avsc`, the ids in `ids.lock`, horizon and skew in
`domains.toml`). Slow, and easy to believe.
"""

from __future__ import annotations

import io
import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Context, Decimal
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import fastavro

SCHEMAS = Path(__file__).parents[2] / "schemas"
_DEFAULTS = tomllib.loads((SCHEMAS / "domains.toml").read_text())["defaults"]
SECOND, DAY = 1_000_000, 86_400_000_000  # µs, as all times here
HORIZON, SKEW = _DEFAULTS["horizon_ms"] * 1_000, _DEFAULTS["max_skew_ms"] * 1_000
LENGTHS = {"1s": SECOND, "1m": 60 * SECOND, "5m": 300 * SECOND, "1h": 3_600 * SECOND, "1d": DAY}
_EXACT = Context(prec=100)


class Raw(NamedTuple):
    """One envelope, in the contract's order."""

    event_id: str
    entity_id: str
    venue: str
    channel: str
    event_time: int
    event_time_source: str
    ingest_time: int
    source_id: str
    source_seq: int
    payload: bytes


@cache
def _contracts(name: str) -> dict[bytes, Any]:
    """Return the versions of a contract, by the header of their records."""
    pinned = [one for one in json.loads((SCHEMAS / "ids.lock").read_text())["schemas"] if one["name"] == name]
    return {
        b"\0" + one["id"].to_bytes(4, "big"): fastavro.parse_schema(json.loads((SCHEMAS / one["file"]).read_text()))
        for one in pinned
    }


def avro(name: str, record: dict[str, Any]) -> bytes:
    """Write a record in Confluent wire format, of the version that has its fields."""
    ((header, schema),) = [
        (header, schema)
        for header, schema in _contracts(name).items()
        if {field["name"] for field in schema["fields"]} == record.keys()
    ]
    out = io.BytesIO()
    out.write(header)
    fastavro.schemaless_writer(out, schema, record)
    return out.getvalue()


def read(name: str, value: bytes) -> dict[str, Any]:
    """Read a record in Confluent wire format, of whichever version."""
    record = fastavro.schemaless_reader(io.BytesIO(value[5:]), _contracts(name)[value[:5]], None)
    assert isinstance(record, dict)
    return record


class Verdict(NamedTuple):
    """What a raw record must become: ``kind`` is duplicate, dead (with a reason), trade or quote (with the record)."""

    kind: str
    reason: str = ""
    row: dict[str, Any] | None = None
    value: bytes = b""


@dataclass
class _Entity:
    """What the duplicate rules know of an entity in a topic; nothing is ever forgotten here."""

    max_ingest: int = -1
    marks: dict[str, tuple[int, int]] = field(default_factory=dict)
    ids: dict[str, int] = field(default_factory=dict)
    counts: dict[int, int] = field(default_factory=dict)


class RejectError(Exception):
    """The gate's no, with its reason."""


class Reference:
    """Laws 3 and 4: gate, identity, duplicates, dense numbers. Fed with the log of all shards, in order."""

    def __init__(self) -> None:
        self._entities: dict[tuple[str, str], _Entity] = {}

    def judge(self, topic: str, raw: Raw) -> Verdict:
        """Return what the next record of a topic must become."""
        entity = self._entities.setdefault((topic, raw.entity_id), _Entity())
        mark = entity.marks.get(raw.source_id)
        if mark and raw.source_seq <= mark[0] and mark[1] >= entity.max_ingest // DAY - 2:
            return Verdict("duplicate")
        in_time = -SKEW <= raw.ingest_time - raw.event_time <= HORIZON
        time = raw.event_time if in_time else raw.ingest_time
        edge = entity.max_ingest - HORIZON - SKEW
        if time >= edge:
            if entity.ids.get(raw.event_id, edge - 1) >= edge:
                return Verdict("duplicate")
            entity.ids[raw.event_id] = time
        entity.marks[raw.source_id] = (raw.source_seq, raw.ingest_time // DAY)
        entity.max_ingest = max(entity.max_ingest, raw.ingest_time)
        try:
            content = gate(raw)
        except RejectError as reject:
            return Verdict("dead", str(reject))
        if time < edge:
            return Verdict("dead", "behind_dedup_window")
        day = raw.ingest_time // DAY
        entity.counts[day] = entity.counts.get(day, 0) + 1
        row = {**_common(raw), "entity_seq": entity.counts[day], **content}
        kind = "trade" if raw.channel == "trade" else "quote"
        return Verdict(kind, "", row, avro(kind, row))


def _common(raw: Raw) -> dict[str, Any]:
    fields = raw._asdict()
    del fields["payload"], fields["channel"]
    return {**fields, "symbol": raw.entity_id.partition(":")[2], "ingest_date": raw.ingest_time // DAY}


def gate(raw: Raw) -> dict[str, Any]:
    """Return the contents of a frame that is accepted.

    Raises:
        RejectError: with the reason.
    """
    body = json.loads(raw.payload)["data"]
    if raw.channel == "trade":
        price, size = _number(body["p"]), _number(body["q"])
        if price * size >= 10**40:
            raise RejectError("out_of_range")
        content = {"venue_trade_id": str(body["t"]), "price": _decimal(price), "size": _decimal(size)}
        content["aggressor"] = "sell" if body["m"] else "buy"
    else:
        content = {"venue_update_id": str(body["u"])}
        for name, key in (("bid_price", "b"), ("bid_size", "B"), ("ask_price", "a"), ("ask_size", "A")):
            content[name] = _decimal(_number(body[key], zero=key in "AB"))
    lag = raw.ingest_time - body["T"] * 1_000
    if lag > HORIZON or lag < -SKEW:
        raise RejectError("late" if lag > HORIZON else "future")
    return content


def _number(text: str, *, zero: bool = False) -> int:
    try:
        value = Fraction(text) * 10**12
    except ValueError:
        raise RejectError("not_a_number") from None
    if value < 0 or value > 10**27 or (value == 0 and not zero):
        raise RejectError("out_of_range")
    if value.denominator != 1:
        raise RejectError("too_precise")
    return int(value)


def _decimal(scaled: int, places: int = 12) -> Decimal:
    return Decimal(scaled).scaleb(-places, _EXACT)


def bar(interval: str, rows: Sequence[dict[str, Any]]) -> bytes:
    """Law 5: return the bar of a set of trades of one window."""
    ordered = sorted(rows, key=lambda row: (row["event_time"], row["ingest_date"], row["entity_seq"]))
    start = ordered[0]["event_time"] // LENGTHS[interval] * LENGTHS[interval]
    bought = [row for row in rows if row["aggressor"] == "buy"]
    volume, notional = _sums(rows)
    buy_volume, buy_notional = _sums(bought)
    record = {
        "entity_id": ordered[0]["entity_id"], "interval": interval,
        "window_start": start, "window_end": start + LENGTHS[interval],
        "open": ordered[0]["price"], "close": ordered[-1]["price"],
        "high": max(row["price"] for row in rows), "low": min(row["price"] for row in rows),
        "volume": _decimal(volume), "notional": _plain(notional), "vwap": _decimal(round(Fraction(notional, volume))),
        "trade_count": len(rows), "version": len(rows),
        "first_trade_id": ordered[0]["venue_trade_id"], "last_trade_id": ordered[-1]["venue_trade_id"],
        "buy_volume": _decimal(buy_volume), "buy_notional": _plain(buy_notional),
    }  # fmt: skip
    return avro("bar", record)


def _sums(rows: Sequence[dict[str, Any]]) -> tuple[int, int]:
    scaled = [(_scaled(row["price"]), _scaled(row["size"])) for row in rows]
    return sum(size for _, size in scaled), sum(price * size for price, size in scaled)


def _scaled(value: Decimal) -> int:
    return int(value.scaleb(12, _EXACT))


def _plain(scaled: int) -> str:
    whole, fraction = divmod(scaled, 10**24)
    return f"{whole}.{fraction:024}".rstrip("0").rstrip(".")


def quote_bar(rows: Sequence[dict[str, Any]]) -> bytes:
    """Law 5: return the quote bar of a set of quotes of one second."""
    last = max(rows, key=lambda row: (row["event_time"], row["ingest_date"], row["entity_seq"]))
    start = last["event_time"] // SECOND * SECOND
    sides = ("bid_price", "bid_size", "ask_price", "ask_size")
    bid, bid_size, ask, ask_size = (_scaled(last[name]) for name in sides)
    depth = bid_size + ask_size
    micro = Fraction(bid * ask_size + ask * bid_size, depth) if depth else Fraction(bid + ask, 2)
    record = {
        "entity_id": last["entity_id"], "window_start": start, "window_end": start + SECOND,
        **{name: last[name] for name in sides},
        "spread": _decimal(ask - bid), "mid": _decimal(5 * (bid + ask), 13), "microprice": _decimal(round(micro)),
        "imbalance": _decimal(round(Fraction((bid_size - ask_size) * 10**12, depth)) if depth else 0),
        "quote_count": len(rows), "version": len(rows),
    }  # fmt: skip
    return avro("quote_bar", record)
