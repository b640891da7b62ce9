"""One request in the engine's process: read its text, judge it, run it, and say what came of it."""

from __future__ import annotations

import json
import logging
import re
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any, Final

from devstack.gateway import processes, values, wire
from devstack.gateway.ask import PUSH, Ask, Body, Table
from devstack.gateway.chdb_engine import MAX_SQL, Connection, Engine, quote_name
from devstack.gateway.errors import (
    ACCESS_DENIED,
    BAD_ARGUMENTS,
    NOT_IMPLEMENTED,
    QUERY_ID_IN_USE,
    QUERY_TOO_LARGE,
    SYNTAX_ERROR,
    ClickHouseError,
)
from devstack.gateway.kinds import Role
from devstack.gateway.limits import EngineLimits
from devstack.gateway.native_blocks import native_blocks
from devstack.gateway.native_revision import Revision
from devstack.gateway.policy import Policy, Verdict
from devstack.gateway.readings import Readings
from devstack.gateway.running import Running
from devstack.gateway.sessions import Sessions
from sql import clickhouse_text as text

log = logging.getLogger(__name__)

#: Enough to find where the rows of an INSERT begin; bytes.
HEAD: Final = 64 * 1024
#: Rows in the format Values are seen before they run, and may be expressions; in longer bodies they are literals.
SEEN_ROWS: Final = 4 * 1024 * 1024
#: Texts from this size on are judged one at a time: their tokens take fifty times their size.
_LONG: Final = 256 * 1024
#: The engine gathers rows to blocks of this size before it writes: its defaults, a million rows or 256 MB, held several
#: copies of a 300 MB body at once.
_INSERT_BLOCKS: Final = {"min_insert_block_size_rows": "65536", "min_insert_block_size_bytes": "33554432"}
#: Of an error, characters: it may hold the statement.
_LONGEST_MESSAGE: Final = 100_000
#: The engine's own guard behind the lists: nothing is written. A connection cannot take it back.
_GUARD: Final = {"readonly": "2"}
_TEMPORARY: Final = ("CREATE", "TEMPORARY", "TABLE")
#: After a statement with one of these, what may be called by name is asked anew.
_DEFINES: Final = frozenset({"FUNCTION", "VIEW", "TABLE", "DATABASE", "RENAME", "EXCHANGE"})
_KILL: Final = re.compile(
    rb"KILL QUERY WHERE \(?query_id = '((?:[^'\\]|\\.)*)'\)? (ASYNC|SYNC|TEST)(?: FORMAT (\w+))?", re.DOTALL
)


