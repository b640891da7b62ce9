"""What a frame of each venue and kind becomes: the venue's own example, and the record written out by hand beside it.

The frames are those of the venues' documentation (Binance: spot, USD-M and COIN-M WebSocket streams; Coinbase Exchange:
matches and ticker channels; Kraken: WebSocket v1), and lines of captures. Nothing here is computed by the code that is
tested; every value was read off the frame.
"""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from support.captures import capture
from support.normalized import normalize, records

LATER = 300_000  # µs between the venue's time and ours
TRADE, QUOTE, GAPS = "normalized.trade.v1", "normalized.quote.v1", "normalized.gaps.v1"
CANCEL, CORRECT = "normalized.trade_cancel.v1", "normalized.trade_correct.v1"
ACTION, CLOSE = "normalized.corporate_action.v1", "normalized.daily_close.v1"


class Example(NamedTuple):
    """A frame, the raw topic that it belongs to, its time (µs), and the records that it becomes: topic and fields."""

    venue: str
    frame: str
    topic: str
    time: int
    records: list[tuple[str, dict[str, Any]]]


def trade(
    symbol: str, number: str, price: str, size: str, aggressor: str, time: int, **others: Any
) -> tuple[str, dict[str, Any]]:
    return TRADE, {
        "symbol": symbol, "venue_trade_id": number, "price": price, "size": size,
        "aggressor": aggressor, "event_time": time, "event_time_source": "venue", **others,
    }  # fmt: skip


def quote(
    symbol: str, number: str, *, bid: str, bid_size: str, ask: str, ask_size: str, time: int, **others: Any
) -> tuple[str, dict[str, Any]]:
    return QUOTE, {
        "symbol": symbol, "venue_update_id": number, "bid_price": bid, "bid_size": bid_size, "ask_price": ask,
        "ask_size": ask_size, "event_time": time, "event_time_source": "venue", **others,
    }  # fmt: skip


