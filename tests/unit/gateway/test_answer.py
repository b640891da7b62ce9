"""An answer: whole or as it comes, in which encoding, and how a client learns that its statement failed."""

from __future__ import annotations

import asyncio
import gzip
import json

import pytest

from devstack.gateway import answer as module
from devstack.gateway import wire
from devstack.gateway.answer import Answer, failure_headers, failure_trailer
from devstack.gateway.asked import Asked
from devstack.gateway.compression import Decoder
from devstack.gateway.engine_client import Hello
from devstack.gateway.errors import ClickHouseError
from devstack.gateway.exchange import ClientGoneError
from devstack.gateway.limits import GatewaySettings
from devstack.gateway.native_frames import FrameDecoder
from devstack.gateway.result import PIECE

from .asgi import Client, take
from .engine_end import DONE, FAILED, Engine, Fifo, accepted

HELLO = Hello("26.9", "UTC", 54500)
SETTINGS = GatewaySettings(max_buffered_bytes=100, send_timeout_s=10)
MOST = 10 * PIECE


@pytest.fixture
def play(tmp_path):
    """Return a function that runs a scenario with a client, whose body has come, and what is asked."""

    def play(scenario, **asked):
        async def run():
            client = Client(b"", reads=asked.pop("reads", None))
            await take(client.exchange)
            answer = Answer(client.exchange, Asked(query_id="q", **asked), HELLO, SETTINGS)
            try:
                await scenario(client, answer)
            finally:
                client.exchange.end()
                await asyncio.sleep(0)

        asyncio.run(asyncio.wait_for(run(), 10))

    play.folder = tmp_path
    return play


def test_a_small_result_comes_whole(play):
    async def scenario(client, answer):
        await answer.send(Fifo(play.folder, b"1\n", b"2\n"), Engine(accepted(), DONE).reply, MOST)
        assert (client.status, client.body, client.ended) == (200, b"1\n2\n", True)
        assert client.headers == {
            "content-type": "text/tab-separated-values; charset=UTF-8",
            "content-length": "4",
            "x-clickhouse-format": "TabSeparated",
            "x-clickhouse-query-id": "q",
            "x-clickhouse-timezone": "UTC",
            "x-clickhouse-server-display-name": "polyglot",
            "x-clickhouse-summary": '{"read_rows":"3","elapsed_ns":"5","total_rows_to_read":"0"}',
            "x-content-type-options": "nosniff",
            "x-frame-options": "DENY",
            "cross-origin-resource-policy": "same-origin",
            "cache-control": "no-store",
        }

    play(scenario)


def test_progress_is_told_who_asks_for_it(play):
    async def scenario(client, answer):
        await answer.send(Fifo(play.folder), Engine(accepted(), DONE).reply, MOST)
        assert json.loads(client.headers["x-clickhouse-progress"])["read_rows"] == "3"

    play(scenario, progress=True)


def test_a_statement_without_rows(play):
    async def scenario(client, answer):
        await answer.send(Fifo(play.folder), Engine(accepted(None, streams=False), DONE).reply, MOST)
        assert (client.status, client.body, client.ended) == (200, b"", True)
        assert "x-clickhouse-format" not in client.headers
        assert "content-encoding" not in client.headers

    play(scenario, encoding="gzip")


def test_a_result_in_frames_of_the_connection(play):
    async def scenario(client, answer):
        parts = [wire.frame(wire.RESULT, part) for part in (b"1\n", b"2\n", b"3\n", b"4\n")]
        engine = Engine(accepted("CSV", streams=False), *parts, DONE)
        await answer.send(Fifo(play.folder, b"not these"), engine.reply, MOST)
        assert client.body == b"1\n2\n3\n4\n"
        assert client.headers["content-type"] == "text/csv; charset=UTF-8; header=absent"

    play(scenario)


@pytest.mark.parametrize(
    ("output", "kind"),
    [
        ("Native", "application/octet-stream"),
        ("json", "application/json; charset=UTF-8"),
        ("X", "text/plain; charset=UTF-8"),
    ],
)
def test_the_kind_of_content(play, output, kind):
    async def scenario(client, answer):
        await answer.send(Fifo(play.folder, b"1"), Engine(accepted(output), DONE).reply, MOST)
        assert (client.headers["content-type"], client.headers["x-clickhouse-format"]) == (kind, output)

    play(scenario)


@pytest.mark.parametrize("wait_for_end", [None, False, True])
def test_a_statement_that_fails_before_its_answer_began(play, wait_for_end):
    async def scenario(client, answer):
        with pytest.raises(ClickHouseError) as error:
            await answer.send(Fifo(play.folder), Engine(FAILED).reply, MOST)
        assert error.value.code == 395
        with pytest.raises(ClickHouseError):
            await answer.send(Fifo(play.folder, b"1\n"), Engine(accepted(), FAILED).reply, MOST)
        assert client.sent == []

    play(scenario, wait_for_end=wait_for_end)


