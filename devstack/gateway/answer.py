"""The answer to a statement: headers, the rows as they come, and how a failure in the middle is told."""

from __future__ import annotations

import asyncio
import json
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

from devstack.gateway import web
from devstack.gateway.asked import Asked
from devstack.gateway.compression import Encoder
from devstack.gateway.engine_client import Hello
from devstack.gateway.errors import TOO_MUCH_RESULT, ClickHouseError
from devstack.gateway.exchange import ClientGoneError, Exchange
from devstack.gateway.limits import GatewaySettings
from devstack.gateway.native_frames import FrameEncoder
from devstack.gateway.reply import Reply, Rows
from devstack.gateway.result import PIECE, Fifo

#: When the answer begins, if the client asked not to wait for the end and there is nothing to send yet; seconds.
_SOON_S: Final = 0.1
_CONTENT_TYPES: Final = {
    "json": "application/json; charset=UTF-8",
    "jsoncompact": "application/json; charset=UTF-8",
    "jsoneachrow": "application/x-ndjson; charset=UTF-8",
    "csv": "text/csv; charset=UTF-8; header=absent",
    "csvwithnames": "text/csv; charset=UTF-8; header=present",
    "tsv": "text/tab-separated-values; charset=UTF-8",
    "tabseparated": "text/tab-separated-values; charset=UTF-8",
    "native": "application/octet-stream",
    "rowbinary": "application/octet-stream",
    "parquet": "application/octet-stream",
    "arrow": "application/octet-stream",
    "arrowstream": "application/octet-stream",
}


class _Encodes(Protocol):
    def feed(self, chunk: bytes) -> bytes: ...
    def finish(self) -> bytes: ...


