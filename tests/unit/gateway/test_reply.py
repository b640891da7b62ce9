"""What the engine says of a statement, and the FIFO of its result."""

from __future__ import annotations

import asyncio

import pytest

from devstack.gateway import wire
from devstack.gateway.errors import ClickHouseError
from devstack.gateway.result import fifo

from .engine_end import DONE, SUMMARY, Engine, Fifo, accepted


async def outcome(*frames, cut=0, more=b""):
    """Return how a reply of these frames ends, when the connection closes behind them."""
    engine = Engine(b"".join(frames)[: -cut or None] + more)
    engine.reader.feed_eof()
    rows = await engine.reply.rows(Fifo("/", b"rows"))
    parts = []
    while part := await rows.read():
        parts.append(part)
    return engine.reply.format, parts, await engine.reply.outcome


def test_what_an_engine_says():
    frames = [wire.frame(wire.RESULT, b"a"), wire.frame(wire.RESULT, b"b")]
    assert asyncio.run(outcome(accepted("CSV", streams=False), *frames, DONE)) == ("CSV", [b"a", b"b"], SUMMARY)
    assert asyncio.run(outcome(accepted("CSV"), DONE)) == ("CSV", [b"rows"], SUMMARY)


@pytest.mark.parametrize(
    ("frames", "cut", "more"),
    [
        ((), 0, b""),
        ((), 0, b"A"),
        ((accepted(),), 0, b""),
        ((accepted(), DONE), 1, b""),
        ((accepted(), DONE), len(DONE) - 1, b""),
        ((accepted(),), 0, wire.HEADER.pack(wire.DONE, wire.LARGEST + 1)),
        ((accepted(),), 0, wire.frame(b"Z", b"{}")),
    ],
)
def test_an_engine_that_ends_in_the_middle_or_says_something_else(frames, cut, more):
    with pytest.raises(ClickHouseError, match="not known") as error:
        asyncio.run(outcome(*frames, cut=cut, more=more))
    assert (error.value.code, error.value.status) == (210, 503)


def test_an_engine_waits_for_a_client_that_is_slow():
    async def scenario():
        engine = Engine(accepted(streams=False), *[wire.frame(wire.RESULT, b"%d" % i) for i in range(9)], DONE)
        rows = await engine.reply.rows(Fifo("/"))
        for _ in range(50):
            await asyncio.sleep(0)
        assert not engine.reply.outcome.done()
        assert engine.reply._parts.qsize() <= 3
        assert [await rows.read() for _ in range(10)] == [*(b"%d" % i for i in range(9)), b""]
        assert await engine.reply.outcome == SUMMARY

    asyncio.run(asyncio.wait_for(scenario(), 10))


def test_a_fifo_gives_what_is_written_and_ends_with_its_writer(tmp_path):
    async def scenario():
        async with fifo(tmp_path) as rows:
            assert rows.path.parent == tmp_path
            assert rows.path.is_fifo()
            assert rows.path.stat().st_mode & 0o777 == 0o600
            with rows.path.open("wb", buffering=0) as writer:
                writer.write(b"abc")
                assert await rows.read() == b"abc"
                writer.write(b"d")
            assert await rows.read() == b"d"
            assert await rows.read() == b""
        assert list(tmp_path.iterdir()) == []

    asyncio.run(asyncio.wait_for(scenario(), 10))


def test_a_knock_ends_a_fifo_that_nobody_opened_and_loses_nothing(tmp_path):
    async def scenario():
        async with fifo(tmp_path) as rows:
            rows.knock()
            assert await rows.read() == b""
        rows.knock()  # it is gone: nothing happens
        async with fifo(tmp_path) as rows:
            with rows.path.open("wb", buffering=0) as writer:
                writer.write(b"abc")
                rows.knock()
            assert [await rows.read(), await rows.read()] == [b"abc", b""]

    asyncio.run(asyncio.wait_for(scenario(), 10))


def test_the_writer_of_a_fifo_that_is_gone_is_told(tmp_path):
    async def scenario():
        async with fifo(tmp_path) as rows:
            writer = rows.path.open("wb", buffering=0)
        await asyncio.sleep(0)
        with writer, pytest.raises(BrokenPipeError):
            writer.write(b"x")

    asyncio.run(asyncio.wait_for(scenario(), 10))
