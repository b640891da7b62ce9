"""The server drops who does not end the headers of a request, or sends too many, and nobody else."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager

import pytest

from devstack.gateway import http_server
from devstack.gateway.http_server import server
from devstack.gateway.limits import GatewaySettings

#: Of headers, and longer than that.
SOON, LATER = 0.2, 0.3
REQUEST = b"POST /?a=1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK"


class App:
    """Answers with the body that it was sent; notes when parts of it come."""

    def __init__(self):
        self.parts = asyncio.Queue()

    async def __call__(self, scope, receive, send):
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message["body"]
            more = message["more_body"]
            self.parts.put_nowait(message["body"])
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})


def run(scenario, **settings):
    """Run a scenario with connections as the server makes them, in this loop."""

    async def serve():
        app = App()
        running = server(app, "127.0.0.1", 0, GatewaySettings(**{"header_timeout_s": SOON, **settings}))
        config, state = running.config, running.server_state
        config.load()
        listening = await asyncio.get_running_loop().create_server(
            lambda: config.http_protocol_class(config=config, server_state=state, app_state={}), "127.0.0.1", 0
        )
        async with listening:
            await scenario(app, listening.sockets[0].getsockname())
        for task in state.tasks:
            task.cancel()
        await asyncio.gather(*state.tasks, return_exceptions=True)

    async def within_ten_seconds():
        await asyncio.wait_for(serve(), 10)

    asyncio.run(within_ten_seconds())


@asynccontextmanager
async def connected(address):
    reader, writer = await asyncio.open_connection(*address)
    try:
        yield reader, writer
    finally:
        writer.close()


async def ends(reader):
    """Return what still comes before the connection is closed or reset."""
    try:
        return await reader.read()
    except ConnectionError:
        return b""


async def answered(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    return head[: len(ANSWER)], await reader.readexactly(4)


def test_half_headers_are_dropped():
    async def scenario(app, address):
        async def drop(sent):
            async with connected(address) as (reader, writer):
                writer.write(sent)
                return await ends(reader)

        halves = (b"", b"P", REQUEST[:20], REQUEST[:-1], REQUEST[:-2])
        assert await asyncio.gather(*map(drop, halves)) == [b""] * len(halves)

    run(scenario)


def test_headers_that_trickle_are_dropped():
    async def scenario(app, address):
        async with connected(address) as (reader, writer):
            ended = asyncio.ensure_future(ends(reader))
            for byte in REQUEST:
                writer.write(bytes([byte]))
                if (await asyncio.wait({ended}, timeout=SOON / 10))[0]:
                    break
            assert await ended == b""

    run(scenario)


def test_half_headers_of_a_later_request_are_dropped_too():
    async def scenario(app, address):
        async with connected(address) as (reader, writer):
            for _ in range(2):
                writer.write(REQUEST + b"body")
                assert await answered(reader) == (ANSWER, b"body")
            writer.write(REQUEST[:30])
            assert await ends(reader) == b""

    run(scenario)


def test_an_idle_connection_stays_after_its_request():
    async def scenario(app, address):
        async with connected(address) as (reader, writer):
            writer.write(REQUEST + b"body")
            assert await answered(reader) == (ANSWER, b"body")
            await asyncio.sleep(LATER)
            writer.write(REQUEST + b"more")
            assert await answered(reader) == (ANSWER, b"more")

    run(scenario)


def test_a_slow_body_is_not_dropped():
    async def scenario(app, address):
        async with connected(address) as (reader, writer):
            writer.write(REQUEST + b"bo")
            while await app.parts.get() != b"bo":
                pass
            await asyncio.sleep(LATER)
            writer.write(b"dy")
            assert await answered(reader) == (ANSWER, b"body")

    run(scenario)


def test_requests_that_are_sent_together_are_answered():
    async def scenario(app, address):
        async with connected(address) as (reader, writer):
            writer.write((REQUEST + b"body") * 3)
            assert [await answered(reader) for _ in range(3)] == [(ANSWER, b"body")] * 3

    run(scenario, header_timeout_s=10)


@pytest.mark.parametrize("most", [50, 100])
def test_too_many_headers_are_dropped_while_they_come(most, monkeypatch):
    async def scenario(app, address):
        async with connected(address) as (reader, writer):
            writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"x: y\r\n" * (most + 10))
            assert ANSWER not in await ends(reader)
        async with connected(address) as (reader, writer):
            writer.write(REQUEST[:-2] + b"x: y\r\n" * (most - 10) + b"\r\nbody")
            assert await answered(reader) == (ANSWER, b"body")

    monkeypatch.setattr(http_server, "_MOST_HEADERS", most)
    run(scenario, header_timeout_s=10)


@pytest.mark.parametrize("head", [b"GET /" + b"a" * 5000, b"GET / HTTP/1.1\r\nx: " + b"a" * 5000])
def test_a_head_that_is_too_long_is_dropped(head, monkeypatch):
    async def scenario(app, address):
        async with connected(address) as (reader, writer):
            for at in range(0, len(head), 1000):
                writer.write(head[at : at + 1000])
                await asyncio.sleep(0)
            assert await ends(reader) == b""

    monkeypatch.setattr(http_server, "_LARGEST_HEAD", 4000)
    run(scenario, header_timeout_s=10)


def test_heads_of_one_connection_do_not_add_up(monkeypatch):
    async def scenario(app, address):
        async with connected(address) as (reader, writer):
            for _ in range(5):
                writer.write(REQUEST[:40])
                await asyncio.sleep(0.001)  # so that it comes in two pieces
                writer.write(REQUEST[40:] + b"body")
                assert await answered(reader) == (ANSWER, b"body")

    monkeypatch.setattr(http_server, "_LARGEST_HEAD", 100)
    run(scenario, header_timeout_s=10)


def test_a_long_body_is_no_long_head(monkeypatch):
    async def scenario(app, address):
        async with connected(address) as (reader, writer):
            writer.write(REQUEST.replace(b"4", b"9000") + b"x" * 9000)
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(ANSWER)
            assert await reader.readexactly(9000) == b"x" * 9000

    monkeypatch.setattr(http_server, "_LARGEST_HEAD", 4000)
    run(scenario, header_timeout_s=10)


@pytest.mark.parametrize(
    "sent", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"HELO x\r\n\r\n", b"GET / HTTP/9\r\n\r\n"]
)
def test_what_is_no_http_is_refused(sent):
    async def scenario(app, address):
        async with connected(address) as (reader, writer):
            writer.write(sent)
            assert ANSWER not in await ends(reader)
            assert app.parts.empty()

    run(scenario, header_timeout_s=10)


def test_it_says_nothing_of_itself():
    async def scenario(app, address):
        async with connected(address) as (reader, writer):
            writer.write(REQUEST + b"body")
            head = await reader.readuntil(b"\r\n\r\n")
            assert b"server:" not in head.lower()

    run(scenario, header_timeout_s=10)


def test_more_connections_than_it_takes_are_told():
    async def scenario(app, address):
        async with connected(address) as (_, first):
            first.write(REQUEST + b"b")
            await app.parts.get()
            async with connected(address) as (reader, writer):
                writer.write(REQUEST + b"body")
                assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 503")

    run(scenario, max_connections=2, header_timeout_s=10)


@pytest.fixture(autouse=True)
def quiet(caplog):
    caplog.set_level(logging.CRITICAL)
