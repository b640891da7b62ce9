"""The venue's own klines: bars of the aggregate trades that a kline covers have the venue's figures.

Open, high, low, close, base and quote volume and the taker's buys mean the same to Binance as to us. Its `n` counts
trades, ours the aggregate trades that were fed, so `n` only says that nothing is missing. A kline names the first and
the last trade that it covers. Left out are those that began before the capture, and those that end inside an aggregate
trade.
"""

from __future__ import annotations

import gzip
import json
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

import pytest
from property.windows import rebuild
from support.captures import capture
from support.normalized import normalize, read

#: How many different klines of each symbol the capture covers.
SYMBOLS = {"SUSHIUSDT": 5, "KEEPUSDT": 1, "CTKUSDT": 9}
VENUE = "binance_usdm"


@pytest.fixture(scope="module")
def captured() -> dict[str, dict[str, list[tuple[int, dict[str, Any], bytes]]]]:
    """Receive time (µs), body and payload of the capture's aggregate trades and klines, by event and symbol."""
    found: dict[str, dict[str, list[tuple[int, dict[str, Any], bytes]]]] = {}
    with gzip.open(capture("binance_usdm_20210722.gz", "klines")) as lines:
        for line in lines:
            if line.startswith(b"wss:"):
                continue
            seconds, payload = line.rstrip().split(b": ", 1)
            body = json.loads(payload)["data"]
            of_event = found.setdefault(body["e"], {})
            of_event.setdefault(body["s"], []).append((int(Decimal(seconds.decode()) * 1_000_000), body, payload))
    return found


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_a_bar_of_the_trades_that_a_kline_covers_has_the_venues_figures(captured: Any, symbol: str) -> None:
    trades = captured["aggTrade"][symbol]
    _, out = normalize(VENUE, *((at, payload) for at, _, payload in trades))
    rows = out.trades.encode()
    assert len(rows) == len(trades)
    fed = sorted(zip((body["l"] for _, body, _ in trades), rows, strict=True), key=lambda one: one[0])
    first = min(body["f"] for _, body, _ in trades)
    taken: list[bytes] = []
    compared = 0
    klines = {body["k"]["L"]: body["k"] for _, body, _ in captured["kline"][symbol] if body["k"]["f"] >= first}
    for last, kline in sorted(klines.items()):
        while fed and fed[0][0] <= last:
            taken.append(fed.pop(0)[1])
        bars = [read("bar", value) for value in rebuild("trade", taken)]
        minutes = {bar["window_start"]: bar for bar in bars if bar["interval"] == "1m"}
        covered = [body for _, body, _ in trades if kline["f"] <= body["f"] and body["l"] <= last]
        if sum(body["l"] - body["f"] + 1 for body in covered) == kline["n"]:
            hold(minutes[1_000 * kline["t"]], kline, len(covered))
            compared += 1
    assert compared == SYMBOLS[symbol]


def hold(bar: dict[str, Any], kline: dict[str, Any], covered: int) -> None:
    """Hold a bar against a kline, figure by figure."""
    assert (bar["interval"], bar["window_end"]) == (kline["i"], 1_000 * (kline["T"] + 1))
    assert bar["entity_id"] == f"{VENUE}:{kline['s']}@agg"
    ours = ("open", "high", "low", "close", "volume", "notional", "buy_volume", "buy_notional")
    theirs = ("o", "h", "l", "c", "v", "q", "V", "Q")
    for our, their in zip(ours, theirs, strict=True):
        assert Decimal(bar[our]) == Decimal(kline[their]), (our, kline)
    quotient = Context(prec=60).divide(Decimal(kline["q"]), Decimal(kline["v"]))
    assert bar["vwap"] == quotient.quantize(Decimal("1e-12"), ROUND_HALF_EVEN)
    assert bar["trade_count"] == bar["version"] == covered
