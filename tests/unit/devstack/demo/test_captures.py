"""A capture's venue is told from its frames, and its pace from its times."""

import gzip
import json

import pytest

from devstack.demo.captures import detect_venue, speed_for
from runtime.console import CommandError, Exit

START_NS = 1_723_161_255_000_000_000
SPOT_QUOTE = {"u": 400900217, "s": "BNBUSDT", "b": "25.3", "B": "31.2", "a": "25.4", "A": "40.6"}
FUTURES_QUOTE = {"e": "bookTicker", "u": 1, "E": 2, "T": 2, **SPOT_QUOTE}
TRADE = {"e": "trade", "E": 1, "T": 1, "s": "BTCUSDT", "t": 1, "p": "1", "q": "1", "m": True}
DEPTH = {"e": "depthUpdate", "E": 1, "T": 1, "s": "BTCUSDT", "U": 1, "u": 2, "pu": 0, "b": [], "a": []}


def wrapped(data):
    return {"stream": "x@y", "data": data}


@pytest.fixture
def written(tmp_path):
    def write(frames, step_ns=1_000_000, name="a.gz"):
        path = tmp_path / name
        with gzip.open(path, "wb") as out:
            for n, frame in enumerate(frames):
                text = frame if isinstance(frame, bytes) else json.dumps(frame).encode()
                out.write(b"%d %s\n" % (START_NS + n * step_ns, text))
        return path

    return write


@pytest.mark.parametrize(
    ("frames", "venue"),
    [
        ([SPOT_QUOTE], "binance_spot"),
        ([wrapped(TRADE), wrapped(SPOT_QUOTE)], "binance_spot"),  # a trade alone is the same everywhere
        ([FUTURES_QUOTE], "binance_usdm"),
        ([wrapped(FUTURES_QUOTE)], "binance_usdm"),
        ([wrapped(DEPTH)], "binance_usdm"),
        ([{**FUTURES_QUOTE, "s": "BTCUSD_PERP"}], "binance_coinm"),
        ([wrapped({**FUTURES_QUOTE, "s": "BTCUSD_240927", "ps": "BTCUSD"})], "binance_coinm"),
        ([{"type": "match", "trade_id": 1, "product_id": "BTC-USD"}], "coinbase"),
        ([{"type": "ticker", "product_id": "BTC-USD"}], "coinbase"),
        ([{"type": "subscriptions", "channels": []}], "coinbase"),
        ([[337, [["1.0", "1.0", "1.0", "b", "l", ""]], "trade", "XBT/USD"]], "kraken"),
        ([{"event": "systemStatus"}, [341, ["1", "2", "1.0", "1", "1"], "spread", "XBT/USD"]], "kraken"),
        ([b"{broken", b"7", b'"text"', {"result": None, "id": 1}, wrapped(SPOT_QUOTE)], "binance_spot"),
    ],
)
def test_the_venue_is_told_from_the_frames(written, frames, venue):
    assert detect_venue(written(frames)) == venue


@pytest.mark.parametrize("frames", [[wrapped(TRADE)], [b"{broken"], [{"data": 1}], [{"type": "other"}]])
def test_where_no_frame_tells_the_user_must(written, frames):
    with pytest.raises(CommandError, match="cannot tell which venue") as refused:
        detect_venue(written(frames))
    assert (refused.value.code, "--venue" in refused.value.hint) == (Exit.USAGE, True)


def test_the_speed_gives_the_pace_on_average(written):
    hundred_a_second = written([TRADE] * 1001, step_ns=10_000_000)
    assert speed_for([hundred_a_second], 5_000) == pytest.approx(50, rel=0.01)
    assert speed_for([hundred_a_second], 50) == pytest.approx(0.5, rel=0.01)
    a_thousand = written([TRADE] * 1001, step_ns=1_000_000, name="b.gz")
    # 2,002 frames in 10 + 1 seconds; the time between the files does not count.
    assert speed_for([hundred_a_second, a_thousand], 1_820) == pytest.approx(10, rel=0.01)


def test_a_capture_without_duration_has_no_pace(written):
    assert speed_for([written([TRADE])], 5_000) == 1.0
    assert speed_for([written([TRADE] * 5, step_ns=0)], 5_000) == 1.0
