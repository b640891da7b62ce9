"""The HTTP server: who asks, within which limits, and what the engine answers, as it comes.

It holds no data and runs no SQL. Each request gets a connection to the engine's process and a FIFO for the rows.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from devstack.gateway import asked as asking
from devstack.gateway import compression, forms, web, wire
from devstack.gateway.answer import Answer, failure_headers
from devstack.gateway.asked import Asked
from devstack.gateway.bodies import decoded
from devstack.gateway.compression import CodecError
from devstack.gateway.engine_client import EngineClient
from devstack.gateway.errors import INCORRECT_DATA, LIMIT_EXCEEDED, UNKNOWN_EXCEPTION, ClickHouseError
from devstack.gateway.exchange import ClientGoneError, Exchange
from devstack.gateway.fair_queue import FairQueue
from devstack.gateway.kinds import Role
from devstack.gateway.limits import GatewaySettings
from devstack.gateway.reply import Reply
from devstack.gateway.result import Fifo, fifo
from devstack.gateway.users import User, authenticate, credentials

log = logging.getLogger(__name__)

#: A form is held whole; bytes.
_LARGEST_FORM: Final = 64 * 1024 * 1024
#: What a client may still send after an error, before it must listen: seconds and bytes.
_DRAIN: Final = (10.0, 1 << 30)
#: How long the engine may take to drop a cancelled statement before it counts as hung, seconds.
_LET_GO_S: Final = 120.0


@dataclass(slots=True)
class Request:
    """One authenticated request."""

    exchange: Exchange
    role: Role
    user: str
    asked: Asked
    tables: list[forms.ExternalTable] = field(default_factory=list)


class Gateway:
    """The ASGI application."""

    def __init__(self, engine: EngineClient, data: Path, users: Mapping[str, User], settings: GatewaySettings) -> None:
        """Take an engine that will be started, and its data folder."""
        self._engine = engine
        self._folder = data / "tmp"
        self._users = users
        self._settings = settings
        self._queue = FairQueue(settings.workers, settings.workers_per_user, settings.max_waiting, settings.max_wait_s)
        self._letting_go: set[asyncio.Task[None]] = set()

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        """Serve ASGI's events."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            exchange = Exchange(scope, receive, send)
            try:
                await self._route(exchange)
            except ClientGoneError as error:
                log.info("a client went: %s", error)
                raise
            finally:
                exchange.end()

    async def _live(self, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]) -> None:
        await receive()
        try:
            await self._engine.start()
        except Exception as error:
            log.exception("the engine did not start")
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await asyncio.gather(*self._letting_go, return_exceptions=True)
        await self._engine.stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def _route(self, exchange: Exchange) -> None:
        query_id = str(uuid.uuid4())
        try:
            query = exchange.query()
            web.check(exchange.headers, query, self._settings.allowed_hosts, self._settings.allowed_origins)
            if exchange.method == "OPTIONS":
                await self._plain(exchange, 204, "", {"Allow": "GET, HEAD, POST, OPTIONS"})
            elif exchange.path in ("/ping", "/replicas_status") or (not query and exchange.method in ("GET", "HEAD")):
                up = self._engine.is_ready
                await self._plain(exchange, 200 if up else 503, "Ok.\n" if up else "The engine is being restarted.\n")
            elif exchange.path not in ("/", ""):
                await self._plain(exchange, 404, f"There is no handle {exchange.path[:200]}\n")
            elif exchange.method not in ("GET", "POST"):
                await self._plain(
                    exchange, 405, "Use GET or POST for a statement.\n", {"Allow": "GET, HEAD, POST, OPTIONS"}
                )
            else:
                user, password = credentials(exchange.headers)
                role = authenticate(self._users, user, password)
                asked = asking.read(query, exchange.headers)
                asked.query_id = query_id = asked.query_id or query_id
                await self._answer(Request(exchange, role, user, asked))
        except (CodecError, ClickHouseError) as error:
            if exchange.started:
                raise
            await exchange.drain(*_DRAIN)
            known = error if isinstance(error, ClickHouseError) else ClickHouseError(INCORRECT_DATA, str(error))
            if known.code == UNKNOWN_EXCEPTION:
                log.error("unexpected engine error: %s", known)  # noqa: TRY400 - the stack is in the engine's log
            await self._plain(exchange, known.status, f"{known}\n", failure_headers(known, query_id))

    async def _plain(
        self, exchange: Exchange, status: int, text: str, headers: Mapping[str, str] | None = None
    ) -> None:
        every = {"Content-Type": "text/plain; charset=UTF-8", **web.HEADERS, **(headers or {})}
        await exchange.respond(status, every, text.encode(), self._settings.send_timeout_s)

    async def _answer(self, request: Request) -> None:
        body = self._body(request)
        kind = request.exchange.headers.get("content-type", "")
        if kind.lower().startswith("multipart/form-data"):
            body = await self._read_form(request, kind, body)
        async with AsyncExitStack() as stack:
            place = await stack.enter_async_context(AsyncExitStack())
            await place.enter_async_context(self._queue.place(request.user))
            rows = await stack.enter_async_context(fifo(self._folder))
            connection = await place.enter_async_context(self._engine.connection())
            try:
                await self._converse(request, body, rows, *connection)
            finally:
                # The place is free when the engine has let go, which a cancelled statement may take a while to do.
                self._let_go(place.pop_all(), *connection)

    async def _converse(
        self,
        request: Request,
        body: AsyncIterator[bytes],
        rows: Fifo,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """Send the request, and hand on what comes back."""
        ask = wire.message(wire.ASK, self._ask(request, rows))
        if len(ask) > wire.LARGEST:
            raise ClickHouseError(LIMIT_EXCEEDED, f"Parameters and settings are longer than {wire.LARGEST} bytes")
        writer.write(ask)
        pump = asyncio.create_task(_pump(request.tables, request.asked.query, body, writer))
        reply = Reply(reader)
        reply.outcome.add_done_callback(lambda _: rows.knock())
        answer = Answer(request.exchange, request.asked, self._engine.hello, self._settings)
        try:
            await asyncio.wait({pump, reply.outcome}, return_when=asyncio.FIRST_COMPLETED)
            if (
                pump.done()
                and pump.exception() is not None
                and not isinstance(pump.exception(), BrokenPipeError | ConnectionResetError)
            ):
                await pump  # what the client sent cannot be read
            if reply.outcome.done():
                pump.cancel()  # an early error: the engine does not want the rest
            await answer.send(rows, reply, self._settings.roles.model_dump()[request.role]["max_result_bytes"])
        finally:
            pump.cancel()
            reply.outcome.cancel()
            await asyncio.gather(pump, reply.outcome, return_exceptions=True)

    def _ask(self, request: Request, rows: Fifo) -> dict[str, Any]:
        asked = request.asked
        return {
            "role": request.role,
            "user": request.user,
            "query_id": asked.query_id,
            "fifo": str(rows.path),
            "output": asked.output,
            "database": asked.database,
            "read_only": request.exchange.method in ("GET", "HEAD"),
            "session": asked.session,
            "session_check": asked.session_check,
            "session_timeout_s": asked.session_timeout_s,
            "settings": asked.settings,
            "params": asked.params,
            "revision": asked.revision,
            "tables": [
                {"name": one.name, "structure": one.structure, "format": one.format, "size": len(one.data)}
                for one in request.tables
            ],
        }

    def _body(self, request: Request) -> AsyncIterator[bytes]:
        settings = self._settings
        raw = request.exchange.body(settings.body_timeout_s, settings.max_request_bytes)
        encoding = request.exchange.headers.get("content-encoding", "identity").lower()
        return decoded(raw, encoding, request.asked.body_frames, settings.max_decompressed_bytes)

    async def _read_form(self, request: Request, kind: str, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Read a form whole; what it says counts like the URL, and its files become tables."""
        parts, size = [], 0
        async for part in body:
            parts.append(part)
            size += len(part)
            if size > _LARGEST_FORM:
                raise ClickHouseError(LIMIT_EXCEEDED, f"A form is longer than {_LARGEST_FORM} bytes")
        url = {name: request.asked.settings[name] for name in request.asked.settings}
        form = forms.parse_form(kind, b"".join(parts), url)
        request.tables = form.tables
        for table in form.tables:
            for suffix in ("_structure", "_types", "_format"):
                request.asked.settings.pop(table.name + suffix, None)
        for name, value in form.fields.items():
            asking.add(request.asked, name, value.encode(errors="surrogateescape"))
        return _nothing()

    def _let_go(self, place: AsyncExitStack, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def wait() -> None:
            async with place:
                if writer.can_write_eof() and not writer.is_closing():
                    writer.write_eof()  # the engine cancels what still runs
                try:
                    async with asyncio.timeout(_LET_GO_S):
                        while await reader.read(wire.LARGEST):
                            pass
                except TimeoutError:
                    self._engine.kill(f"a cancelled statement still runs after {_LET_GO_S:.0f} s")
                except OSError:
                    pass

        task = asyncio.create_task(wait())
        self._letting_go.add(task)
        task.add_done_callback(self._letting_go.discard)


async def _pump(
    tables: list[forms.ExternalTable], query: bytes, body: AsyncIterator[bytes], writer: asyncio.StreamWriter
) -> None:
    """Send tables, text and rows to the engine, as fast as it takes them."""
    for table in tables:
        await _send(writer, table.data)
    if query:
        await _send(writer, query + b"\n")
    async for part in body:
        await _send(writer, part)
    writer.write(wire.frame(wire.END))
    await writer.drain()


async def _send(writer: asyncio.StreamWriter, data: bytes) -> None:
    for place in range(0, len(data), compression.PIECE):
        writer.write(wire.frame(wire.BODY, data[place : place + compression.PIECE]))
        await writer.drain()


async def _nothing() -> AsyncIterator[bytes]:
    for chunk in tuple[bytes]():
        yield chunk
