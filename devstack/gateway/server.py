"""ClickHouse's HTTP interface over one chDB engine: ``python -m polyglot.clickhouse.gateway --port P --data DIR``.

Serves clickhouse-connect and any HTTP client. Inserts are pushed into the engine as they arrive and results of
streamable formats leave as they are made, so memory does not grow with the size of a request.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, nullcontext, suppress
from pathlib import Path
from typing import Final, TypeVar, TypeVarTuple, Unpack

import typer
import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from polyglot.clickhouse import codecs, protocol, sqltext
from devstack.gateway.engine import STREAMED, Engine, Handle, Insert, Session
from devstack.gateway.errors import INCORRECT_DATA, QUERY_TOO_LARGE, UNKNOWN_EXCEPTION, ClickHouseError
from devstack.gateway.users import GatewaySettings, Role, authenticate, authorize, credentials

log = logging.getLogger(__name__)

#: Bytes: enough to find where an insert's data begins; what one push into the engine holds; the longest other SQL.
HEAD: Final = 64 * 1024
PUSH: Final = 1024 * 1024
MAX_SQL: Final = 16 * 1024 * 1024

T = TypeVar("T")
Args = TypeVarTuple("Args")

_STREAMED = {name.lower() for name in STREAMED}


class Gateway:
    """The HTTP endpoints over one engine."""

    def __init__(self, engine: Engine, limits: GatewaySettings) -> None:
        """Take an open engine."""
        self._engine = engine
        self._limits = limits
        self._users = limits.all_users()
        self._threads = ThreadPoolExecutor(limits.workers, thread_name_prefix="query")

    def app(self) -> Starlette:
        """Return the ASGI application; its shutdown closes the engine."""

        @asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[None]:
            yield
            self._threads.shutdown(wait=True)
            self._engine.close()

        async def alive(_: Request) -> Response:
            return PlainTextResponse("Ok.\n")

        routes = [
            Route("/ping", alive),
            Route("/replicas_status", alive),
            Route("/", self.query, methods=["GET", "POST"]),
        ]
        return Starlette(routes=routes, lifespan=lifespan)

    async def query(self, request: Request) -> Response:
        """Answer one request for a statement."""
        if request.method == "GET" and not request.query_params:
            return PlainTextResponse("Ok.\n")
        query_id = str(uuid.uuid4())
        try:
            role = authenticate(self._users, *credentials(request.headers, request.query_params))
            asked = protocol.parse(request.query_params, request.headers)
            asked.query_id = query_id = asked.query_id or query_id
            return await self._answer(request, role, asked)
        except (codecs.CodecError, ClickHouseError) as error:
            await _drain(request)
            if isinstance(error, ClickHouseError):
                return self._failure(error, query_id)
            return self._failure(ClickHouseError(INCORRECT_DATA, str(error)), query_id)

    async def _answer(self, request: Request, role: Role, asked: protocol.Asked) -> Response:
        statement, sql, body = await _read(request, asked)
        authorize(role, statement, self._engine.denied_functions)
        output = statement.format or asked.output
        streamed = statement.keyword in ("SELECT", "WITH") and output.lower() in _STREAMED
        session = Session(
            role,
            asked.database,
            asked.settings,
            asked.params,
            read_only=request.method == "GET",
            whole_result=statement.kind == "result" and not streamed,
        )
        handle = await self._run(None, self._engine.open, session)
        response: Response | None = None
        try:
            if streamed:
                response = await self._stream(handle, asked, sql, output)
            elif statement.kind == "insert_data" and not asked.params:
                await self._insert(handle, statement, sql, body)
                response = self._response(handle, asked, b"", None)
            else:
                # Parameters are bound by the engine's parser, so an insert with them must be one text.
                result = await self._run(handle, handle.query, await _all(sql, body), output)
                response = self._response(handle, asked, result, output if statement.kind == "result" else None)
            return response
        finally:
            if not isinstance(response, StreamingResponse):
                self._threads.submit(handle.close)

    async def _insert(
        self, handle: Handle, statement: sqltext.Statement, head: bytes, body: AsyncIterator[bytes]
    ) -> None:
        insert: Insert | None = None
        pending = bytearray(head[statement.data_start :])
        async for chunk in body:
            pending += chunk
            if len(pending) >= PUSH:
                insert = await self._run(handle, _push, handle, statement, insert, bytes(pending), False)
                pending.clear()
        await self._run(handle, _push, handle, statement, insert, bytes(pending), True)

    async def _stream(self, handle: Handle, asked: protocol.Asked, sql: bytes, output: str) -> Response:
        blocks = handle.stream(sql, output)
        first = await self._run(handle, _some, blocks)
        if len(first) < PUSH:
            return self._response(handle, asked, first, output)
        tag = secrets.token_hex(8)
        headers = self._headers(handle, asked, output, asked.encoding)
        headers["X-ClickHouse-Exception-Tag"] = tag

        async def chunks() -> AsyncIterator[bytes]:
            encoder = codecs.Encoder(asked.encoding) if asked.encoding else None
            block = first
            failed: ClickHouseError | None = None
            try:
                while block:
                    yield encoder.feed(block) if encoder else block
                    try:
                        block = await self._run(handle, _some, blocks)
                    except ClickHouseError as error:
                        failed = error
                        block = b""
                end = protocol.failure_trailer(tag, str(failed)) if failed else b""
                yield encoder.feed(end) + encoder.finish() if encoder else end
                if failed:
                    # Break the connection: no client may take half a result for the whole.
                    raise failed
            finally:
                self._threads.submit(handle.close)

        return StreamingResponse(chunks(), headers=headers, media_type=None)

    async def _run(self, handle: Handle | None, work: Callable[[Unpack[Args]], T], *args: *Args) -> T:
        def locked() -> T:
            with handle.lock if handle else nullcontext():
                return work(*args)

        return await asyncio.get_running_loop().run_in_executor(self._threads, locked)

    def _headers(
        self, handle: Handle, asked: protocol.Asked, output: str | None, encoding: str | None
    ) -> dict[str, str]:
        headers = {
            "X-ClickHouse-Summary": json.dumps(handle.summary.header(), separators=(",", ":")),
            "X-ClickHouse-Query-Id": asked.query_id,
            "X-ClickHouse-Server-Display-Name": "polyglot",
            "X-ClickHouse-Timezone": self._engine.timezone,
        }
        if output:
            headers["X-ClickHouse-Format"] = output
            headers["Content-Type"] = protocol.content_type(output)
        if encoding:
            headers["Content-Encoding"] = encoding
        return headers

    def _response(self, handle: Handle, asked: protocol.Asked, body: bytes, output: str | None) -> Response:
        encoding = asked.encoding if body else None
        if encoding:
            encoder = codecs.Encoder(encoding)
            body = encoder.feed(body) + encoder.finish()
        return Response(body, headers=self._headers(handle, asked, output, encoding))

    def _failure(self, error: ClickHouseError, query_id: str) -> Response:
        headers = {"X-ClickHouse-Exception-Code": str(error.code), "X-ClickHouse-Query-Id": query_id}
        if error.code == UNKNOWN_EXCEPTION:
            log.error("unexpected engine error: %s", error)
        return PlainTextResponse(f"{error}\n", error.status, headers)


def _push(handle: Handle, statement: sqltext.Statement, insert: Insert | None, data: bytes, last: bool) -> Insert:
    insert = insert or handle.insert(statement.header, statement.format or "")
    if data:
        insert.append(data)
    if last:
        insert.finish()
    return insert


def _some(blocks: Iterator[bytes]) -> bytes:
    """Join blocks to at least PUSH bytes; less means that it was the last."""
    parts: list[bytes] = []
    size = 0
    for block in blocks:
        parts.append(block)
        size += len(block)
        if size >= PUSH:
            break
    return b"".join(parts)


async def _read(request: Request, asked: protocol.Asked) -> tuple[sqltext.Statement, bytes, AsyncIterator[bytes]]:
    """Return the statement, the text read so far (all of it, unless rows follow) and the rest of the body."""
    body = _decoded(request)
    content_type = request.headers.get("content-type", "")
    if content_type.startswith("multipart/form-data"):
        protocol.add_form(asked, content_type, await _all(b"", body))
        body = _nothing()
    text = asked.query.encode()
    sql = await _head(text + b"\n" if text else b"", body)
    statement = sqltext.read(sql)
    if statement.kind != "insert_data":
        sql = await _all(sql, body)
        statement = sqltext.read(sql)
    if statement.kind == "empty":
        raise ClickHouseError(62, "Syntax error: Empty query")
    return statement, sql, body


async def _decoded(request: Request) -> AsyncIterator[bytes]:
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding == "identity":
        async for chunk in request.stream():
            yield chunk
        return
    decoder = codecs.Decoder(encoding)
    async for chunk in request.stream():
        yield decoder.feed(chunk)
    decoder.finish()


async def _drain(request: Request) -> None:
    """Let a client that is still sending finish: until then it reads no answer."""
    with suppress(RuntimeError, ClientDisconnect):  # there is nothing left to read
        async for _ in request.stream():
            pass


async def _nothing() -> AsyncIterator[bytes]:
    for chunk in tuple[bytes]():
        yield chunk


async def _head(text: bytes, body: AsyncIterator[bytes]) -> bytes:
    parts = [text]
    size = len(text)
    async for chunk in body:
        parts.append(chunk)
        size += len(chunk)
        if size >= HEAD:
            break
    return b"".join(parts)


async def _all(text: bytes, body: AsyncIterator[bytes]) -> bytes:
    parts = [text]
    size = len(text)
    async for chunk in body:
        parts.append(chunk)
        size += len(chunk)
        if size > MAX_SQL:
            raise ClickHouseError(QUERY_TOO_LARGE, f"The query is longer than {MAX_SQL} bytes")
    return b"".join(parts)


cli = typer.Typer(pretty_exceptions_enable=False, add_completion=False)


@cli.command()
def main(host: str = "127.0.0.1", port: int = 18123, data: Path = Path("var/clickhouse")) -> None:
    """Serve until SIGTERM or SIGINT; requests under way are finished first."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    # A query that fails in mid-answer breaks its connection on purpose (see _stream): no stack for that.
    logging.getLogger("uvicorn.error").addFilter(
        lambda record: not (record.exc_info and isinstance(record.exc_info[1], ClickHouseError))
    )
    limits = GatewaySettings()
    gateway = Gateway(Engine(data, limits), limits)
    uvicorn.run(
        gateway.app(),
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=15,
        timeout_keep_alive=75,  # longer than clients keep idle connections, which would else meet a closed one
        lifespan="on",
    )


if __name__ == "__main__":
    cli()
