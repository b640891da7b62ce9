"""Every kind of bad input becomes a dead letter with its reason, its contract and its bytes; the rest goes on."""

from __future__ import annotations

import gc
import json
from typing import Any

import pytest

from udfs.gate.assign import assign
from udfs.normalize.normalizer import Normalized, Normalizer
from udfs.wire.envelope import decode, encode_one

NOW = 1_723_161_600_000_000  # µs, 2024-08-09T00:00Z
MILLIS = NOW // 1_000

TRADE: dict[str, Any] = {
    "e": "trade", "E": MILLIS, "s": "BTCUSDT", "t": 5, "p": "61800.30", "q": "0.006", "T": MILLIS, "m": False,
}  # fmt: skip
QUOTE: dict[str, Any] = {
    "e": "bookTicker", "u": 7, "s": "BTCUSDT", "b": "1.5", "B": "2", "a": "1.6", "A": "0", "T": MILLIS, "E": MILLIS,
}  # fmt: skip
MATCH: dict[str, Any] = {
    "type": "match", "trade_id": 5, "product_id": "BTC-USD", "time": "2024-08-09T00:00:00.000000Z", "side": "sell",
    "price": "61800.30", "size": "0.006",
}  # fmt: skip
TICKER: dict[str, Any] = {
    "type": "ticker", "sequence": 5, "product_id": "BTC-USD", "time": "2024-08-09T00:00:00Z", "best_bid": "1",
    "best_bid_size": "0", "best_ask": "2", "best_ask_size": "1",
}  # fmt: skip
PRINTS: list[Any] = [0, [["1.5", "2", "1723161600.000000", "b", "l", ""]], "trade", "XBT/USD"]
SPREAD: list[Any] = [0, ["1.5", "1.6", "1723161600.000000", "2", "0"], "spread", "XBT/USD"]

Case = tuple[dict[str, Any], str]


def value(venue: str, payload: bytes, ingest: int = NOW, seq: int = 1) -> bytes:
    found = assign(venue, payload)
    time, source = (ingest, "ingest") if found.event_time is None else (found.event_time, "venue")
    return encode_one(
        found.event_id, found.entity_id, venue, found.channel, time, source, ingest, "test", seq, payload
    )  # fmt: skip


def normalize(venue: str, payload: bytes, ingest: int = NOW) -> Normalized:
    """Send one frame the way a collector does: to the topic that its assignment names."""
    topic = f"raw.{venue}.{assign(venue, payload).channel}.v1"
    envelopes, _, bad = decode([value(venue, payload, ingest)])
    assert bad == []
    return Normalizer(topic).process(envelopes)


def reason(venue: str, payload: bytes, ingest: int = NOW) -> str:
    got = normalize(venue, payload, ingest)
    assert (got.frames, got.duplicates, got.not_normalized, len(got.dead_letters)) == (0, 0, 0, 1)
    letter = got.dead_letters[0]
    assert letter.record == value(venue, payload, ingest)
    assert letter.detail
    assert letter.domain == "normalization"
    assert letter.contract in ("trade.v1", "quote.v1", "raw_envelope.v1")
    assert letter.dead_letter_id == assign(venue, payload).event_id
    return letter.reason


def dumps(body: Any) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()