EXAMPLES = {
    # m: the buyer is the market maker, so the taker sold.
    "spot trade": Example(
        "binance_spot",
        '{"e":"trade","E":1672515782136,"s":"BNBBTC","t":12345,"p":"0.001","q":"100","T":1672515782136,"m":true,"M":true}',
        "raw.binance_spot.trade.v1", 1_672_515_782_136_000,
        [trade("BNBBTC", "12345", "0.001", "100", "sell", 1_672_515_782_136_000,
               entity_id="binance_spot:BNBBTC", event_id="binance_spot:BNBBTC:trade:12345")],
    ),
    "spot aggTrade": Example(
        "binance_spot",
        '{"e":"aggTrade","E":1672515782136,"s":"BNBBTC","a":12346,"p":"0.001","q":"100","f":100,"l":105,'
        '"T":1672515782137,"m":true,"M":true}',
        "raw.binance_spot.agg_trade.v1", 1_672_515_782_137_000,
        [trade("BNBBTC", "12346", "0.001", "100", "sell", 1_672_515_782_137_000,
               entity_id="binance_spot:BNBBTC@agg", event_id="binance_spot:BNBBTC@agg:agg_trade:12346")],
    ),
    # Spot's book ticker has no time: the time is when it was received.
    "spot bookTicker": Example(
        "binance_spot",
        '{"u":400900217,"s":"BNBUSDT","b":"25.35190000","B":"31.21000000","a":"25.36520000","A":"40.66000000"}',
        "raw.binance_spot.book_ticker.v1", 1_672_515_782_136_000,
        [quote("BNBUSDT", "400900217", bid="25.3519", bid_size="31.21", ask="25.3652", ask_size="40.66",
               time=1_672_515_782_136_000 + LATER, event_time_source="ingest", entity_id="binance_spot:BNBUSDT",
               event_id="binance_spot:BNBUSDT:book_ticker:400900217")],
    ),
    "spot depth": Example(
        "binance_spot",
        '{"e":"depthUpdate","E":1672515782136,"s":"BNBBTC","U":157,"u":160,"b":[["0.0024","10"]],"a":[["0.0026","100"]]}',
        "raw.binance_spot.depth.v1", 1_672_515_782_136_000, [],
    ),
    "USD-M trade": Example(
        "binance_usdm",
        '{"e":"trade","E":1723161256325,"T":1723161256322,"s":"BTCUSDT","t":5266583935,"p":"61800.30","q":"0.006",'
        '"X":"MARKET","m":false}',
        "raw.binance_usdm.trade.v1", 1_723_161_256_322_000,
        [trade("BTCUSDT", "5266583935", "61800.3", "0.006", "buy", 1_723_161_256_322_000)],
    ),
    # The trade's time counts (T), not the event's (E).
    "USD-M aggTrade": Example(
        "binance_usdm",
        '{"e":"aggTrade","E":1672515782999,"s":"BTCUSDT","a":5933014,"p":"0.001","q":"100","f":100,"l":105,'
        '"T":1672515782785,"m":true}',
        "raw.binance_usdm.agg_trade.v1", 1_672_515_782_785_000,
        [trade("BTCUSDT", "5933014", "0.001", "100", "sell", 1_672_515_782_785_000,
               entity_id="binance_usdm:BTCUSDT@agg")],
    ),
    "USD-M bookTicker": Example(
        "binance_usdm",
        '{"e":"bookTicker","u":400900217,"E":1568014460893,"T":1568014460891,"s":"BNBUSDT","b":"25.35190000",'
        '"B":"31.21000000","a":"25.36520000","A":"40.66000000"}',
        "raw.binance_usdm.book_ticker.v1", 1_568_014_460_891_000,
        [quote("BNBUSDT", "400900217", bid="25.3519", bid_size="31.21", ask="25.3652", ask_size="40.66",
               time=1_568_014_460_891_000)],
    ),
    "USD-M depth": Example(
        "binance_usdm",
        '{"e":"depthUpdate","E":1571889248277,"T":1571889248276,"s":"BTCUSDT","U":390497796,"u":390497878,'
        '"pu":390497794,"b":[["7403.89","0.002"]],"a":[["7405.96","3.340"]]}',
        "raw.binance_usdm.depth.v1", 1_571_889_248_276_000, [],
    ),
    "COIN-M aggTrade": Example(
        "binance_coinm",
        '{"e":"aggTrade","E":1591261134288,"a":424951,"s":"BTCUSD_200626","p":"9643.5","q":"2","f":606073,"l":606073,'
        '"T":1591261134199,"m":false}',
        "raw.binance_coinm.agg_trade.v1", 1_591_261_134_199_000,
        [trade("BTCUSD_200626", "424951", "9643.5", "2", "buy", 1_591_261_134_199_000)],
    ),
    "COIN-M trade": Example(
        "binance_coinm",
        '{"e":"trade","E":1591261134288,"T":1591261134199,"s":"BTCUSD_PERP","t":606073,"p":"9643.5","q":"3","X":"MARKET",'
        '"m":true}',
        "raw.binance_coinm.trade.v1", 1_591_261_134_199_000,
        [trade("BTCUSD_PERP", "606073", "9643.5", "3", "sell", 1_591_261_134_199_000)],
    ),
    # `ps` is the pair of the contract, never its symbol.
    "COIN-M bookTicker": Example(
        "binance_coinm",
        '{"e":"bookTicker","u":17242169,"s":"BTCUSD_200626","ps":"BTCUSD","b":"9548.1","B":"52","a":"9548.5","A":"11",'
        '"T":1591268628155,"E":1591268628166}',
        "raw.binance_coinm.book_ticker.v1", 1_591_268_628_155_000,
        [quote("BTCUSD_200626", "17242169", bid="9548.1", bid_size="52", ask="9548.5", ask_size="11",
               time=1_591_268_628_155_000)],
    ),
    "COIN-M depth": Example(
        "binance_coinm",
        '{"e":"depthUpdate","E":1591270260907,"T":1591270260891,"s":"BTCUSD_200626","ps":"BTCUSD","U":17285681,'
        '"u":17285702,"pu":17285675,"b":[["9517.6","10"]],"a":[["9518.5","45"]]}',
        "raw.binance_coinm.depth.v1", 1_591_270_260_891_000, [],
    ),
    # Coinbase names the maker's side: who sold to a maker's buy order, or bought from a sell order, took.
    "Coinbase match": Example(
        "coinbase",
        '{"type":"match","trade_id":10,"sequence":50,"maker_order_id":"ac928c66-ca53-498f-9c13-a110027a60e8",'
        '"taker_order_id":"132fb6ae-456b-4654-b4e0-d681ac05cea1","time":"2014-11-07T08:19:27.028459Z",'
        '"product_id":"BTC-USD","size":"5.23512","price":"400.23","side":"sell"}',
        "raw.coinbase.match.v1", 1_415_348_367_028_459,
        [trade("BTC-USD", "10", "400.23", "5.23512", "buy", 1_415_348_367_028_459,
               entity_id="coinbase:BTC-USD", event_id="coinbase:BTC-USD:match:10")],
    ),
    "Coinbase last_match": Example(
        "coinbase",
        '{"type":"last_match","trade_id":11,"maker_order_id":"a","taker_order_id":"b","side":"buy","size":"0.04",'
        '"price":"14.7775","product_id":"BAND-GBP","sequence":333938798,"time":"2021-04-17T16:43:30.244075Z"}',
        "raw.coinbase.match.v1", 1_618_677_810_244_075,
        [trade("BAND-GBP", "11", "14.7775", "0.04", "sell", 1_618_677_810_244_075)],
    ),
    # The ticker's price, side and last_size are the last trade's: of no concern to the quote.
    "Coinbase ticker": Example(
        "coinbase",
        '{"type":"ticker","sequence":37475248783,"product_id":"ETH-USD","price":"1285.22","open_24h":"1310.79",'
        '"volume_24h":"245532.79269678","low_24h":"1280.52","high_24h":"1313.8","volume_30d":"9788783.60117027",'
        '"best_bid":"1285.04","best_bid_size":"0.46688654","best_ask":"1285.27","best_ask_size":"1.56637040",'
        '"side":"buy","time":"2022-10-19T23:28:22.061769Z","trade_id":370843401,"last_size":"11.4396987"}',
        "raw.coinbase.ticker.v1", 1_666_222_102_061_769,
        [quote("ETH-USD", "37475248783", bid="1285.04", bid_size="0.46688654", ask="1285.27", ask_size="1.5663704",
               time=1_666_222_102_061_769)],
    ),
    "Coinbase heartbeat": Example(
        "coinbase",
        '{"type":"heartbeat","sequence":90,"last_trade_id":20,"product_id":"BTC-USD","time":"2014-11-07T08:19:28.464459Z"}',
        "raw.coinbase.control.v1", 1_415_348_368_464_459, [],
    ),
    # [price, volume, time, side of the taker, market or limit, misc]; the venue numbers no trades.
    "Kraken trade": Example(
        "kraken",
        '[0,[["5541.20000","0.15850568","1534614057.321597","s","l",""],'
        '["6060.00000","0.02455000","1534614057.324998","b","l",""]],"trade","XBT/USD"]',
        "raw.kraken.trade.v1", 1_534_614_057_324_998,
        [
            trade("XBT/USD", "", "5541.2", "0.15850568", "sell", 1_534_614_057_321_597,
                  entity_id="kraken:XBT/USD", event_id="kraken:XBT/USD:trade:1a2ede0d3cbbfaf74caf1649e669981b#0"),
            trade("XBT/USD", "", "6060", "0.02455", "buy", 1_534_614_057_324_998,
                  entity_id="kraken:XBT/USD", event_id="kraken:XBT/USD:trade:1a2ede0d3cbbfaf74caf1649e669981b#1"),
        ],
    ),
    # [bid, ask, timestamp, bid volume, ask volume]
    "Kraken spread": Example(
        "kraken",
        '[0,["5698.40000","5700.00000","1542057299.545897","1.01234567","0.98765432"],"spread","XBT/USD"]',
        "raw.kraken.spread.v1", 1_542_057_299_545_897,
        [quote("XBT/USD", "", bid="5698.4", bid_size="1.01234567", ask="5700", ask_size="0.98765432",
               time=1_542_057_299_545_897, event_id="kraken:XBT/USD:spread:9e8a2607c1b8eb12d8f2cc6836767f7f")],
    ),
    "Kraken heartbeat": Example("kraken", '{"event":"heartbeat"}', "raw.kraken.control.v1", 1_542_057_299_545_897, []),
    # The simulator speaks Binance's dialect, and revises trades: O is the time of the trade that is meant.
    "simulator trade": Example(
        "sim",
        '{"e":"trade","E":1767623400001,"s":"AUSDT","t":7,"p":"2.5","q":"4","T":1767623400000,"m":false,"M":true}',
        "raw.sim.trade.v1", 1_767_623_400_000_000,
        [trade("AUSDT", "7", "2.5", "4", "buy", 1_767_623_400_000_000)],
    ),
    "simulator aggTrade": Example(
        "sim",
        '{"e":"aggTrade","E":1767623400001,"s":"AUSDT","a":8,"p":"2.5","q":"4","f":1,"l":2,"T":1767623400000,"m":true}',
        "raw.sim.agg_trade.v1", 1_767_623_400_000_000,
        [trade("AUSDT", "8", "2.5", "4", "sell", 1_767_623_400_000_000, entity_id="sim:AUSDT@agg")],
    ),
    "simulator bookTicker": Example(
        "sim",
        '{"e":"bookTicker","u":9,"s":"AUSDT","b":"1","B":"2","a":"3","A":"4","T":1767623400000,"E":1767623400001}',
        "raw.sim.book_ticker.v1", 1_767_623_400_000_000,
        [quote("AUSDT", "9", bid="1", bid_size="2", ask="3", ask_size="4", time=1_767_623_400_000_000)],
    ),
    "simulator depth": Example(
        "sim",
        '{"e":"depthUpdate","E":1767623400001,"T":1767623400000,"s":"AUSDT","U":5,"u":6,"b":[["1","2"]],"a":[]}',
        "raw.sim.depth.v1", 1_767_623_400_000_000, [],
    ),
    "simulator cancel": Example(
        "sim",
        '{"e":"tradeCancel","E":1767623400001,"s":"AUSDT","i":70,"t":7,"T":1767623400000,"O":1767623390000,"r":2}',
        "raw.sim.trade_cancel.v1", 1_767_623_400_000_000,
        [(CANCEL, {"event_id": "sim:AUSDT:trade_cancel:70", "entity_id": "sim:AUSDT", "symbol": "AUSDT",
                   "venue_trade_id": "7", "event_time": 1_767_623_400_000_000, "trade_time": 1_767_623_390_000_000,
                   "revision": 2})],
    ),
    "simulator correction": Example(
        "sim",
        '{"e":"tradeCorrect","E":1767623400001,"s":"AUSDT","i":71,"t":7,"T":1767623400000,"O":1767623390000,"r":3,'
        '"p":"2.25","q":"8"}',
        "raw.sim.trade_correct.v1", 1_767_623_400_000_000,
        [(CORRECT, {"event_id": "sim:AUSDT:trade_correct:71", "entity_id": "sim:AUSDT", "symbol": "AUSDT",
                    "venue_trade_id": "7", "event_time": 1_767_623_400_000_000, "trade_time": 1_767_623_390_000_000,
                    "revision": 3, "price": "2.25", "size": "8"})],
    ),
    # Reference data: dates as days since 1970-01-01, known since it was received.
    "split": Example(
        "reference",
        '{"channel":"corporate_action","symbol":"ABC","fields":{"action_id":"s1","kind":"split","ex_date":"2024-05-03",'
        '"ratio":"3:2","announced_at":"2024-05-01T12:00:00Z","revision":"2"}}',
        "raw.reference.corporate_action.v1", 1_714_694_400_000_000,
        [(ACTION, {"event_id": "reference:ABC:corporate_action:s1@2", "entity_id": "reference:ABC", "symbol": "ABC",
                   "event_time": 1_714_694_400_000_000 + LATER, "event_time_source": "ingest", "action_id": "s1",
                   "revision": 2, "status": "announced", "kind": "split", "ex_date": 19_846,
                   "announced_time": 1_714_564_800_000_000, "ratio_numerator": "3", "ratio_denominator": "2",
                   "amount": "0", "currency": "", "new_symbol": ""})],
    ),
    "dividend of a price row": Example(
        "reference",
        '{"channel":"corporate_action","symbol":"ABC","kind":"cash_dividend","currency":"USD","fields":{"Datetime":'
        '"2022-04-26 00:00:00-04:00","Close":"53.48","Adj Close":"46.395","Volume":"856700","Dividends":"0.125",'
        '"Stock Splits":"0.0"}}',
        "raw.reference.corporate_action.v1", 1_714_694_400_000_000,
        [(ACTION, {"action_id": "cash_dividend:19108", "revision": 0, "status": "announced", "kind": "cash_dividend",
                   "ex_date": 19_108, "announced_time": 1_714_694_400_000_000 + LATER, "ratio_numerator": "1",
                   "ratio_denominator": "1", "amount": "0.125", "currency": "USD", "new_symbol": ""})],
    ),
    "daily close": Example(
        "reference",
        '{"channel":"daily_close","symbol":"ABC","fields":{"date":"2024-05-02","close":"10.50","volume":"1e3",'
        '"published_adjusted_close":"7.0","currency":"EUR"}}',
        "raw.reference.daily_close.v1", 1_714_694_400_000_000,
        [(CLOSE, {"event_id": "reference:ABC:daily_close:19845@0", "entity_id": "reference:ABC", "date": 19_845,
                  "revision": 0, "close": "10.5", "volume": "1000", "published_adjusted_close": "7", "currency": "EUR",
                  "basis": "as_traded"})],
    ),
    "daily close of a price row": Example(
        "reference",
        '{"channel":"daily_close","symbol":"ABC","fields":{"Datetime":"2022-04-26 00:00:00-04:00","Close":"53.48",'
        '"Adj Close":"46.395","Volume":"856700","Dividends":"0.125","Stock Splits":"0.0"}}',
        "raw.reference.daily_close.v1", 1_714_694_400_000_000,
        [(CLOSE, {"date": 19_108, "close": "53.48", "volume": "856700", "published_adjusted_close": "46.395",
                  "currency": "", "basis": "split_adjusted"})],
    ),
}  # fmt: skip
NUMBERS = {"price", "size", "bid_price", "bid_size", "ask_price", "ask_size"}


