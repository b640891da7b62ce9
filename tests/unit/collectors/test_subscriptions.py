import json

import pytest

from collectors.subscriptions import subscription
from runtime.console import CommandError


@pytest.mark.parametrize(
    ("venue", "host"),
    [
        ("binance_spot", "wss://stream.binance.com:9443"),
        ("binance_usdm", "wss://fstream.binance.com"),
        ("binance_coinm", "wss://dstream.binance.com"),
    ],
)
def test_binance_streams_are_in_the_address(venue, host):
    asked = subscription(venue, ["BTCUSDT", "ethusdt"])
    assert asked.url == (
        f"{host}/stream?streams=btcusdt@trade/btcusdt@aggTrade/btcusdt@bookTicker/btcusdt@depth@100ms"
        "/ethusdt@trade/ethusdt@aggTrade/ethusdt@bookTicker/ethusdt@depth@100ms"
    )
    assert asked.messages == ()


def test_coinbase_is_asked_once_for_all():
    asked = subscription("coinbase", ["BTC-USD", "ETH-USD"])
    assert [json.loads(message) for message in asked.messages] == [
        {"type": "subscribe", "product_ids": ["BTC-USD", "ETH-USD"], "channels": ["matches", "ticker"]}
    ]


def test_kraken_is_asked_per_channel():
    asked = subscription("kraken", ["XBT/USD"])
    assert [json.loads(message) for message in asked.messages] == [
        {"event": "subscribe", "pair": ["XBT/USD"], "subscription": {"name": name}} for name in ("trade", "spread")
    ]


def test_an_endpoint_can_be_replaced():
    assert subscription("kraken", ["XBT/USD"], "ws://127.0.0.1:9").url == "ws://127.0.0.1:9"
    assert subscription("binance_spot", ["X"], "ws://127.0.0.1:9/").url.startswith("ws://127.0.0.1:9/stream?streams=x@")


def test_the_simulator_has_no_live_feed():
    with pytest.raises(CommandError, match="no live feed"):
        subscription("sim", ["X"])
