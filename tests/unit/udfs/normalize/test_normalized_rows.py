"""What accepted frames of each venue become, written out by hand."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from typing import Any

import fastavro
import pytest

from schemas.contracts import contract
from udfs.gate.assign import Assignment, assign
from udfs.normalize.normalizer import Normalizer
from udfs.wire.envelope import decode, encode_one

NOW = 1_723_161_600_500_000
EVENT = 1_723_161_600_123_000


def rows(venue: str, payload: bytes) -> list[dict[str, Any]]:
    found = assign(venue, payload)
    time, source = (NOW, "ingest") if found.event_time is None else (found.event_time, "venue")
    value = encode_one(found.event_id, found.entity_id, venue, found.channel, time, source, NOW, "run", 9, payload)
    got = Normalizer(f"raw.{venue}.{found.channel}.v1").process(decode([value])[0])
    assert got.dead_letters == []
    kind = "trade" if len(got.trades) else "quote"
    schema = fastavro.parse_schema(contract(kind).schema)
    values = (got.trades if len(got.trades) else got.quotes).encode()
    return [fastavro.schemaless_reader(io.BytesIO(item[5:]), schema, None) for item in values]


def test_usdm_trade() -> None:
    payload = (
        b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161600124,"T":1723161600123,"s":"BTCUSDT",'
        b'"t":5266583935,"p":"61800.30","q":"0.006","X":"MARKET","m":true}}'
    )
    (row,) = rows("binance_usdm", payload)
    assert (row["event_id"], row["entity_id"]) == ("binance_usdm:BTCUSDT:trade:5266583935", "binance_usdm:BTCUSDT")
    assert (row["venue"], row["symbol"], row["venue_trade_id"]) == ("binance_usdm", "BTCUSDT", "5266583935")
    assert (row["price"], row["size"], row["aggressor"]) == (Decimal("61800.30"), Decimal("0.006"), "sell")
    assert row["event_time"].timestamp() * 1_000_000 == pytest.approx(EVENT)
    assert (row["event_time_source"], row["source_id"], row["source_seq"], row["entity_seq"]) == ("venue", "run", 9, 1)
    assert str(row["ingest_date"]) == "2024-08-09"


def test_aggregate_prints_have_an_entity_of_their_own() -> None:
    payload = (
        b'{"e":"aggTrade","E":1723161600124,"s":"BTCUSD_PERP","a":77,"p":"61800.3","q":"5","f":1,"l":3,'
        b'"T":1723161600123,"m":false,"ps":"BTCUSD"}'
    )
    (row,) = rows("binance_coinm", payload)
    assert row["entity_id"] == "binance_coinm:BTCUSD_PERP@agg"
    assert row["event_id"] == "binance_coinm:BTCUSD_PERP@agg:agg_trade:77"
    assert (row["symbol"], row["venue_trade_id"], row["aggressor"]) == ("BTCUSD_PERP", "77", "buy")


def test_spot_quotes_carry_the_ingest_time() -> None:
    (row,) = rows("binance_spot", b'{"u":5,"s":"BTCUSDT","b":"1.50000000","B":"0.00000000","a":"1.6","A":"7"}')
    assert (row["event_time"], row["event_time_source"]) == (row["ingest_time"], "ingest")
    assert (row["bid_price"], row["bid_size"], row["ask_size"]) == (Decimal("1.5"), Decimal(0), Decimal(7))
    assert row["venue_update_id"] == "5"


def test_coinbase_names_the_makers_side() -> None:
    payload = json.dumps({
        "type": "last_match", "trade_id": 10, "sequence": 50, "maker_order_id": "a", "taker_order_id": "b",
        "time": "2024-08-09T00:00:00.123000Z", "product_id": "BTC-USD", "size": "5.23512", "price": "400.23",
        "side": "sell",
    }).encode()  # fmt: skip
    (row,) = rows("coinbase", payload)
    assert (row["event_id"], row["aggressor"], row["symbol"]) == ("coinbase:BTC-USD:match:10", "buy", "BTC-USD")


def test_one_kraken_frame_holds_many_prints() -> None:
    prints = [
        ["5541.20000", "0.15850568", "1723161600.123000", "s", "l", ""],
        ["6060.0", "1", "1723161600.1", "b", "l", ""],
    ]
    got = rows("kraken", json.dumps([119, prints, "trade", "XBT/USD"]).encode())
    assert [row["entity_seq"] for row in got] == [1, 2]
    assert [row["event_id"][-2:] for row in got] == ["#0", "#1"]
    assert [row["aggressor"] for row in got] == ["sell", "buy"]
    assert {row["venue_trade_id"] for row in got} == {""}
    assert got[1]["event_time"].microsecond == 100_000


@pytest.mark.parametrize(
    ("venue", "payload", "expected"),
    [
        ("binance_usdm", b'{"e":"depthUpdate","E":1723161600124,"s":"BTCUSDT","U":3,"u":9,"b":[["1","2"]],"a":[]}',
         Assignment("binance_usdm:BTCUSDT", "depth", "binance_usdm:BTCUSDT:depth:3-9", 1_723_161_600_124_000)),
        ("binance_usdm", b'{"e":"trade","s":"BTCUSDT","t":3,"T":1723161600}',
         Assignment("binance_usdm:BTCUSDT", "trade", "binance_usdm:BTCUSDT:trade:3", None)),
        ("kraken", b'[1,["1","2","1723161600.5","1","1"],"spread","XBT/USD"]',
         Assignment("kraken:XBT/USD", "spread",
         "kraken:XBT/USD:spread:40eaa051f63964caa0cb7dcd74374c2a", 1_723_161_600_500_000)),
        ("kraken", b'{"event":"heartbeat"}',
         Assignment("kraken", "control", "kraken:control:1ca9b630498328e4ae4ea49115d0b74d", None)),
        ("sim", b"\x00",
         Assignment("sim", "unassigned", "sim:unassigned:7025e075d5e2f6cde3cc051a31f07660", None)),
    ],
)  # fmt: skip
def test_assignments_are_pinned(venue: str, payload: bytes, expected: Assignment) -> None:
    """An id that changes makes every event of the past a new one: these may never change."""
    assert assign(venue, payload) == expected
