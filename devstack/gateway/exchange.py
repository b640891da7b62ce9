"""One HTTP exchange over ASGI, with deadlines: for a body that stops, and for a client that does not read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any, TypeVar

from devstack.gateway.asked import split_query
from devstack.gateway.errors import LIMIT_EXCEEDED, TIMEOUT_EXCEEDED, ClickHouseError

Message = MutableMapping[str, Any]
T = TypeVar("T")


class ClientGoneError(ConnectionError):
    """The client closed the connection, or stopped reading."""


class Exchange:
    """A request and its answer.

    ``headers``: by lower-case name; of several with one name, joined with commas. ``query``: the URL's parameters.
    """

    def __init__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Take what ASGI gives."""
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        headers: dict[str, list[str]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
        self.headers = {name: ", ".join(values) for name, values in headers.items()}
        self._query_string: bytes = scope["query_string"]
        self._receive = receive
        self._send = send
        self._whole = False
        self._gone: asyncio.Task[None] | None = None
        self.started = False

    def query(self) -> dict[str, bytes]:
        """Return the URL's parameters; raise ClickHouseError if they cannot be read."""
        return split_query(self._query_string)

    async def body(self, timeout_s: float, most: int) -> AsyncIterator[bytes]:
        """Yield the body as it comes.

        Raises:
            ClickHouseError: nothing came for ``timeout_s`` (159), or more than ``most`` bytes did (290).
            ClientGoneError: the client went.
        """
        size = 0
        while not self._whole:
            try:
                async with asyncio.timeout(timeout_s):
                    message = await self._receive()
            except TimeoutError:
                raise ClickHouseError(TIMEOUT_EXCEEDED, f"The body has stopped for {timeout_s:.0f} s") from None
            if message["type"] == "http.disconnect":
                self._whole = True
                raise ClientGoneError
            self._whole = not message.get("more_body", False)
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > most:
                raise ClickHouseError(LIMIT_EXCEEDED, f"The body is longer than {most} bytes")
            if chunk:
                yield chunk

    async def drain(self, seconds: float, most: int) -> None:
        """Let a client that is still sending finish, within bounds: until then it reads no answer."""
        try:
            async with asyncio.timeout(seconds):
                async for _ in self.body(seconds, most):
                    pass
        except (TimeoutError, ClickHouseError, ClientGoneError):
            self._whole = True

    async def unless_gone(self, work: Awaitable[T]) -> T:
        """Return what ``work`` returns; cancel it and raise ClientGoneError if the client goes before.

        Before the body has come whole nobody can tell: whoever reads the body sees the client go.
        """
        if not self._whole:
            return await work
        if self._gone is None:
            self._gone = asyncio.ensure_future(self._wait_until_gone())
        task = asyncio.ensure_future(work)
        try:
            await asyncio.wait({task, self._gone}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if task.done():
            return task.result()
        task.cancel()
        raise ClientGoneError

    async def start(self, status: int, headers: dict[str, str]) -> None:
        """Send status and headers."""
        self.started = True
        pairs = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": pairs})

    async def write(self, data: bytes, timeout_s: float, more: bool = True) -> None:
        """Send a part of the body; raise ClientGoneError if the client has not read for ``timeout_s``."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._send({"type": "http.response.body", "body": data, "more_body": more})
        except TimeoutError:
            raise ClientGoneError(f"the client has not read for {timeout_s:.0f} s") from None

    async def respond(self, status: int, headers: dict[str, str], body: bytes, timeout_s: float) -> None:
        """Send a whole answer."""
        headers = {**headers, "Content-Length": str(len(body))}
        await self.start(status, headers)
        await self.write(b"" if self.method == "HEAD" else body, timeout_s, more=False)

    def end(self) -> None:
        """Stop looking whether the client is there."""
        if self._gone is not None:
            self._gone.cancel()

    async def _wait_until_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
