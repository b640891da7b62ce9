"""What the engine says of one statement, as it comes."""

from __future__ import annotations

import asyncio
import json
from typing import Final, Protocol

from devstack.gateway import wire
from devstack.gateway.errors import UNAVAILABLE, ClickHouseError

#: Parts of a result that wait for a slow client; then the engine waits.
_WAITING: Final = 2


class Rows(Protocol):
    """Where a result comes from."""

    async def read(self) -> bytes:
        """Return the next bytes; nothing at the end."""


class Reply:
    """The engine's end of a connection.

    ``format``: of the result, once the statement is accepted, if it has one. ``outcome``: ends
    with the statement, with what it has read and written.
    """

    def __init__(self, reader: asyncio.StreamReader) -> None:
        """Begin to listen."""
        self.format: str | None = None
        self._parts: asyncio.Queue[bytes] = asyncio.Queue()
        self._room = asyncio.Semaphore(_WAITING)
        self._streams: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.outcome = asyncio.create_task(self._listen(reader))

    async def rows(self, fifo: Rows) -> Rows:
        """Return where the result comes from: the FIFO, or frames of this connection (none, if it was refused)."""
        return fifo if await self._streams else self

    async def read(self) -> bytes:
        """Return the next part of a result in frames; nothing at the end."""
        part = await self._parts.get()
        self._room.release()
        return part

    async def _listen(self, reader: asyncio.StreamReader) -> dict[str, int]:
        """Return the summary.

        Raises:
            ClickHouseError: what the engine refuses, or it died (210).
        """
        try:
            return await self._frames(reader)
        except (asyncio.IncompleteReadError, OSError) as error:
            text = "The engine ended while the statement ran; whether it took effect is not known"
            raise ClickHouseError(UNAVAILABLE, text) from error
        finally:
            if not self._streams.done():
                self._streams.set_result(False)
            self._parts.put_nowait(b"")

    async def _frames(self, reader: asyncio.StreamReader) -> dict[str, int]:
        while True:
            kind, size = wire.unpack(await reader.readexactly(wire.HEADER.size))
            payload = await reader.readexactly(size)
            if kind == wire.ACCEPTED:
                accepted = json.loads(payload)
                self.format = accepted.get("format")
                self._streams.set_result(accepted["streams"])
            elif kind == wire.RESULT:
                await self._room.acquire()
                self._parts.put_nowait(payload)
            elif kind == wire.FAILED:
                failed = json.loads(payload)
                raise ClickHouseError(failed["code"], failed["message"])
            elif kind == wire.DONE:
                summary: dict[str, int] = json.loads(payload)
                return summary
            else:
                raise wire.WireError(f"a frame of kind {kind!r} in an answer")
