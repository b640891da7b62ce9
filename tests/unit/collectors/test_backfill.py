"""Saved REST answers as frames: the stream's fields with the answer's own text, and nothing of an answer lost."""

import gzip
import io
import json
import sys
import time

import pytest

from collectors import run as feeding
from collectors.backfill import BLOCK_FRAMES, Backfill
from polyglot.cli import run
from runtime.console import CommandError, Exit

NOON = 1_714_564_800_000_000
TRADE = (
    '{"id": 28457, "price": "4.00000100", "qty": "12.00000000", "quoteQty": "48.000012", "time": 1499865549590, '
    '"isBuyerMaker": true, "isBestMatch": true}'
)
AGGREGATE = (
    '{"a":26129,"p":"0.01633102","q":"4.70443515","f":27781,"l":27781,"T":1498793709153,"m":true,"M":true,"nq":"1"}'
)
COINBASE = (
    '{"time":"2020-03-20T00:36:59.860123Z","trade_id":86327327,"price":"6225.32000000","size":"0.06469797",'
    '"side":"sell"}'
)


def backfill(text, venue="binance_spot", symbol="BTCUSDT", **more):
    content = text if isinstance(text, bytes) else text.encode()
    return Backfill(venue, "answer.json", content, symbol, **more)


def frames(*arguments, **more):
    return [frame for block in backfill(*arguments, **more).blocks(0) for frame in block.payload]


def trade(number, **fields):
    body = {"id": number, "price": "1", "qty": "2", "time": 1_499_865_549_590, "isBuyerMaker": False, **fields}
    return json.dumps(body)


@pytest.mark.parametrize(
    ("venue", "symbol", "element", "frame", "event_id"),
    [
        (
            "binance_spot", "BTCUSDT", TRADE,
            '{"e":"trade","s":"BTCUSDT","t":28457,"p":"4.00000100","q":"12.00000000","T":1499865549590,"m":true,'
            '"M":true}',
            "binance_spot:BTCUSDT:trade:28457",
        ),
        (
            "binance_usdm", "BTCUSDT", TRADE.replace(', "isBestMatch": true', ""),
            '{"e":"trade","s":"BTCUSDT","t":28457,"p":"4.00000100","q":"12.00000000","T":1499865549590,"m":true}',
            "binance_usdm:BTCUSDT:trade:28457",
        ),
        (
            "binance_coinm", "BTCUSD_PERP", TRADE.replace("quoteQty", "baseQty").replace(', "isBestMatch": true', ""),
            '{"e":"trade","s":"BTCUSD_PERP","t":28457,"p":"4.00000100","q":"12.00000000","T":1499865549590,"m":true}',
            "binance_coinm:BTCUSD_PERP:trade:28457",
        ),
        (
            "binance_spot", "币安人生USDT", AGGREGATE,
            '{"e":"aggTrade","s":"币安人生USDT","a":26129,"p":"0.01633102","q":"4.70443515","T":1498793709153,"m":true,'
            '"f":27781,"l":27781,"M":true}',
            "binance_spot:币安人生USDT@agg:agg_trade:26129",
        ),
        (
            "coinbase", "BTC-USD", COINBASE,
            '{"type":"match","product_id":"BTC-USD","trade_id":86327327,"time":"2020-03-20T00:36:59.860123Z",'
            '"side":"sell","price":"6225.32000000","size":"0.06469797"}',
            "coinbase:BTC-USD:match:86327327",
        ),
    ],
)  # fmt: skip
def test_a_trade_becomes_its_streams_frame(venue, symbol, element, frame, event_id):
    (block,) = backfill(f"[{element}]", venue, symbol).blocks(0)
    assert block.payload == [frame.encode()]
    assert block.event_id == [event_id]


def test_values_stay_the_text_they_are():
    odd = TRADE.replace('"4.00000100"', "0.10000000000000000001").replace("1499865549590", "1.50E+3")
    assert b'"p":0.10000000000000000001,' in frames(odd)[0]
    assert b'"T":1.50E+3,' in frames(odd)[0]
    long = TRADE.replace('"4.00000100"', "9" * 5_000)
    assert frames(long) == [long.encode()]  # no frame can have such a number


@pytest.mark.parametrize(
    "text",
    [
        f"[{trade(1)},{trade(2)},{trade(3)}]",
        f"[{trade(1)},{trade(2)}][{trade(3)}]",  # two answers that curl appended to one file
        f"[{trade(1)}]\n\n[]\r\n[{trade(2)},{trade(3)}]\n",
        f"{trade(1)}\n{trade(2)}\n{trade(3)}",
        f"[{trade(3)},{trade(2)}]\n[{trade(1)}]",  # newest first
        json.dumps([json.loads(trade(number)) for number in (1, 2, 3)], indent=2),
        "\ufeff" + f"[{trade(1)},{trade(2)},{trade(3)}]",
        gzip.compress(f"[{trade(1)},{trade(2)},{trade(3)}]".encode()),
    ],
)
def test_however_answers_are_saved_they_are_read_in_the_order_of_their_numbers(text):
    assert [json.loads(frame)["t"] for frame in frames(text)] == [1, 2, 3]


@pytest.mark.parametrize(
    "element",
    [
        '{"id": 7,  "price": "1"}', '"text"', "7.50", "null", "[1,  2]", "{}", trade("7"), trade(-7), trade(7.0),
        '{"a":1,"p":"1","q":"1","T":1}',
    ],
)  # fmt: skip
def test_what_is_no_trade_is_a_frame_as_it_is_behind_those_that_are(element):
    source = backfill(f"[{element}, {trade(5)}]")
    (block,) = source.blocks(0)
    assert (block.payload[1], block.channel) == (element.encode(), ["trade", "unassigned"])
    assert (len(source), source.unknown) == (2, 1)