def test_a_large_result_comes_before_its_end(play):
    async def scenario(client, answer):
        rows, engine = Fifo(play.folder, b"x" * PIECE, None, b"y"), Engine(accepted("CSV"))
        sending = asyncio.ensure_future(answer.send(rows, engine.reply, MOST))
        await rows.waits.wait()
        assert client.body == b"x" * PIECE
        assert "content-length" not in client.headers
        assert client.headers["x-clickhouse-exception-tag"]
        rows.go_on.set()
        engine.say(DONE)
        await sending
        assert client.body == b"x" * PIECE + b"y"
        assert client.ended

    play(scenario)


def test_who_asks_not_to_wait_gets_the_head_soon(play, monkeypatch):
    async def scenario(client, answer):
        monkeypatch.setattr(module, "_SOON_S", 0.001)
        rows, engine = Fifo(play.folder, b"1\n", None, b"2\n"), Engine(accepted())
        sending = asyncio.ensure_future(answer.send(rows, engine.reply, MOST))
        await client.wrote.wait()
        assert client.body == b"1\n"
        rows.go_on.set()
        engine.say(DONE)
        await sending
        assert (client.body, client.ended) == (b"1\n2\n", True)

    play(scenario, wait_for_end=False)


@pytest.mark.parametrize("soon", [1e-9, 1e-6, 1e-5])
def test_no_rows_are_lost_in_the_moment_of_that_deadline(play, monkeypatch, soon):
    async def scenario(client, answer):
        monkeypatch.setattr(module, "_SOON_S", soon)
        parts = [b"%d\n" % i for i in range(50)]
        await answer.send(Fifo(play.folder, *parts), Engine(accepted(), DONE).reply, MOST)
        assert client.body == b"".join(parts)

    play(scenario, wait_for_end=False)


@pytest.mark.parametrize("sizes", [(10, 20), (99,), (100,), (150, 60), (PIECE, PIECE)])
def test_who_waits_for_the_end_gets_all_or_an_error(play, sizes):
    async def scenario(client, answer):
        parts = [bytes([65 + at]) * size for at, size in enumerate(sizes)]
        rows, engine = Fifo(play.folder, *parts, None), Engine(accepted("CSV"))
        sending = asyncio.ensure_future(answer.send(rows, engine.reply, MOST))
        await rows.waits.wait()
        assert client.sent == []
        rows.go_on.set()
        engine.say(DONE)
        await sending
        assert (client.status, client.body, client.ended) == (200, b"".join(parts), True)
        assert '"read_rows":"3"' in client.headers["x-clickhouse-summary"]
        assert ("content-length" in client.headers) == (sum(sizes) < SETTINGS.max_buffered_bytes)
        assert list(play.folder.iterdir()) == [], "what was held on disk is gone"

    play(scenario, wait_for_end=True)


def test_who_waits_for_the_end_of_a_failure_gets_nothing_else(play):
    async def scenario(client, answer):
        with pytest.raises(ClickHouseError, match="thrown"):
            await answer.send(Fifo(play.folder, b"x" * PIECE * 2), Engine(accepted(), FAILED).reply, MOST)
        assert client.sent == []

    play(scenario, wait_for_end=True)


def test_a_failure_in_the_middle_is_told_and_the_connection_breaks(play):
    async def scenario(client, answer):
        with pytest.raises(ClientGoneError, match="thrown"):
            await answer.send(Fifo(play.folder, b"x" * PIECE, b"y"), Engine(accepted("CSV"), FAILED).reply, MOST)
        assert client.status == 200
        tag = client.headers["x-clickhouse-exception-tag"]
        text = b"Code: 395. DB::Exception: thrown"
        assert client.body == b"x" * PIECE + b"y" + failure_trailer(tag, text.decode())
        assert not client.ended

    play(scenario)


def test_a_failure_in_the_middle_can_be_read_through_an_encoding(play):
    async def scenario(client, answer):
        with pytest.raises(ClientGoneError):
            await answer.send(Fifo(play.folder, b"x" * PIECE), Engine(accepted(), FAILED).reply, MOST)
        assert client.headers["content-encoding"] == "gzip"
        assert b"DB::Exception: thrown" in gzip.decompress(client.body)
        assert not client.ended

    play(scenario, encoding="gzip")