def check(example: Example, payload: bytes, received: int) -> None:
    """Hold what a frame becomes against the example, field by field."""
    topic, out = normalize(example.venue, (received, payload))
    assert (topic, [(letter.reason, letter.detail) for letter in out.dead_letters]) == (example.topic, [])
    found = records(out)
    assert [name for name, _ in found] == [name for name, _ in example.records]
    for number, ((_, record), (_, expected)) in enumerate(zip(found, example.records, strict=True), 1):
        assert {name: record[name] for name in expected} == {
            name: Decimal(value) if name in NUMBERS else value for name, value in expected.items()
        }
        assert (record["venue"], record["ingest_time"], record["ingest_date"]) == (
            example.venue, received, received // 86_400_000_000,
        )  # fmt: skip
        assert (record["entity_seq"], record["source_id"], record["source_seq"]) == (number, "run", 1)


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_frame_becomes_what_its_venue_means(name: str) -> None:
    example = EXAMPLES[name]
    check(example, example.frame.encode(), example.time + LATER)


@pytest.mark.parametrize("name", EXAMPLES)
def test_blanks_and_order_of_fields_mean_nothing(name: str) -> None:
    """Such a frame is read by the gate; the compiled scanners leave it."""
    example = EXAMPLES[name]
    body = json.loads(example.frame)
    again = dict(reversed(body.items())) if isinstance(body, dict) else body
    check(example, json.dumps(again, indent=1).encode(), example.time + LATER)


