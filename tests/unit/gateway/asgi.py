"""A client of an ASGI application, without a network: what it sends, what it got, and when it goes."""

from __future__ import annotations

import asyncio

from devstack.gateway.exchange import Exchange


class Client:
    """Sends ``body`` in parts, then stays until it goes. ``stops``: before the last part, for ever."""

    def __init__(self, *body: bytes, method="POST", headers=(), query=b"", stops=False, reads=None) -> None:
        self._left = [{"type": "http.request", "body": part, "more_body": True} for part in body]
        if self._left and not stops:
            self._left[-1]["more_body"] = False
        elif not stops:
            self._left = [{"type": "http.request"}]
        self._gone = asyncio.Event()
        self.reads = reads or asyncio.Event()
        if reads is None:
            self.reads.set()
        self.sent = []
        self.wrote = asyncio.Event()
        scope = {"method": method, "path": "/", "headers": list(headers), "query_string": query}
        self.exchange = Exchange(scope, self._receive, self._send)

    def go(self) -> None:
        self._left.clear()
        self._gone.set()

    async def _receive(self):
        if self._left:
            return self._left.pop(0)
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message) -> None:
        if message["type"] == "http.response.body":
            await self.reads.wait()
            self.wrote.set()
        self.sent.append(message)

    @property
    def status(self):
        return self.sent[0]["status"]

    @property
    def headers(self):
        return {name.decode(): value.decode() for name, value in self.sent[0]["headers"]}

    @property
    def body(self):
        return b"".join(message["body"] for message in self.sent[1:])

    @property
    def ended(self):
        """Return whether the answer has come to its end; the connection breaks otherwise."""
        return self.sent[-1].get("more_body") is False


async def take(exchange: Exchange, timeout_s=10.0, most=10**9) -> bytes:
    return b"".join([part async for part in exchange.body(timeout_s, most)])