def test_an_engine_that_dies_in_the_middle(play):
    async def scenario(client, answer):
        engine = Engine(accepted())
        engine.reader.feed_eof()
        with pytest.raises(ClientGoneError, match="not known"):
            await answer.send(Fifo(play.folder, b"x" * PIECE), engine.reply, MOST)
        assert b"Code: 210" in client.body
        assert not client.ended

    play(scenario)


@pytest.mark.parametrize("wait_for_end", [None, False, True])
@pytest.mark.parametrize("parts", [(b"x" * 9,), (b"x" * 5, b"x" * 5)])
def test_a_result_beyond_its_limit_is_an_error(play, parts, wait_for_end):
    async def scenario(client, answer):
        size = sum(map(len, parts))
        with pytest.raises(ClickHouseError, match=f"exceeded: {size - 1} bytes") as error:
            await answer.send(Fifo(play.folder, *parts), Engine(accepted(), DONE).reply, size - 1)
        assert error.value.code == 396
        assert client.sent == []
        await answer.send(Fifo(play.folder, *parts), Engine(accepted(), DONE).reply, size)
        assert client.ended

    play(scenario, wait_for_end=wait_for_end)


def test_a_result_beyond_its_limit_in_the_middle_breaks(play):
    async def scenario(client, answer):
        with pytest.raises(ClientGoneError, match="exceeded"):
            await answer.send(Fifo(play.folder, b"x" * PIECE, b"yz"), Engine(accepted()).reply, PIECE + 1)
        assert client.body.startswith(b"x" * PIECE + b"\r\n__exception__\r\n")
        assert b"Code: 396" in client.body
        assert not client.ended

    play(scenario)


@pytest.mark.parametrize("wait_for_end", [None, True])
@pytest.mark.parametrize("size", [50, 300, PIECE])
@pytest.mark.parametrize("encoding", ["gzip", "zstd", "br"])
def test_an_answer_in_an_encoding(play, encoding, size, wait_for_end):
    async def scenario(client, answer):
        await answer.send(Fifo(play.folder, b"x" * size, b"y"), Engine(accepted(), DONE).reply, MOST)
        decoder = Decoder(encoding)
        assert b"".join(decoder.feed(client.body)) == b"x" * size + b"y"
        decoder.finish()
        assert client.headers["content-encoding"] == encoding
        assert client.ended

    play(scenario, encoding=encoding, wait_for_end=wait_for_end)


@pytest.mark.parametrize("size", [50, PIECE])
def test_an_answer_in_clickhouses_own_frames_has_no_content_encoding(play, size):
    async def scenario(client, answer):
        await answer.send(Fifo(play.folder, b"x" * size, b"y"), Engine(accepted(), DONE).reply, MOST)
        decoder = FrameDecoder()
        assert b"".join(decoder.feed(client.body)) == b"x" * size + b"y"
        decoder.finish()
        assert "content-encoding" not in client.headers

    play(scenario, frames=True, encoding="gzip")


def test_a_client_that_goes_ends_it(play):
    async def scenario(client, answer):
        rows = Fifo(play.folder, b"x" * PIECE, None)
        engine = Engine(accepted())
        sending = asyncio.ensure_future(answer.send(rows, engine.reply, MOST))
        await rows.waits.wait()
        client.go()
        with pytest.raises(ClientGoneError):
            await sending
        assert not client.ended
        rows.go_on.set()
        engine.reply.outcome.cancel()
        await asyncio.wait({engine.reply.outcome})

    play(scenario)


def test_a_client_that_goes_before_the_engine_has_answered(play):
    async def scenario(client, answer):
        engine = Engine()
        sending = asyncio.ensure_future(answer.send(Fifo(play.folder), engine.reply, MOST))
        await asyncio.sleep(0)
        client.go()
        with pytest.raises(ClientGoneError):
            await sending
        assert client.sent == []
        engine.reply.outcome.cancel()
        await asyncio.wait({engine.reply.outcome})

    play(scenario)


def test_a_client_that_does_not_read_ends_it(play, monkeypatch):
    async def scenario(client, answer):
        monkeypatch.setattr(SETTINGS, "send_timeout_s", 0.001)
        with pytest.raises(ClientGoneError, match="has not read"):
            await answer.send(Fifo(play.folder, b"x" * PIECE), Engine(accepted(), DONE).reply, MOST)

    play(scenario, reads=asyncio.Event())


def test_a_trailer_says_how_long_it_is():
    text = "Code: 1. ä"
    assert failure_trailer("tag", text) == (
        b"\r\n__exception__\r\ntag\r\n" + text.encode() + b"\n11 tag\r\n__exception__\r\n"
    )


def test_headers_of_a_failure():
    assert failure_headers(ClickHouseError(62, "x"), "q") == {
        "X-ClickHouse-Exception-Code": "62",
        "X-ClickHouse-Query-Id": "q",
    }