@pytest.mark.parametrize("name", [name for name, one in EXAMPLES.items() if one.venue.startswith(("binance", "sim"))])
def test_a_combined_stream_is_its_frame(name: str) -> None:
    example = EXAMPLES[name]
    check(example, f'{{"stream":"x@y","data":{example.frame}}}'.encode(), example.time + LATER)


#: A line of a capture, found by a text in it, and what it becomes.
CAPTURED = [
    ("binance", "usdm_btcusdt_20240808.gz", "binance_usdm", b'"t":5266583935,', 1_723_161_256_322_000,
     trade("BTCUSDT", "5266583935", "61800.3", "0.006", "buy", 1_723_161_256_322_000)),
    ("binance", "usdm_btcusdt_20240808.gz", "binance_usdm", b'"u":5123107839020,', 1_723_161_256_313_000,
     quote("BTCUSDT", "5123107839020", bid="61800.2", bid_size="2.507", ask="61800.3", ask_size="2.51",
           time=1_723_161_256_313_000)),
    ("binance", "spot_btcusdt_20240808.gz", "binance_spot", b'"t":3735683259,', 1_723_161_255_342_000,
     trade("BTCUSDT", "3735683259", "61837.63", "0.02", "sell", 1_723_161_255_342_000)),
    ("binance", "spot_btcusdt_20240808.gz", "binance_spot", b'"u":50093239212,', 1_723_161_254_087_896,
     quote("BTCUSDT", "50093239212", bid="61837.63", bid_size="3.78826", ask="61837.64", ask_size="1.54698",
           time=1_723_161_254_087_896 + LATER, event_time_source="ingest")),
    ("klines", "binance_usdm_20210722.gz", "binance_usdm", b'"a":16599292,', 1_626_992_741_421_000,
     trade("CTKUSDT", "16599292", "1.011", "10", "buy", 1_626_992_741_421_000,
           entity_id="binance_usdm:CTKUSDT@agg")),
    ("books", "coinbase_20210417.gz", "coinbase", b'"trade_id":881613,"maker', 1_618_677_810_244_075,
     trade("BAND-GBP", "881613", "14.7775", "0.04", "buy", 1_618_677_810_244_075)),
    ("books", "coinbase_20210417.gz", "coinbase", b'"trade_id":82007,"maker', 1_618_677_809_571_587,
     trade("SKL-GBP", "82007", "0.5752", "1008.2", "sell", 1_618_677_809_571_587)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("folder", "name", "venue", "text", "time", "expected"), CAPTURED, ids=lambda one: str(one)[:24]
)
def test_a_captured_line_becomes_what_its_venue_means(
    folder: str, name: str, venue: str, text: bytes, time: int, expected: tuple[str, dict[str, Any]]
) -> None:
    with gzip.open(capture(name, folder)) as lines:
        line = next(line for line in lines if text in line)
    payload = line[line.index(b"{") :].rstrip()
    topic, _ = normalize(venue, (time + LATER, payload))
    check(Example(venue, "", topic, time, [expected]), payload, time + LATER)


#: Three frames with a hole in the venue's numbers before the second, and what is missing, as the venue counts.
HOLES = {
    "spot": (
        "binance_spot", '{{"e":"depthUpdate","E":{t},"s":"BNBBTC","U":{0},"u":{1},"b":[],"a":[]}}',
        [(157, 160), (164, 170), (171, 175)], (161, 163),
    ),
    # Of the futures, U is not the number after the last u: pu says which frame this one follows.
    "USD-M": (
        "binance_usdm", '{{"e":"depthUpdate","E":{t},"T":{t},"s":"B","U":{0},"u":{1},"pu":{2},"b":[],"a":[]}}',
        [(150, 160, 140), (190, 200, 180), (210, 220, 200)], (161, 180),
    ),
    "trade": (
        "binance_spot", '{{"e":"trade","E":{t},"s":"BNBBTC","t":{0},"p":"1","q":"1","T":{t},"m":true,"M":true}}',
        [(7,), (11,), (12,)], (8, 10),
    ),
    "aggTrade": (
        "binance_usdm", '{{"e":"aggTrade","E":{t},"s":"B","a":{0},"p":"1","q":"1","f":1,"l":9,"T":{t},"m":true}}',
        [(7,), (9,), (10,)], (8, 8),
    ),
    "match": (
        "coinbase", '{{"type":"match","trade_id":{0},"time":"2021-04-17T16:43:3{s}Z","product_id":"A-B","size":"1",'
        '"price":"1","side":"buy"}}',
        [(20,), (23,), (24,)], (21, 22),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HOLES)
def test_a_hole_in_the_venues_numbers_is_told(name: str) -> None:
    venue, form, numbers, missing = HOLES[name]
    start = 1_618_677_810  # 2021-04-17T16:43:30Z
    # The third comes when the grace of 5 s is over.
    frames = [
        (1_000_000 * (start + s) + LATER, form.format(*those, t=1_000 * (start + s), s=s).encode())
        for s, those in zip((0, 1, 7), numbers, strict=True)
    ]
    _, out = normalize(venue, *frames)
    (gap,) = (record for topic, record in records(out) if topic == GAPS)
    assert (gap["first_id"], gap["last_id"], gap["remaining"]) == (*missing, missing[1] - missing[0] + 1)
    assert (gap["venue"], gap["version"]) == (venue, 1)
