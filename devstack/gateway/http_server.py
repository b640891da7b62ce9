"""uvicorn with a deadline for headers: a request whose headers do not end is dropped."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar, Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from devstack.gateway.limits import GatewaySettings

#: Of a request's line and headers, bytes. Parameters may be long, as in ClickHouse (http_max_uri_size).
_LARGEST_HEAD: Final = 1 << 20
_MOST_HEADERS: Final = 200
#: What waits for a client that does not read, before its answer waits; bytes.
_WAITING: Final = 256 * 1024


class Impatient(HttpToolsProtocol):
    """A connection with a deadline from a request's first byte to its last header, and a bound on what lies between."""

    header_timeout_s: ClassVar[float] = 10.0
    _deadline: asyncio.TimerHandle | None = None
    _head = 0

    def connection_made(self, transport: Any) -> None:
        """Wait for the first request."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=_WAITING)
        self._arm()

    def data_received(self, data: bytes) -> None:
        """Start the clock with a request's first byte, stop it with its last header."""
        if not self._has_request():
            self._arm()
        super().data_received(data)
        if self._has_request():
            self._disarm()
            self._head = 0
            return
        self._head += len(data)
        if self._head > _LARGEST_HEAD:
            self.transport.abort()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, but not any number of them: reading 250,000 stops everybody for seconds."""
        if len(self.headers) >= _MOST_HEADERS:
            self.transport.abort()
            raise ValueError("too many headers")  # ends the parser's work on this data
        super().on_header(name, value)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the clock."""
        self._disarm()
        super().connection_lost(exc)

    def _has_request(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _arm(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.header_timeout_s, self._late)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _late(self) -> None:
        self._deadline = None
        if not self._has_request():
            self.transport.abort()


def server(app: Any, host: str, port: int, settings: GatewaySettings) -> uvicorn.Server:
    """Return the server; it runs until SIGTERM or SIGINT, and finishes the requests under way first."""
    connection = type("Connection", (Impatient,), {"header_timeout_s": settings.header_timeout_s})
    return uvicorn.Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            log_level="warning",
            access_log=False,
            http=connection,
            loop="uvloop",
            limit_concurrency=settings.max_connections,
            timeout_graceful_shutdown=15,
            timeout_keep_alive=75,  # longer than clients keep idle connections, which would else meet a closed one
            lifespan="on",
            ws="none",
            server_header=False,
        )
    )