class Statements:
    """Runs requests, each in a thread of its own."""

    def __init__(self, engine: Engine, policy: Policy, limits: EngineLimits, running: Running) -> None:
        """Take the engine and the lists."""
        self._engine = engine
        self._policy = policy
        self._limits = limits
        self._running = running
        self._readings = Readings()
        self._long_texts = threading.Lock()
        self._sessions = Sessions(engine, limits.max_sessions, limits.max_session_bytes)

    def answer(self, peer: wire.Peer, connection_lost: Any) -> None:
        """Serve one connection: one request, one answer. ``connection_lost`` watches for a server that hangs up."""
        try:
            kind, payload = peer.receive()
            if kind != wire.ASK:
                return
            ask = Ask.read(json.loads(payload))
            self._serve(ask, peer, connection_lost)
        except ClickHouseError as error:
            _failed(peer, error)
        except text.TextError as error:
            _failed(peer, ClickHouseError(SYNTAX_ERROR, f"Syntax error: {error}"))
        except OSError as error:
            log.info("a request ended early: %s", error)
        except Exception as error:
            log.exception("a request failed")
            _failed(peer, ClickHouseError.from_engine(error))

    def _serve(self, ask: Ask, peer: wire.Peer, connection_lost: Any) -> None:
        marker = secrets.token_hex(8)
        if not self._running.begin(marker, ask.query_id, ask.user):
            raise ClickHouseError(QUERY_ID_IN_USE, f"Query with id = {ask.query_id} is already running")
        try:
            with self._connection(ask, marker) as connection, connection_lost(marker):
                self._execute(ask, connection, Body(peer.body()), peer)
                summary = connection.summary.document()
        finally:
            self._running.end(marker)
        # Last of all: the client's next request may come at once, for the same session and with the same query id.
        peer.send(wire.message(wire.DONE, summary))

    @contextmanager
    def _connection(self, ask: Ask, marker: str) -> Iterator[Connection]:
        """Yield a connection set up for the request: of its session, or one of its own."""
        role = self._limits.roles.model_dump()[ask.role]
        asked = {name: self._policy.settings.bounded(ask.role, name, value) for name, value in ask.settings.items()}
        wanted = {
            "implicit_select": "0",
            "http_max_tries": "1",
            processes.SETTING: processes.tag(marker, ask.query_id),
            "max_query_size": str(4 * SEEN_ROWS),  # the text that is read is a literal in ours, which may double it
            "max_memory_usage": str(role["max_memory_bytes"]),
            "max_execution_time": str(role["max_execution_s"]),
            "max_temporary_data_on_disk_size_for_query": str(role["max_disk_bytes"]),
            **_INSERT_BLOCKS,
            **values.LITERALS,
        }
        # Tables that come with a request are for it alone, so it does not have the session's connection.
        if ask.session and not ask.tables:
            session = self._sessions.take(ask.user, ask.session, ask.session_check, ask.session_timeout_s)
            try:
                session.connection.use(ask.database or session.database)
                session.connection.set(wanted)
                session.connection.restore(session.settings)
                session.connection.set(asked)
                if ask.role == "reader" and not session.guarded:
                    session.connection.set(_GUARD)
                    session.guarded = True
                yield session.connection
            finally:
                self._sessions.give_back(session, asked)
            return
        connection = self._engine.open()
        try:
            if ask.database:
                connection.use(ask.database)
            connection.set({**wanted, **asked})
            yield connection
        finally:
            connection.close()

    def _execute(self, ask: Ask, connection: Connection, body: Body, peer: wire.Peer) -> None:
        for table in ask.tables:
            self._add_table(ask, connection, table, body)
        if (ask.role == "reader" or ask.read_only) and (ask.tables or not ask.session):
            connection.set(_GUARD)
        sql, whole = body.more(b"", HEAD)
        rows = text.find_rows(sql)
        if rows is None or (rows.start >= len(sql) and not whole):
            sql, whole = body.more(sql, MAX_SQL + 1)
            if not whole:
                raise ClickHouseError(QUERY_TOO_LARGE, f"The query is longer than {MAX_SQL} bytes")
            rows = text.find_rows(sql)
        if rows is None:
            self._run(ask, connection, sql, peer)
        else:
            self._insert(ask, connection, sql, rows, body, peer)

    def _judge(self, ask: Ask, connection: Connection, sql: bytes) -> tuple[bytes, Verdict]:
        """Return a statement as the engine reads it, and what it is."""
        with self._long_texts if len(sql) > _LONG else nullcontext():
            return self._judge_now(ask, connection, sql)

    def _judge_now(self, ask: Ask, connection: Connection, sql: bytes) -> tuple[bytes, Verdict]:
        text.check_plain(sql)
        if not text.first_word(sql):
            raise ClickHouseError(SYNTAX_ERROR, "Syntax error: Empty query")
        canonical = self._readings.canonical(sql, connection.read)
        role: Role = "reader" if ask.read_only else ask.role
        return canonical, self._policy.judge(role, canonical)

    def _insert(
        self, ask: Ask, connection: Connection, sql: bytes, rows: text.Rows, body: Body, peer: wire.Peer
    ) -> None:
        canonical, verdict = self._judge(ask, connection, rows.header + b" FORMAT " + rows.format.encode())
        peer.send(wire.message(wire.ACCEPTED, {"streams": False}))
        data_format = verdict.format or rows.format
        data = sql[rows.start :]
        if data_format.lower() == "values":
            data, whole = body.more(data, SEEN_ROWS)
            if whole:
                if not values.are_literals(data):
                    if not values.have_one_reading(data):
                        raise ClickHouseError(
                            ACCESS_DENIED, "Comments, heredocs or quoted names beside expressions in rows"
                        )
                    self._judge(replace(ask, role="reader"), connection, b"SELECT " + data)
                connection.set(values.EXPRESSIONS)
        # Rows never join the text of a statement: chDB would run what stands behind them.
        connection.set({f"param_{name}": value for name, value in ask.params.items()})
        connection.begin_insert(canonical[: verdict.outfile_at].decode(), data_format)
        if data:
            connection.append(data)
        for part in body.rest():
            connection.append(part)
        connection.finish_insert()
        self._after(ask, connection, verdict)

    def _run(self, ask: Ask, connection: Connection, sql: bytes, peer: wire.Peer) -> None:
        canonical, verdict = self._judge(ask, connection, sql)
        output = verdict.format or ask.output
        if not re.fullmatch(r"\w+", output):
            raise ClickHouseError(BAD_ARGUMENTS, f"{output!r} is not the name of a format")
        if verdict.words[:2] == ("KILL", "QUERY"):
            self._kill(ask, canonical, peer)
            return
        in_frames = verdict.result and output.lower() == "native" and ask.revision > 0
        accepted = {"streams": verdict.result and not in_frames, "format": output if verdict.result else None}
        peer.send(wire.message(wire.ACCEPTED, accepted))
        if in_frames:
            self._send_native(ask, connection, canonical, verdict, peer)
        elif verdict.result:
            ending = canonical[verdict.outfile_at :] or b"FORMAT " + output.encode()
            where = b" INTO OUTFILE '" + ask.fifo.encode() + b"' TRUNCATE "
            statement = processes.with_client_ids(canonical[: verdict.outfile_at].rstrip())
            connection.run(statement + where + ending, output, ask.params)
        else:
            connection.run(canonical, output, ask.params)
        self._after(ask, connection, verdict)

    def _send_native(
        self, ask: Ask, connection: Connection, canonical: bytes, verdict: Verdict, peer: wire.Peer
    ) -> None:
        if verdict.keyword in ("SELECT", "WITH"):
            for block in native_blocks(connection, processes.with_client_ids(canonical), ask.params, ask.revision):
                _send_result(peer, block)
        else:
            _send_result(peer, Revision(ask.revision).feed(connection.run(canonical, "Native", ask.params)))

    def _after(self, ask: Ask, connection: Connection, verdict: Verdict) -> None:
        if ask.session and not ask.tables:
            if verdict.keyword == "SET":
                self._sessions.remember(ask.user, ask.session, verdict.settings)
            elif verdict.keyword == "USE":
                self._sessions.move(ask.user, ask.session, connection.ask("SELECT currentDatabase()"))
            elif verdict.temporary or verdict.keyword == "INSERT":
                self._sessions.weigh(ask.user, ask.session, verdict.temporary)
        if not verdict.result and _DEFINES.intersection(verdict.words):
            self._policy.defined = self._engine.defined_names()

    def _kill(self, ask: Ask, canonical: bytes, peer: wire.Peer) -> None:
        match = _KILL.fullmatch(canonical)
        if not match:
            raise ClickHouseError(NOT_IMPLEMENTED, "KILL QUERY is supported as: KILL QUERY WHERE query_id = '…' [SYNC]")
        query_id = re.sub(rb"\\(.)", rb"\1", match[1]).decode()
        output = match[3].decode() if match[3] else ask.output
        marker = self._running.marker(query_id, None if ask.role == "admin" else ask.user)
        peer.send(wire.message(wire.ACCEPTED, {"streams": False, "format": output}))
        result = self._engine.kill(marker or "-", match[2].decode(), output)
        _send_result(peer, result)

    def _add_table(self, ask: Ask, connection: Connection, table: Table, body: Body) -> None:
        """Make a temporary table of rows that came with the request."""
        create = f"CREATE TEMPORARY TABLE {quote_name(table.name)} ({table.structure}) ENGINE = Memory"
        canonical, verdict = self._judge(ask, connection, create.encode())
        if not (verdict.words == _TEMPORARY and canonical.endswith(b") ENGINE = Memory")):
            raise ClickHouseError(BAD_ARGUMENTS, f"The columns of the table {table.name} are not a list of columns")
        if not re.fullmatch(r"\w+", table.format):
            raise ClickHouseError(BAD_ARGUMENTS, f"{table.format!r} is not the name of a format")
        connection.run(canonical)
        connection.begin_insert(f"INSERT INTO {quote_name(table.name)}", table.format)
        for part in body.take(table.size):
            connection.append(part)
        connection.finish_insert()


def _send_result(peer: wire.Peer, data: bytes) -> None:
    for place in range(0, len(data), PUSH):
        peer.send(wire.frame(wire.RESULT, data[place : place + PUSH]))


def _failed(peer: wire.Peer, error: ClickHouseError) -> None:
    try:
        peer.send(wire.message(wire.FAILED, {"code": error.code, "message": str(error)[:_LONGEST_MESSAGE]}))
        peer.discard()
    except OSError:
        log.info("nobody waits for the error any more: %s", error)