def test_a_trade_with_a_bad_value_stays_its_instruments():
    (block,) = backfill(f"[{trade(5, price=None, time='noon')}]").blocks(0)
    assert (block.channel, block.event_time) == (["trade"], [None])
    assert b'"p":null' in block.payload[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        (" \n", "empty"),
        ("<html>403</html>", "no JSON"),
        (f"[{trade(1)},", "no JSON"),
        (f"[{trade(1)}]\nrubbish", "no JSON"),
        ("[NaN]", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("7", "no JSON arrays"),
        (b"[\xff]", "no JSON"),
        (gzip.compress(b"[1,2,3]", mtime=0)[:-9], "damaged"),
        ('{"code":-1121,"msg":"Invalid symbol."}', 'the venue answered with an error: -1121 "Invalid symbol."'),
        (f'[{trade(1)}]{{"code":-1003,"msg":"Too many requests"}}', "Too many requests"),
        ('{"message":"NotFound"}', "NotFound"),
    ],
)
def test_what_is_no_answer_with_trades_is_told(text, message):
    with pytest.raises(CommandError) as failure:
        backfill(text)
    assert failure.value.code == Exit.USAGE
    assert message in str(failure.value)


def test_an_answer_without_trades_is_no_error():
    source = backfill("[]")
    assert (len(source), list(source.blocks(0))) == (0, [])


def test_the_same_source_means_the_same_frames_and_goes_on_where_it_was():
    text = "[" + ",".join(trade(number) for number in range(BLOCK_FRAMES + 20)) + "]"
    whole = frames(text)
    blocks = list(backfill(text).blocks(15))
    assert [block.seq[0] for block in blocks] == [16, BLOCK_FRAMES + 16]
    assert [frame for block in blocks for frame in block.payload] == whole[15:]
    made = [backfill(text), backfill(text), backfill(gzip.compress(text.encode())), backfill(text, received_us=NOON)]
    made += [backfill(text, symbol="ETHUSDT"), backfill(text + " ")]
    assert len({source.source_id for source in made}) == 4


def test_it_is_received_now_or_when_it_is_said_to_have_been():
    before = time.time_ns() // 1000
    (block,) = backfill(f"[{trade(1)},{trade(2)}]").blocks(0)
    assert before <= block.receive_us[0] == block.receive_us[1] <= time.time_ns() // 1000
    (block,) = backfill(f"[{trade(1)}]", received_us=NOON).blocks(0)
    assert list(block.receive_us) == [NOON]


# --- the command ---


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["binance_spot", "--backfill", "F"], "--symbol"),
        (["binance_spot", "--backfill", "F", "--capture", "F"], "where the frames come from"),
        (["binance_spot", "--backfill", "F", "--symbol", "btcusdt"], "btcusdt"),
        (["binance_spot", "--backfill", "F", "--symbol", "BTCUSDT@agg"], "no instrument of this venue"),
        (["binance_spot", "--backfill", "/nowhere/x.json", "--symbol", "A"], "no such file"),
        (["binance_spot", "--backfill", "F", "--symbol", "A", "--as-of", "noon"], "--as-of"),
        (["kraken", "--backfill", "F", "--symbol", "XBT/USD"], "no REST answers of this venue"),
        (["reference", "--backfill", "F", "--symbol", "A"], "no REST answers of this venue"),
        (["binance_spot", "--backfill", "F", "E", "--symbol", "A"], "-1121"),
    ],
)
def test_wrong_usage_is_told_and_exits_with_2(capsys, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "F").write_text(f"[{trade(1)}]")
    (tmp_path / "E").write_text('{"code":-1121,"msg":"Invalid symbol."}')
    assert run(["feed", *arguments]) == Exit.USAGE
    assert message in capsys.readouterr().err


@pytest.fixture
def fed(monkeypatch):
    """What reaches the broker: (name, frames) of each source."""
    found = []

    def feed_sources(_settings, _console, venue, sources, **_):
        found.extend((name, [frame for block in one.blocks(0) for frame in block.payload]) for name, one, _ in sources)
        return {
            "venue": venue,
            "sources": [],
            "topics": {},
            "frames": 0,
            "acked": 0,
            "bytes": 0,
            "seconds": 1,
            "rate": 0,
        }

    monkeypatch.setattr(feeding, "feed_sources", feed_sources)
    return found


def test_files_are_fed_in_the_order_given(fed, tmp_path, capsys):
    for name in ("one", "two"):
        (tmp_path / name).write_text(f"[{trade(len(name) + ord(name[0]))}]")
    assert run(["feed", "sim", "--backfill", str(tmp_path / "two"), str(tmp_path / "one"), "--symbol", "A"]) == Exit.OK
    assert [name for name, _ in fed] == [str(tmp_path / "two"), str(tmp_path / "one")]
    assert "dead letters" not in capsys.readouterr().err


def test_standard_input_is_a_file_and_what_is_no_trade_is_told(fed, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(f"[{COINBASE},7]".encode())))
    assert run(["feed", "coinbase", "--backfill", "-", "--symbol", "BTC-USD"]) == Exit.OK
    ((name, sent),) = fed
    assert (name, sent[1], len(sent)) == ("-", b"7", 2)
    assert "1 elements are no trades" in capsys.readouterr().err