@pytest.mark.parametrize("venue", ["sim", "binance_spot", "binance_usdm", "binance_coinm", "coinbase", "kraken"])
@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"", "empty_payload"),
        (b" \n", "empty_payload"),
        (b"hello", "not_json"),
        (dumps(TRADE)[:-9], "not_json"),
        (dumps(TRADE) + b"}", "not_json"),
        (b'{"e":NaN}', "not_json"),
        (b"[" * 500 + b"]" * 500, "not_json"),
        (b"[" * 100_000, "not_json"),
        (b'{"e":"' + b"[" * 70 + b'\\"]"}', "unknown_channel"),
        (b"\xff\xfe\x00", "not_utf8"),
        (b'{"e":"\xed\xa0\x80"}', "not_utf8"),
        (b'{"e":"\\ud800"}', "not_json"),
        (b"1" * 5_000, "not_json"),
        (b'"text"', "wrong_type"),
        (b"null", "wrong_type"),
        (b'{"x":"' + b"a" * 5_000_000 + b'"}', "payload_too_large"),
    ],
)  # fmt: skip
def test_frames_that_are_no_frames(venue: str, payload: bytes, expected: str) -> None:
    assert assign(venue, payload).entity_id == venue
    assert assign(venue, payload).channel == "unassigned"
    if expected == "unknown_channel" and venue == "coinbase":
        expected = "missing_field"  # its frames name a type
    assert reason(venue, payload) == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"e": "kline"}, "unknown_channel"),
        ({"e": None}, "wrong_type"),
        ({"e": ...}, "unknown_channel"),
        ({"s": ...}, "missing_field"),
        ({"s": 5}, "wrong_type"),
        ({"s": ""}, "unknown_symbol"),
        ({"s": "btcusdt"}, "unknown_symbol"),
        ({"s": "BTC:USDT"}, "unknown_symbol"),
        ({"s": "BTC@agg"}, "unknown_symbol"),
        ({"s": "A" * 41}, "unknown_symbol"),
        ({"t": ...}, "missing_field"),
        ({"t": "5"}, "wrong_type"),
        ({"t": 5.0}, "wrong_type"),
        ({"t": True}, "wrong_type"),
        ({"t": -1}, "out_of_range"),
        ({"t": 1 << 63}, "out_of_range"),
        ({"p": ...}, "missing_field"),
        ({"p": 61800.3}, "wrong_type"),
        ({"p": None}, "wrong_type"),
        ({"p": "NaN"}, "not_a_number"),
        ({"p": "Infinity"}, "not_a_number"),
        ({"p": "abc"}, "not_a_number"),
        ({"p": ""}, "not_a_number"),
        ({"p": "1 "}, "not_a_number"),
        ({"p": "-1"}, "out_of_range"),
        ({"p": "0"}, "out_of_range"),
        ({"p": "0.000"}, "out_of_range"),
        ({"p": "1000000000000000.000000000001"}, "out_of_range"),
        ({"p": "1e16"}, "out_of_range"),
        ({"p": "9" * 10_000}, "out_of_range"),
        ({"p": "0.0000000000001"}, "too_precise"),
        ({"q": "0"}, "out_of_range"),
        ({"q": ...}, "missing_field"),
        ({"p": "100000000", "q": "100000000"}, "out_of_range"),
        ({"m": ...}, "missing_field"),
        ({"m": "true"}, "wrong_type"),
        ({"m": 0}, "wrong_type"),
        ({"T": ...}, "missing_field"),
        ({"T": str(MILLIS)}, "wrong_type"),
        ({"T": MILLIS + 0.5}, "wrong_type"),
        ({"T": MILLIS // 1_000}, "bad_time"),
        ({"T": NOW}, "bad_time"),
        ({"T": NOW * 1_000}, "bad_time"),
        ({"T": 0}, "bad_time"),
        ({"T": -MILLIS}, "bad_time"),
        ({"T": MILLIS - 365 * 86_400_000}, "late"),
        ({"T": MILLIS + 365 * 86_400_000}, "future"),
        ({"T": MILLIS - 120_001}, "late"),
        ({"T": MILLIS + 5_001}, "future"),
        ({"p": "0", "q": "0", "X": "NA"}, "out_of_range"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("wrapped", [False, True])
def test_binance_trades(change: dict[str, Any], expected: str, *, wrapped: bool) -> None:
    body = {key: item for key, item in (TRADE | change).items() if item is not ...}
    assert reason("binance_usdm", dumps({"stream": "x", "data": body} if wrapped else body)) == expected


@pytest.mark.parametrize(
    "change",
    [
        {}, {"T": MILLIS - 120_000}, {"T": MILLIS + 5_000}, {"p": "1000000000000000", "q": "0.000000000001"},
        {"q": "1000000000000000", "p": "1"},
        {"p": "99999999.999999999999", "q": "100000000"}, {"p": "+1e-12"}, {"t": (1 << 63) - 1},
        {"x": {"deep": [1]}}, {"s": "币安人生USDT"},
    ],
)  # fmt: skip
def test_edges_that_are_accepted(change: dict[str, Any]) -> None:
    got = normalize("binance_usdm", dumps(TRADE | change))
    assert (got.frames, len(got.trades), got.dead_letters) == (1, 1, [])


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"b": "0"}, "out_of_range"),
        ({"a": "0"}, "out_of_range"),
        ({"B": "-0.1"}, "out_of_range"),
        ({"A": ...}, "missing_field"),
        ({"B": 2}, "wrong_type"),
        ({"u": ...}, "missing_field"),
        ({"T": "x"}, "wrong_type"),
        ({"T": ..., "E": MILLIS // 1_000}, "bad_time"),
        ({"T": MILLIS - 200_000}, "late"),
    ],
)  # fmt: skip
def test_binance_quotes(change: dict[str, Any], expected: str) -> None:
    body = {key: item for key, item in (QUOTE | change).items() if item is not ...}
    assert reason("binance_usdm", dumps(body)) == expected


@pytest.mark.parametrize(
    ("body", "change", "expected"),
    [
        (MATCH, {"type": ...}, "missing_field"),
        (MATCH, {"type": "full"}, "unknown_channel"),
        (MATCH, {"type": 1}, "wrong_type"),
        (MATCH, {"product_id": "BTC"}, "unknown_symbol"),
        (MATCH, {"product_id": ...}, "missing_field"),
        (MATCH, {"trade_id": "5"}, "wrong_type"),
        (MATCH, {"side": "none"}, "wrong_type"),
        (MATCH, {"side": None}, "wrong_type"),
        (MATCH, {"side": ...}, "missing_field"),
        (MATCH, {"price": "x"}, "not_a_number"),
        (MATCH, {"size": 1}, "wrong_type"),
        (MATCH, {"time": ...}, "missing_field"),
        (MATCH, {"time": MILLIS}, "wrong_type"),
        (MATCH, {"time": "yesterday"}, "bad_time"),
        (MATCH, {"time": "2024-02-30T00:00:00Z"}, "bad_time"),
        (MATCH, {"time": "2024-08-09T00:00:00.0000001Z"}, "bad_time"),
        (MATCH, {"time": "1999-08-09T00:00:00Z"}, "bad_time"),
        (MATCH, {"time": "2023-08-09T00:00:00Z"}, "late"),
        (MATCH, {"time": "2025-08-09T00:00:00Z"}, "future"),
        (TICKER, {"best_bid": ...}, "missing_field"),
        (TICKER, {"best_bid": ""}, "not_a_number"),
        (TICKER, {"sequence": None}, "wrong_type"),
        (TICKER, {"best_ask_size": "-1"}, "out_of_range"),
    ],
)
def test_coinbase(body: dict[str, Any], change: dict[str, Any], expected: str) -> None:
    changed = {key: item for key, item in (body | change).items() if item is not ...}
    assert reason("coinbase", dumps(changed)) == expected


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (PRINTS[:3], "missing_field"),
        ([0, PRINTS[1], "ohlc-5", "XBT/USD"], "unknown_channel"),
        ([0, PRINTS[1], 5, "XBT/USD"], "wrong_type"),
        ([0, PRINTS[1], "trade", "XBTUSD"], "unknown_symbol"),
        ([0, {}, "trade", "XBT/USD"], "wrong_type"),
        ([0, [], "trade", "XBT/USD"], "missing_field"),
        ([0, ["x"], "trade", "XBT/USD"], "wrong_type"),
        ([0, [["1", "2", "3"]], "trade", "XBT/USD"], "missing_field"),
        ([0, [["1", "2", "1723161600.0", "x"]], "trade", "XBT/USD"], "wrong_type"),
        ([0, [[1, "2", "1723161600.0", "b"]], "trade", "XBT/USD"], "wrong_type"),
        ([0, [["1", "2", 1723161600.0, "b"]], "trade", "XBT/USD"], "wrong_type"),
        ([0, [["1", "2", "1723161600000", "b"]], "trade", "XBT/USD"], "bad_time"),
        ([0, [*PRINTS[1], ["1", "2", "1723161000.0", "b"]], "trade", "XBT/USD"], "late"),
        ([0, ["1", "2", "1723161600.0"], "spread", "XBT/USD"], "missing_field"),
        ([0, ["1", "2", "1691539200.0", "1", "1"], "spread", "XBT/USD"], "late"),
        ([0, ["1", "2", "1723161600.0", "1", "many"], "spread", "XBT/USD"], "not_a_number"),
        ({"reqid": 1}, "unknown_channel"),
    ],
)
def test_kraken(frame: Any, expected: str) -> None:
    assert reason("kraken", dumps(frame)) == expected


