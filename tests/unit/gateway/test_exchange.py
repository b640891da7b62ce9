"""One exchange with a client that stops, goes, sends too much or does not read."""

from __future__ import annotations

import asyncio

import pytest

from devstack.gateway.bodies import decoded
from devstack.gateway.compression import CodecError, Encoder
from devstack.gateway.errors import ClickHouseError
from devstack.gateway.exchange import ClientGoneError
from devstack.gateway.native_frames import FrameEncoder

from .asgi import Client, take

SOON = 0.001


def run(scenario):
    return asyncio.run(asyncio.wait_for(scenario(), 10))


async def never():
    await asyncio.Event().wait()


@pytest.mark.parametrize("parts", [(), (b"",), (b"abc",), (b"a", b"", b"bc"), (b"a", b"b", b"")])
def test_a_body_comes_whole(parts):
    async def scenario():
        assert await take(Client(*parts).exchange) == b"".join(parts)

    run(scenario)


def test_a_body_is_taken_once():
    async def scenario():
        client = Client(b"abc")
        assert await take(client.exchange) == b"abc"
        assert await take(client.exchange) == b""

    run(scenario)


def test_a_body_may_be_as_long_as_the_limit_and_no_longer():
    async def scenario():
        assert await take(Client(b"ab", b"c").exchange, most=3) == b"abc"
        body = Client(b"ab", b"cd", b"e").exchange.body(10, 3)
        assert await anext(body) == b"ab"
        with pytest.raises(ClickHouseError, match="longer than 3 bytes") as error:
            await anext(body)
        assert (error.value.code, error.value.status) == (290, 413)

    run(scenario)


def test_a_body_that_stops_is_told():
    async def scenario():
        with pytest.raises(ClickHouseError, match="has stopped") as error:
            await take(Client(b"a", stops=True).exchange, timeout_s=SOON)
        assert (error.value.code, error.value.status) == (159, 408)

    run(scenario)


def test_a_client_that_goes_in_the_middle_of_its_body():
    async def scenario():
        client = Client(b"a", stops=True)
        body = client.exchange.body(10, 100)
        assert await anext(body) == b"a"
        client.go()
        with pytest.raises(ClientGoneError):
            await anext(body)
        assert await take(client.exchange) == b"", "nothing is waited for any more"

    run(scenario)


@pytest.mark.parametrize(
    ("client", "most"),
    [
        (lambda: Client(b"a", b"b"), 100),
        (lambda: Client(b"a", b"b"), 1),
        (lambda: Client(b"a", stops=True), 100),
    ],
)
def test_draining_ends_within_its_bounds(client, most):
    async def scenario():
        exchange = client().exchange
        await exchange.drain(SOON, most)
        assert await take(exchange, SOON) == b""

    run(scenario)


def test_draining_a_client_that_goes():
    async def scenario():
        client = Client(b"a", stops=True)
        client.go()
        await client.exchange.drain(10, 100)

    run(scenario)


def test_work_is_done_while_the_client_stays():
    async def scenario():
        client = Client(b"a")
        await take(client.exchange)

        async def work():
            await asyncio.sleep(0)
            return 7

        assert await client.exchange.unless_gone(work()) == 7
        assert await client.exchange.unless_gone(work()) == 7
        with pytest.raises(ZeroDivisionError):
            await client.exchange.unless_gone(fail())
        client.exchange.end()
        await asyncio.sleep(0)

    async def fail():
        raise ZeroDivisionError

    run(scenario)


def test_work_is_cancelled_when_the_client_goes():
    async def scenario():
        client = Client(b"a")
        await take(client.exchange)
        working = asyncio.ensure_future(never())
        waiting = asyncio.ensure_future(client.exchange.unless_gone(working))
        await asyncio.sleep(0)
        client.go()
        with pytest.raises(ClientGoneError):
            await waiting
        await asyncio.wait({working})
        assert working.cancelled()
        late = asyncio.ensure_future(never())
        with pytest.raises(ClientGoneError):
            await client.exchange.unless_gone(late)
        await asyncio.wait({late})
        assert late.cancelled()

    run(scenario)


