"""Cancels and corrections: what accepted ones become, and a dead letter with its reason for every bad field."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from typing import Any

import fastavro
import pytest

from schemas.contracts import contract
from udfs.gate.assign import assign
from udfs.normalize.normalizer import Normalized, Normalizer
from udfs.wire.envelope import decode, encode_one

NOW = 1_723_161_600_500_000  # µs, 2024-08-09T00:00:00.5Z
MILLIS = NOW // 1_000
CANCEL: dict[str, Any] = {
    "e": "tradeCancel", "E": MILLIS, "T": MILLIS, "s": "BTCUSDT", "i": 7, "t": 5, "O": MILLIS - 90_000_000, "r": 3,
}  # fmt: skip
CORRECT = {**CANCEL, "e": "tradeCorrect", "p": "61800.30", "q": "0.006"}


def dumps(body: dict[str, Any]) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()


def value(payload: bytes, seq: int = 1, venue: str = "sim") -> bytes:
    found = assign(venue, payload)
    time, source = (NOW, "ingest") if found.event_time is None else (found.event_time, "venue")
    return encode_one(found.event_id, found.entity_id, venue, found.channel, time, source, NOW, "run", seq, payload)


def normalize(*payloads: bytes, venue: str = "sim") -> Normalized:
    topic = f"raw.{venue}.{assign(venue, payloads[0]).channel}.v1"
    values = [value(payload, seq, venue) for seq, payload in enumerate(payloads, 1)]
    return Normalizer(topic).process(decode(values)[0])


def records(got: Normalized, kind: str) -> list[dict[str, Any]]:
    schema = fastavro.parse_schema(contract(kind).schema)
    assert {record.topic for record in got.low_rate} == {f"normalized.{kind}.v1"}
    assert {record.value[:5] for record in got.low_rate} == {contract(kind).header}
    return [fastavro.schemaless_reader(io.BytesIO(record.value[5:]), schema, None) for record in got.low_rate]


def test_a_cancel_names_the_trade_and_not_its_own_time() -> None:
    got = normalize(dumps(CANCEL))
    (row,) = records(got, "trade_cancel")
    assert (got.frames, len(got.trades), len(got.quotes)) == (1, 0, 0)
    assert (row["event_id"], row["entity_id"]) == ("sim:BTCUSDT:trade_cancel:7", "sim:BTCUSDT")
    assert (row["venue"], row["symbol"], row["entity_seq"]) == ("sim", "BTCUSDT", 1)
    assert (row["source_id"], row["source_seq"], str(row["ingest_date"])) == ("run", 1, "2024-08-09")
    assert (row["venue_trade_id"], row["revision"]) == ("5", 3)
    assert (row["event_time"] - row["trade_time"]).total_seconds() == 90_000  # a day later: only its own time is gated
    assert (got.low_rate[0].key, got.low_rate[0].event_time) == (b"sim:BTCUSDT", NOW)


def test_a_correction_carries_the_new_price_and_size_exactly() -> None:
    (row,) = records(normalize(dumps(CORRECT)), "trade_correct")
    assert (row["price"], row["size"]) == (Decimal("61800.30"), Decimal("0.006"))


def test_copies_are_dropped_and_numbers_are_dense() -> None:
    first, other = dumps(CANCEL), dumps({**CANCEL, "i": 8, "s": "ETHUSDT"})
    got = normalize(first, first, other, dumps({**CANCEL, "i": 9}))
    assert (got.frames, got.duplicates) == (3, 1)
    rows = [(row["entity_id"], row["entity_seq"]) for row in records(got, "trade_cancel")]
    assert rows == [("sim:BTCUSDT", 1), ("sim:ETHUSDT", 1), ("sim:BTCUSDT", 2)]


def reason(body: dict[str, Any]) -> str:
    payload = dumps(body)
    got = normalize(payload)
    assert (got.frames, got.low_rate, len(got.dead_letters)) == (0, [], 1)
    letter = got.dead_letters[0]
    kind = {"tradeCancel": "trade_cancel.v1", "tradeCorrect": "trade_correct.v1"}[body["e"]]
    assert letter.contract in (kind, "raw_envelope.v1")
    assert (letter.record, letter.dead_letter_id) == (value(payload), assign("sim", payload).event_id)
    assert letter.detail
    return letter.reason


BAD: list[tuple[dict[str, Any], str]] = [
    ({"s": ...}, "missing_field"),
    ({"s": 5}, "wrong_type"),
    ({"s": "btc"}, "unknown_symbol"),
    ({"i": ...}, "missing_field"),
    ({"i": "7"}, "wrong_type"),
    ({"i": -1}, "out_of_range"),
    ({"T": ...}, "missing_field"),
    ({"T": None}, "wrong_type"),
    ({"T": MILLIS // 1000}, "bad_time"),
    ({"T": MILLIS - 120_501}, "late"),
    ({"T": MILLIS + 5_001}, "future"),
    ({"t": ...}, "missing_field"),
    ({"t": "5"}, "wrong_type"),
    ({"t": True}, "wrong_type"),
    ({"t": 1 << 63}, "out_of_range"),
    ({"O": ...}, "missing_field"),
    ({"O": "1"}, "wrong_type"),
    ({"O": 5}, "bad_time"),
    ({"O": MILLIS + 1}, "bad_time"),
    ({"r": ...}, "missing_field"),
    ({"r": 1.0}, "wrong_type"),
    ({"r": -1}, "out_of_range"),
]
BAD_CORRECTION: list[tuple[dict[str, Any], str]] = [
    ({"p": ...}, "missing_field"),
    ({"p": 5}, "wrong_type"),
    ({"p": "x"}, "not_a_number"),
    ({"p": "0"}, "out_of_range"),
    ({"p": "0.0000000000001"}, "too_precise"),
    ({"q": ...}, "missing_field"),
    ({"q": None}, "wrong_type"),
    ({"q": "NaN"}, "not_a_number"),
    ({"q": "-1"}, "out_of_range"),
    ({"q": "1.0000000000001"}, "too_precise"),
    ({"p": "100000000", "q": "100000000"}, "out_of_range"),
]


@pytest.mark.parametrize(
    ("frame", "change", "expected"),
    [(CANCEL, *case) for case in BAD] + [(CORRECT, *case) for case in BAD + BAD_CORRECTION],
)
def test_every_bad_field_is_a_dead_letter(frame: dict[str, Any], change: dict[str, Any], expected: str) -> None:
    body = {name: item for name, item in {**frame, **change}.items() if item is not ...}
    if "T" in change and change["T"] is ...:
        assert assign("sim", dumps(body)).event_time == MILLIS * 1_000  # E stands in, but the contract wants T
    if isinstance(body.get("T"), int) and MILLIS - 200_000 < body["T"] < MILLIS:
        body["O"] = body["T"] - 1
    assert reason(body) == expected


@pytest.mark.parametrize("venue", ["binance_spot", "binance_usdm", "binance_coinm", "coinbase", "kraken"])
def test_other_venues_have_none(venue: str) -> None:
    found = assign(venue, dumps(CORRECT))
    assert (found.entity_id, found.channel) == (venue, "unassigned")
    got = normalize(dumps(CORRECT), venue=venue)
    assert [letter.reason for letter in got.dead_letters] in (["unknown_channel"], ["missing_field"])
