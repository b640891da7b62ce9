"""Live mode against a local WebSocket server that replays frames and breaks connections in every way it can."""

from __future__ import annotations

import asyncio
import http
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import pytest
from support.raw_broker import Broker
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from collectors.live import Patience
from collectors.run import feed_live
from collectors.sim import SimSpec, Simulator
from runtime.console import Console
from udfs.gate.assign import assign

pytestmark = pytest.mark.integration
IMPATIENT = Patience(stale=1.5, ping=5.0, open=3.0, first_pause=0.05, longest_pause=0.2)


class Venue:
    """Plays a script, one step per connection; each frame that the client certainly has is in `delivered`."""

    def __init__(self, frames: list[bytes], script: list[str]) -> None:
        self.frames = frames
        self.script = script
        self.delivered: list[bytes] = []
        self.paths: list[str] = []
        self.asked: list[str] = []
        self._at = 0
        self._step = -1

    def admit(self, connection: ServerConnection, request: Request) -> Response | None:
        self.paths.append(request.path)
        self._step += 1
        if self.script[min(self._step, len(self.script) - 1)] == "refuse":
            return connection.respond(http.HTTPStatus.SERVICE_UNAVAILABLE, "not now\n")
        return None

    async def play(self, socket: ServerConnection) -> None:
        step = self.script[min(self._step, len(self.script) - 1)]
        if step == "listen":
            self.asked = [str(await socket.recv()) for _ in range(2)]
        if step == "silence":
            await socket.wait_closed()
            return
        # After a reconnect a venue repeats what it sent last.
        begin = max(self._at - 300, 0)
        end = min(begin + 1500, len(self.frames))
        for frame in self.frames[begin:end]:
            await (socket.send(frame, text=True) if frame.isascii() else socket.send(frame))
        await (await socket.ping())  # the pong comes behind every frame before it
        self.delivered += self.frames[begin:end]
        self._at = end
        if end == len(self.frames):
            os.kill(os.getpid(), signal.SIGTERM)  # the collector's own way to end
            await socket.wait_closed()
        elif step == "abort":
            socket.transport.abort()
        # else: a close handshake, when this returns


@contextmanager
def serving(venue: Venue) -> Iterator[str]:
    """Run the server in a thread; its address."""
    running: Future[tuple[str, Callable[[], object]]] = Future()

    async def run() -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        async with serve(venue.play, "127.0.0.1", 0, process_request=venue.admit, max_size=None) as server:
            address = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
            running.set_result((address, lambda: loop.call_soon_threadsafe(stop.set)))
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    address, stop = running.result(10)
    try:
        yield address
    finally:
        stop()
        thread.join(10)
        assert not thread.is_alive()


def frames(count: int) -> list[bytes]:
    """Return frames with some broken ones, a 5 MB one among them."""
    return [payload for block in Simulator(SimSpec(malformed_share=0.01), count).blocks(0) for payload in block.payload]


def collect(broker: Broker, name: str, venue: Venue, symbols: list[str]) -> tuple[dict[str, Any], list[Any]]:
    since = broker.ends(name)
    with serving(venue) as url:
        report = feed_live(
            broker.settings, Console(quiet=True), name, symbols, url=url, seconds=120, patience=IMPATIENT
        )
    return report, sorted(broker.records(name, since), key=lambda record: record.body["source_seq"])


def test_all_that_was_delivered_arrives_whatever_happens_to_the_connection(broker):
    venue = Venue(frames(6000), ["refuse", "refuse", "abort", "close", "silence", "refuse", "abort", "close", "close"])
    report, records = collect(broker, "binance_spot", venue, ["BTCUSDT"])
    assert len(venue.delivered) > 6000 == len(venue.frames)
    assert [record.body["payload"] for record in records] == venue.delivered
    assert [record.body["source_seq"] for record in records] == list(range(1, len(records) + 1))
    assert len({record.body["source_id"] for record in records}) == 1
    assert report["acked"] == len(records)
    assert report["sources"][0]["connections"] >= 6
    assert venue.paths[0] == "/stream?streams=btcusdt@trade/btcusdt@aggTrade/btcusdt@bookTicker/btcusdt@depth@100ms"

    twice = Counter(record.body["payload"] for record in records)
    ids = {(record.body["payload"], record.body["event_id"]) for record in records}
    assert max(twice.values()) > 1
    assert len(ids) == len(twice), "what came twice must have one identity"
    assert all(record.body["event_id"] == assign("binance_spot", record.body["payload"]).event_id for record in records)


def test_two_runs_are_two_sources(broker):
    sources = set()
    for _ in range(2):
        _, records = collect(broker, "binance_coinm", Venue(frames(50), ["close"]), ["BTCUSD_PERP"])
        assert len(records) == 50
        sources |= {record.body["source_id"] for record in records}
    assert len(sources) == 2


def test_a_venue_that_must_be_asked_is_asked_again_on_each_connection(broker):
    spread = b'[0,["5698.40000","5700.00000","1542057299.545897","1.01234567","0.98765432"],"spread","XBT/USD"]'
    trades = b'[0,[["5541.20000","0.15850568","1534614057.321597","s","l",""]],"trade","XBT/USD"]'
    status = b'{"connectionID":8628615390848610000,"event":"systemStatus","status":"online","version":"1.0.0"}'
    venue = Venue([status, spread, trades], ["listen"])
    _, records = collect(broker, "kraken", venue, ["XBT/USD"])
    assert sorted(name for name in ("trade", "spread") for ask in venue.asked if f'"name": "{name}"' in ask) == [
        "spread",
        "trade",
    ]
    assert [record.topic for record in records] == [
        "raw.kraken.control.v1",
        "raw.kraken.spread.v1",
        "raw.kraken.trade.v1",
    ]
    assert [record.key for record in records] == ["kraken", "kraken:XBT/USD", "kraken:XBT/USD"]