def test_work_that_is_done_when_the_client_goes_is_kept():
    async def scenario():
        client = Client(b"a")
        await take(client.exchange)
        client.go()
        await asyncio.sleep(0)
        done = asyncio.get_running_loop().create_future()
        done.set_result(7)
        assert await client.exchange.unless_gone(done) == 7

    run(scenario)


def test_work_is_cancelled_with_its_request():
    async def scenario():
        client = Client(b"a")
        await take(client.exchange)
        working = asyncio.ensure_future(never())
        waiting = asyncio.ensure_future(client.exchange.unless_gone(working))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait({working, waiting})
        assert working.cancelled()
        assert waiting.cancelled()
        client.exchange.end()
        await asyncio.sleep(0)

    run(scenario)


def test_before_the_body_is_whole_its_reader_sees_the_client_go():
    async def scenario():
        client = Client(b"a", b"b")

        async def work():
            return await take(client.exchange)

        # Looking for the end of the connection would take parts of the body away.
        assert await client.exchange.unless_gone(work()) == b"ab"

    run(scenario)


@pytest.mark.parametrize(("method", "body"), [("POST", b"text"), ("HEAD", b"")])
def test_a_whole_answer(method, body):
    async def scenario():
        client = Client(method=method)
        assert not client.exchange.started
        await client.exchange.respond(404, {"X-A": "ä"}, b"text", 10)
        assert client.exchange.started
        assert (client.status, client.body, client.ended) == (404, body, True)
        assert client.sent[0]["headers"] == [(b"x-a", b"\xe4"), (b"content-length", b"4")]

    run(scenario)


def test_a_client_that_does_not_read_counts_as_gone():
    async def scenario():
        client = Client(reads=asyncio.Event())
        await client.exchange.start(200, {})
        with pytest.raises(ClientGoneError, match="has not read"):
            await client.exchange.write(b"a", SOON)

    run(scenario)


def test_headers_are_by_lower_case_name_and_several_are_joined():
    async def scenario():
        headers = [(b"Host", b"a"), (b"HOST", b"b"), (b"X-\xc4", b"\xe4")]
        assert Client(headers=headers).exchange.headers == {"host": "a, b", "x-ä": "ä"}

    run(scenario)


def test_the_urls_parameters():
    async def scenario():
        assert Client(query=b"a=%ff&b").exchange.query() == {"a": b"\xff", "b": b""}

    run(scenario)


ROWS = b"".join(b"%d\n" % i for i in range(5_000))


async def undo(raw, encoding, frames, most):
    async def parts():
        for at in range(0, len(raw), 700):
            yield raw[at : at + 700]

    return b"".join([part async for part in decoded(parts(), encoding, frames, most)])


@pytest.mark.parametrize("encoding", ["", "identity", "gzip", "zstd", "lz4", "br", "deflate"])
@pytest.mark.parametrize("frames", [False, True])
def test_a_body_is_decompressed_inside_its_content_encoding(encoding, frames):
    raw = FrameEncoder().feed(ROWS) if frames else ROWS
    if encoding not in ("", "identity"):
        encoder = Encoder(encoding)
        raw = encoder.feed(raw) + encoder.finish()

    async def scenario():
        assert await undo(raw, encoding, frames, len(ROWS)) == ROWS
        with pytest.raises(ClickHouseError, match="when decompressed") as error:
            await undo(raw, encoding, frames, len(ROWS) - 1)
        assert error.value.code == 290
        if encoding not in ("", "identity") or frames:
            with pytest.raises(CodecError):
                await undo(raw[:-1], encoding, frames, len(ROWS))

    run(scenario)


def test_a_bomb_is_stopped_before_it_is_large():
    async def scenario():
        encoder = Encoder("zstd")
        raw, sizes = encoder.feed(b"\x00" * (1 << 24)) + encoder.finish(), []

        async def parts():
            yield raw

        async def consume():
            async for part in decoded(parts(), "zstd", False, 3 << 20):
                sizes.append(len(part))  # noqa: PERF401 - those before the error count

        with pytest.raises(ClickHouseError):
            await consume()
        assert sum(sizes) <= 3 << 20
        assert max(sizes) <= 1 << 20

    run(scenario)


def test_an_unknown_encoding_is_refused():
    async def scenario():
        with pytest.raises(CodecError, match="unknown"):
            await undo(b"x", "compress", False, 10)

    run(scenario)