class Answer:
    """Sends what a statement gives."""

    def __init__(self, exchange: Exchange, asked: Asked, hello: Hello, settings: GatewaySettings) -> None:
        """Take the exchange, what was asked, what the engine says of itself, and the limits."""
        self._exchange = exchange
        self._asked = asked
        self._hello = hello
        self._settings = settings
        self._reading: asyncio.Future[bytes] | None = None

    async def send(self, fifo: Fifo, reply: Reply, most: int) -> None:
        """Send a result of at most ``most`` bytes, small ones whole and larger ones as they come.

        Raises:
            ClickHouseError: the statement failed, before or (then the connection must break) after the answer began.
            ClientGoneError: nobody reads any more.
        """
        rows = await self._exchange.unless_gone(reply.rows(fifo))
        if self._asked.wait_for_end:
            await self._wait_for_end(rows, reply, most, fifo.path.parent)
            return
        first, ended = await self._begin(rows)
        if ended:
            summary = await self._exchange.unless_gone(reply.outcome)
            self._check_size(len(first), most)
            await self._whole(first, summary, reply)
        else:
            await self._stream(first, rows, reply, most)

    async def _begin(self, rows: Rows) -> tuple[bytes, bool]:
        """Return the first bytes of a result, and whether they are all; soon, for a client that asked not to wait."""
        soon = _SOON_S if self._asked.wait_for_end is False else None
        deadline = asyncio.get_running_loop().time() + soon if soon else None
        first = bytearray()
        while len(first) < PIECE:
            # A read that has begun is finished, however late: a cancelled one may have taken bytes.
            piece = await self._exchange.unless_gone(self._patient_read(rows, deadline))
            if piece is None:
                return bytes(first), False
            if not piece:
                return bytes(first), True
            first += piece
        return bytes(first), False

    async def _patient_read(self, rows: Rows, deadline: float | None) -> bytes | None:
        """Return the next bytes, or None if they are not there in time; then the read goes on."""
        reading = self._reading or asyncio.ensure_future(rows.read())
        self._reading = reading
        if deadline is not None:
            left = max(deadline - asyncio.get_running_loop().time(), 0.0)
            await asyncio.wait({reading}, timeout=left)
            if not reading.done():
                return None
        piece = await reading
        self._reading = None
        return piece

    async def _next(self, rows: Rows) -> bytes:
        return await self._exchange.unless_gone(self._patient_read(rows, None)) or b""

    async def _wait_for_end(self, rows: Rows, reply: Reply, most: int, folder: Path) -> None:
        """Hold the result, on disk if it is large, until it is known whether the statement succeeded."""
        size = 0
        limit = self._settings.max_buffered_bytes
        with tempfile.SpooledTemporaryFile(max_size=limit, dir=str(folder)) as held:
            while piece := await self._exchange.unless_gone(rows.read()):
                size += len(piece)
                self._check_size(size, most)
                held.write(piece)
            summary = await self._exchange.unless_gone(reply.outcome)
            held.seek(0)
            if size < limit:
                await self._whole(held.read(), summary, reply)
                return
            encoding, encoder = self._encoder()
            await self._exchange.start(200, self._headers(reply.format, encoding, summary))
            while piece := held.read(PIECE):
                await self._write(encoder, piece)
            await self._write(encoder, b"", last=True)
            await self._exchange.write(b"", self._settings.send_timeout_s, more=False)

    async def _whole(self, data: bytes, summary: Mapping[str, int], reply: Reply) -> None:
        encoding, encoder = self._encoder() if data else (None, None)
        body = encoder.feed(data) + encoder.finish() if encoder else data
        headers = self._headers(reply.format, encoding, summary)
        await self._exchange.respond(200, headers, body, self._settings.send_timeout_s)

    async def _stream(self, data: bytes, rows: Rows, reply: Reply, most: int) -> None:
        tag = secrets.token_hex(8)
        encoding, encoder = self._encoder()
        size = len(data)
        self._check_size(size, most)
        headers = self._headers(reply.format, encoding, {})
        headers["X-ClickHouse-Exception-Tag"] = tag
        await self._exchange.start(200, headers)
        try:
            await self._write(encoder, data)
            while data := await self._next(rows):
                size += len(data)
                self._check_size(size, most)
                await self._write(encoder, data)
            await self._exchange.unless_gone(reply.outcome)
        except ClickHouseError as error:
            await self._write(encoder, failure_trailer(tag, str(error)), last=True)
            # The connection breaks: no client may take half a result for the whole.
            raise ClientGoneError(f"the statement failed after its answer had begun: {error}") from error
        await self._write(encoder, b"", last=True)
        await self._exchange.write(b"", self._settings.send_timeout_s, more=False)

    async def _write(self, encoder: _Encodes | None, data: bytes, last: bool = False) -> None:
        if encoder is not None:
            data = encoder.feed(data) + (encoder.finish() if last else b"")
        if data:
            await self._exchange.write(data, self._settings.send_timeout_s)

    def _check_size(self, size: int, most: int) -> None:
        if size > most:
            raise ClickHouseError(TOO_MUCH_RESULT, f"Limit for result exceeded: {most} bytes")

    def _encoder(self) -> tuple[str | None, _Encodes | None]:
        """Return the Content-Encoding, and what compresses: ClickHouse's own frames are no Content-Encoding."""
        if self._asked.frames:
            return None, FrameEncoder()
        if self._asked.encoding:
            return self._asked.encoding, Encoder(self._asked.encoding)
        return None, None

    def _headers(self, output: str | None, encoding: str | None, summary: Mapping[str, int]) -> dict[str, str]:
        counts = {name: str(value) for name, value in summary.items()}
        text = json.dumps({**counts, "total_rows_to_read": "0"}, separators=(",", ":"))
        headers = {
            **web.HEADERS,
            "X-ClickHouse-Summary": text,
            "X-ClickHouse-Query-Id": self._asked.query_id,
            "X-ClickHouse-Server-Display-Name": "polyglot",
            "X-ClickHouse-Timezone": self._hello.timezone,
        }
        if self._asked.progress:
            headers["X-ClickHouse-Progress"] = text
        if output:
            headers["X-ClickHouse-Format"] = output
            headers["Content-Type"] = _CONTENT_TYPES.get(output.lower(), "text/plain; charset=UTF-8")
        if encoding:
            headers["Content-Encoding"] = encoding
        return headers


def failure_headers(error: ClickHouseError, query_id: str) -> dict[str, str]:
    """Return the headers of a failure before the answer began."""
    return {"X-ClickHouse-Exception-Code": str(error.code), "X-ClickHouse-Query-Id": query_id}


def failure_trailer(tag: str, message: str) -> bytes:
    """Return the end of a body whose query failed after the headers had gone.

    Clients that know ClickHouse look for ``tag``, the value of X-ClickHouse-Exception-Tag.
    """
    text = message.encode()
    marker = b"__exception__\r\n"
    return b"\r\n" + marker + tag.encode() + b"\r\n" + text + b"\n%d " % len(text) + tag.encode() + b"\r\n" + marker
