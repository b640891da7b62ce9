"""Each venue's public WebSocket endpoint, and its subscription messages."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from runtime.console import CommandError, Exit


@dataclass(frozen=True)
class Subscription:
    """Where to connect, and the messages to send then."""

    url: str
    messages: tuple[str, ...] = ()


_BINANCE = {
    "binance_spot": "wss://stream.binance.com:9443",
    "binance_usdm": "wss://fstream.binance.com",
    "binance_coinm": "wss://dstream.binance.com",
}
_BINANCE_STREAMS = ("trade", "aggTrade", "bookTicker", "depth@100ms")
_COINBASE = "wss://ws-feed.exchange.coinbase.com"
_KRAKEN = "wss://ws.kraken.com"


def subscription(venue: str, symbols: Sequence[str], url: str = "") -> Subscription:
    """Return how to follow instruments, named as the venue names them; ``url`` replaces the public endpoint.

    Raises:
        CommandError: the venue has no live feed.
    """
    if venue in _BINANCE:
        streams = "/".join(f"{symbol.lower()}@{stream}" for symbol in symbols for stream in _BINANCE_STREAMS)
        return Subscription(f"{(url or _BINANCE[venue]).rstrip('/')}/stream?streams={streams}")
    if venue == "coinbase":
        ask = {"type": "subscribe", "product_ids": list(symbols), "channels": ["matches", "ticker"]}
        return Subscription(url or _COINBASE, (json.dumps(ask),))
    if venue == "kraken":
        asks = (
            {"event": "subscribe", "pair": list(symbols), "subscription": {"name": name}}
            for name in ("trade", "spread")
        )
        return Subscription(url or _KRAKEN, tuple(json.dumps(ask) for ask in asks))
    raise CommandError(f"{venue} has no live feed", hint="Use --simulate N for sim.", code=Exit.USAGE)