@pytest.mark.parametrize(
    ("venue", "body"),
    [
        ("binance_spot", {"lastUpdateId": 5, "bids": [], "asks": []}),
        ("binance_spot", {"result": None, "id": 1}),
        ("binance_usdm", {"e": "depthUpdate", "E": MILLIS, "T": MILLIS, "s": "BTCUSDT", "U": 1, "u": 2, "b": [],
        "a": []}),
        ("coinbase", {"type": "subscriptions", "channels": []}),
        ("coinbase", {"type": "heartbeat", "sequence": 90}),
        ("kraken", {"event": "heartbeat"}),
        ("kraken", {"event": "systemStatus", "status": "online"}),
    ],
)  # fmt: skip
def test_known_kinds_without_a_contract_are_counted_not_rejected(venue: str, body: dict[str, Any]) -> None:
    got = normalize(venue, dumps(body))
    assert (got.not_normalized, got.frames, got.dead_letters) == (1, 0, [])


def test_one_bad_frame_among_many_stops_nothing() -> None:
    bodies = [TRADE | {"t": number} for number in range(1, 8)]
    bodies[3] = bodies[3] | {"p": "NaN"}
    envelopes, _, _ = decode([value("sim", dumps(body), seq=k) for k, body in enumerate(bodies, 1)])
    got = Normalizer("raw.sim.trade.v1").process(envelopes)
    assert got.frames == 6
    assert [letter.dead_letter_id for letter in got.dead_letters] == ["sim:BTCUSDT:trade:4"]
    assert got.trades.entity_seq.tolist() == [1, 2, 3, 4, 5, 6]


def test_a_resent_bad_frame_is_one_dead_letter() -> None:
    body = dumps(TRADE | {"p": "NaN"})
    values = [value("sim", body, seq=1), value("sim", body, seq=1), value("sim", body, seq=2)]
    got = Normalizer("raw.sim.trade.v1").process(decode(values)[0])
    assert (len(got.dead_letters), got.duplicates) == (1, 2)


@pytest.mark.parametrize("payload", [b"{", b"\xff", json.dumps({**TRADE, "p": "-1"}).encode()])
def test_a_rejected_record_keeps_nothing_of_its_batch(payload: bytes) -> None:
    normalize("sim", payload)
    gc.collect()
    gc.disable()
    try:
        normalize("sim", payload)
        assert gc.collect() == 0, "the batch was in a cycle"
    finally:
        gc.enable()
