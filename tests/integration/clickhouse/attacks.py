"""Attacks on the local ClickHouse: what they aim at, their texts, their spellings; and texts that must be let through.

`test_attacks` sends them to a confined gateway over HTTP, ``tests/property/test_gateway_policy.py`` to the engine's
process without walls, where the lists are alone. Neither trusts an error message: what counts is `Outside`, the files
and ports that must stay as they are.

A text has marks: ``@canary@`` a file with a secret, ``@out@`` its folder, ``@port@`` where nobody may knock,
``@script@`` a program, ``@n@`` a number that is new each time.
"""

# ruff: noqa: E501 - one statement a line
from __future__ import annotations

import base64
import itertools
import json
import os
import secrets
import select
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any, Protocol

from devstack.gateway import wire
from devstack.gateway.engine_client import FOLDERS
from devstack.gateway.limits import EngineLimits
from sql.clickhouse_text import tokens

ROLES = ("reader", "writer", "admin")
ROOT = Path(__file__).parents[3]
_numbers = itertools.count()


# What must stay as it is ----------------------------------------------------------------------------------------------


class Outside:
    """A folder with a secret, and two ports: `harm` says what an attack has done to them, or what it has learnt."""

    def __init__(self, folder: Path) -> None:
        """Make the canaries and listen."""
        self.folder = folder
        self.secret = "S3CRET" + secrets.token_hex(8)
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("canary", "canary.csv", "canary.sql", "canary.xml"):
            (folder / name).write_text(f"{self.secret}\n")
        (folder / "titled.csv").write_text(f"{self.secret}\n1\n")
        base = sqlite3.connect(folder / "canary.db")
        base.execute("CREATE TABLE t (a TEXT)")
        base.execute("INSERT INTO t VALUES (?)", (self.secret,))
        base.commit()
        base.close()
        script = folder / "script"
        script.write_text(f"#!/bin/sh\ntouch {folder}/ran\necho 1\n")
        script.chmod(0o755)
        self._tcp = socket.create_server(("127.0.0.1", 0))
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(self._tcp.getsockname())
        self._knocks: list[str] = []
        self._lock = threading.Lock()
        threading.Thread(target=self._listen, daemon=True).start()
        self._before = self.state()

    @property
    def port(self) -> int:
        """Return the number of both ports."""
        return int(self._tcp.getsockname()[1])

    def fill(self, text: str) -> str:
        """Put paths and ports in the place of a text's marks."""
        marks = {"canary": self.folder / "canary", "out": self.folder, "script": self.folder / "script"}
        for name, value in {**marks, "port": self.port, "n": next(_numbers)}.items():
            text = text.replace(f"@{name}@", str(value))
        return text

    def state(self) -> dict[str, tuple[bytes, int, int, int, int]]:
        """Return content, time of change, mode, owner and number of links of every file."""
        found = {}
        for path in sorted(self.folder.rglob("*")):
            about = path.lstat()
            content = path.read_bytes() if path.is_file() else b""
            found[path.name] = (content, about.st_mtime_ns, about.st_mode, about.st_uid, about.st_nlink)
        return found

    def harm(self, *answers: bytes) -> str:
        """Return what happened since the last look, or nothing; a secret is found in hex and base64, too."""
        done = []
        if any(self.secret.encode() in answer for answer in answers):
            done.append("the secret was told")
        now = self.state()
        if now != self._before:
            changed = {name for name in now.keys() | self._before.keys() if now.get(name) != self._before.get(name)}
            done.append(f"files changed: {sorted(changed)}")
            for path in self.folder.iterdir():
                if path.name not in self._before:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
            self._before = self.state()
        while self._waiting(0):  # a knock is heard when the other side has connected, not when our thread awakes
            time.sleep(0.001)
        with self._lock:
            if self._knocks:
                done.append(f"connections: {self._knocks}")
                self._knocks = []
        return "; ".join(done)

    def close(self) -> None:
        """Stop to listen."""
        with suppress(OSError):
            self._tcp.shutdown(socket.SHUT_RDWR)
        self._tcp.close()
        self._udp.close()

    def _waiting(self, seconds: float | None) -> list[socket.socket]:
        return select.select([self._tcp, self._udp], [], [], seconds)[0]

    def _listen(self) -> None:
        with suppress(OSError, ValueError):
            while waiting := self._waiting(None):
                with self._lock:
                    for listener in waiting:
                        if listener is self._udp:
                            self._knocks.append(f"UDP from {listener.recvfrom(64)[1]}")
                            continue
                        accepted, (_, port) = listener.accept()
                        self._knocks.append(f"TCP from {port}")
                        accepted.close()


# How they are asked ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ask:
    """One request. ``rows``: what follows the text of an INSERT. ``table``: structure, format and rows of a table `x`."""

    sql: str | bytes
    rows: bytes = b""
    params: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    session: str = ""
    table: tuple[str, str, bytes] | None = None
    get: bool = False
    role: str = ""  # of this request; "" is the attack's

    @property
    def bare(self) -> bytes:
        """Return the text as bytes."""
        return self.sql if isinstance(self.sql, bytes) else self.sql.encode()

    def filled(self, outside: Outside, session: str) -> Ask:
        """Return the request with its marks filled, once for the whole of it."""
        text = self.sql if isinstance(self.sql, bytes) else outside.fill(self.sql).encode()
        params = {outside.fill(name): outside.fill(value) for name, value in self.params.items()}
        settings = {name: outside.fill(value) for name, value in self.settings.items()}
        table = self.table and (
            outside.fill(self.table[0]),
            self.table[1],
            outside.fill(self.table[2].decode()).encode(),
        )
        rows = outside.fill(self.rows.decode()).encode()
        name = session if self.session else ""
        return replace(self, sql=text, rows=rows, params=params, settings=settings, table=table, session=name)


@dataclass(frozen=True)
class Answer:
    """What came back. ``ran``: the lists let it through (None: not known here)."""

    body: bytes
    code: int = 0
    ran: bool | None = None

    @property
    def refused(self) -> bool:
        """Whether the lists, not the engine, said no; 344: rows may have no expressions."""
        return self.ran is False or self.code in (36, 62, 344, 497)


class Asks(Protocol):
    """Whoever answers."""

    def ask(self, role: str, ask: Ask) -> Answer:
        """Send one request and return all of its answer."""


@dataclass(frozen=True)
class Attack:
    """Requests, one after another. ``proved``: without lists and walls it does harm here, which a test shows."""

    asks: tuple[Ask, ...]
    proved: bool = True

    def run(self, asked: Asks, role: str, outside: Outside) -> list[Answer]:
        """Send all requests, whatever is refused; a table that they look into is empty before."""
        if any(b"FROM t" in ask.bare for ask in self.asks):
            asked.ask("admin", Ask("TRUNCATE TABLE t"))
        session = f"s{next(_numbers)}"
        return [asked.ask(ask.role or role, ask.filled(outside, session)) for ask in self.asks]


def sql(*texts: str, proved: bool = True, **options: Any) -> Attack:
    """Return an attack of plain statements."""
    return Attack(tuple(Ask(text, **options) for text in texts), proved)


class Walless:
    """The engine's process as the gateway starts it, but without walls and without its HTTP server."""

    def __init__(self, folder: Path, **limits: Any) -> None:
        """Start it on a folder of its own."""
        self._data = folder
        for name in FOLDERS:
            (folder / name).mkdir(parents=True, exist_ok=True)
        self._limits = EngineLimits(confinement="off", **limits)
        self._log = (folder / "log").open("ab")
        self._start()

    def _start(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [
                    sys.executable, "-m", "devstack.gateway.engine_process", "--data", str(self._data),
                    "--control", str(theirs.fileno()), "--limits", self._limits.model_dump_json(),
                ],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stderr=self._log,
                env={**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
            )  # fmt: skip
        ours.settimeout(120)
        self._control = ours
        assert ours.recv(4096), f"the engine ended with {self._process.wait(60)}"

    def ask(self, role: str, ask: Ask) -> Answer:
        """Send one request as the server would."""
        result = self._data / "tmp" / secrets.token_hex(8)
        result.touch()
        tables = [] if ask.table is None else [
            {"name": "x", "structure": ask.table[0], "format": ask.table[1], "size": len(ask.table[2])}
        ]  # fmt: skip
        about = {
            "role": role, "user": role, "query_id": secrets.token_hex(8), "fifo": str(result), "read_only": ask.get,
            "session": ask.session, "settings": {**ask.settings, "max_execution_time": "5"}, "params": dict(ask.params),
            "tables": tables,
        }  # fmt: skip
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                socket.send_fds(self._control, [wire.CONNECTION], [theirs.fileno()])
            ours.settimeout(120)
            text = ask.bare
            body = b"".join((ask.table[2] if ask.table else b"", text, b"\n" + ask.rows if ask.rows else b""))
            with suppress(BrokenPipeError, ConnectionResetError):
                ours.sendall(wire.message(wire.ASK, about))
                for place in range(0, len(body), 1 << 20):
                    ours.sendall(wire.frame(wire.BODY, body[place : place + (1 << 20)]))
                ours.sendall(wire.frame(wire.END))
            return self._read(wire.Peer(ours), result)

    def _read(self, peer: wire.Peer, result: Path) -> Answer:
        ran, body = False, b""
        try:
            while True:
                kind, payload = peer.receive()
                ran |= kind == wire.ACCEPTED
                if kind == wire.RESULT:
                    body += payload
                elif kind in (wire.DONE, wire.FAILED):
                    said = json.loads(payload)
                    told = said.get("message", "").encode()
                    return Answer(body + result.read_bytes() + told, said.get("code", 0), ran)
        except wire.WireError as error:
            if self._process.poll() is None:
                raise
            self._control.close()
            self._start()
            return Answer(f"the engine ended: {error}".encode(), 210, ran)
        finally:
            result.unlink(missing_ok=True)

    def stop(self) -> None:
        """End the process."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(60)
        self._control.close()
        self._log.close()


#: Nobody answers at our port: once is enough.
_ONCE = {
    "implicit_select": "0", "max_execution_time": "5", "http_max_tries": "1", "s3_retry_attempts": "0",
    "connect_timeout": "1", "postgresql_connection_pool_retries": "1", "external_storage_connect_timeout_sec": "1",
}  # fmt: skip


class Bare:
    """chDB without walls and without lists, to see that an attack is one."""

    CHILD = """
import base64, json, os, sys
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
import chdb
connections = {"": chdb.connect(sys.argv[1])}
connections[""].query("CREATE DATABASE IF NOT EXISTS plain ENGINE = Atomic")
for line in sys.stdin:
    asked = json.loads(line)
    name = asked["session"]
    connection = connections.get(name) or connections.setdefault(name, chdb.connect(sys.argv[1]))
    text = base64.b64decode(asked["sql"])
    try:
        for name, value in asked["settings"].items():
            connection.query("SET " + name + " = '" + value.replace("'", "''") + "'")
        for statement in asked["before"]:
            connection.query(statement)
        said = connection.query(text, "TSV", params=asked["params"]).bytes() or b""
    except Exception as error:
        said = str(error).encode()
    print(base64.b64encode(bytes(said)).decode(), file=answers, flush=True)
"""

    def __init__(self, folder: Path) -> None:
        """Start it."""
        folder.mkdir(parents=True)
        self._log = (folder / "log").open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-c", self.CHILD, str(folder / "store")],
            cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log,
        )  # fmt: skip

    def ask(self, role: str, ask: Ask) -> Answer:
        """Run the text; a table that came with it is made by SQL."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        text = ask.bare
        before = []
        if ask.table:
            structure, form, rows = ask.table
            before.append(f"CREATE OR REPLACE TEMPORARY TABLE x ({structure}) ENGINE = Memory")
            before.append(f"INSERT INTO x FORMAT {form}\n{rows.decode()}")
        sent = base64.b64encode(text + (b"\n" + ask.rows if ask.rows else b"")).decode()
        session = ask.session or (f"set{next(_numbers)}" if ask.settings else "")
        about = {"sql": sent, "session": session, "params": dict(ask.params), "before": before}
        document = {**about, "settings": {**_ONCE, **ask.settings}}
        self._process.stdin.write(json.dumps(document).encode() + b"\n")
        self._process.stdin.flush()
        return Answer(base64.b64decode(self._process.stdout.readline()), ran=True)

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()
        self._log.close()


#: What attacks find there, so that they fail for no other reason.
PREPARE = (
    "CREATE TABLE IF NOT EXISTS t (a String) ENGINE = MergeTree ORDER BY a",
    "CREATE TABLE IF NOT EXISTS n (a UInt8) ENGINE = MergeTree ORDER BY a",
    "INSERT INTO t SELECT 'x'",
)


# The texts ------------------------------------------------------------------------------------------------------------

#: Section 1 and 2 of the issue, and what else reads a file: the answer would have the secret.
READS: dict[str, Attack] = {
    "scalar": sql("SELECT file('@canary@')"),
    "table function": sql("SELECT * FROM file('@canary@', LineAsString)"),
    "escaped name": sql("SELECT `f\\x69le`('@canary@')"),
    "escaped name in upper case": sql("SELECT `f\\x69LE`('@canary@')", proved=False),
    "double quotes": sql("SELECT \"f\\x69le\"('@canary@')"),
    "escaped table function": sql("SELECT * FROM `f\\x69le`('@canary@', LineAsString)"),
    "no-break space": sql("SELECT file\u00a0('@canary@')"),
    "wide spaces": sql("SELECT\u3000file\u2003('@canary@')"),
    "zero width space": sql("SELECT file\u200b('@canary@')"),
    "byte order mark": sql("SELECT file\ufeff('@canary@')"),
    "comment": sql("SELECT file/**/('@canary@')"),
    "nested comment": sql("SELECT file/* /* */ */('@canary@')"),
    "line comment": sql("SELECT file -- x\n('@canary@')"),
    "hash comment": sql("SELECT file # x\n('@canary@')"),
    "hash bang comment": sql("SELECT file #! x\n('@canary@')"),
    "slashes": sql("SELECT file // x\n('@canary@')"),
    "curly quotes": sql("SELECT file(\u2018@canary@\u2019)"),
    "heredoc": sql("SELECT file($x$@canary@$x$)"),
    "two literals": sql("SELECT file('@out@' || '/canary')"),
    "glob": sql("SELECT * FROM file('@out@/ca*y', LineAsString)"),
    "up and down": sql("SELECT * FROM file('../../../../../../../../../../../../..@canary@', LineAsString)"),
    "by URL": sql("SELECT * FROM url('file://@canary@', LineAsString)"),
    "filesystem()": sql("SELECT content FROM filesystem('@out@')"),
    "sqlite": sql("SELECT * FROM sqlite('@out@/canary.db', 't')"),
    "subquery": sql("SELECT * FROM (SELECT * FROM (SELECT file('@canary@')))"),
    "common table expression": sql("WITH x AS (SELECT file('@canary@') AS a) SELECT a FROM x"),
    "view()": sql("SELECT * FROM view(SELECT * FROM file('@canary@', LineAsString))"),
    "join": sql("SELECT * FROM numbers(1) AS x CROSS JOIN file('@canary@', LineAsString) AS y"),
    "in": sql("SELECT count() FROM numbers(1) WHERE 'x' NOT IN file('@canary@', LineAsString)", proved=False),
    "array join": sql("SELECT x FROM numbers(1) ARRAY JOIN [file('@canary@')] AS x"),
    "lambda": sql("SELECT arrayMap(x -> file(x), ['@canary@'])"),
    "function for a lambda": sql("SELECT arrayMap(file, ['@canary@'])"),
    "quoted function for a lambda": sql("SELECT arrayMap(`f\\x69le`, ['@canary@'])"),
    "function for a lambda in a fold": sql("SELECT arrayStringConcat(arrayMap(file, ['@canary@']))"),
    "apply": sql("SELECT * APPLY file FROM (SELECT '@canary@' AS a)"),
    "apply with brackets": sql("SELECT * APPLY(file) FROM (SELECT '@canary@' AS a)"),
    "apply with a prefix": sql("SELECT * APPLY(file, 'p') FROM (SELECT '@canary@' AS a)"),
    "columns apply": sql("SELECT COLUMNS('a') APPLY(file, 'p') FROM (SELECT '@canary@' AS a)"),
    "apply a lambda": sql("SELECT * APPLY(x -> file(x)) FROM (SELECT '@canary@' AS a)"),
    "replace": sql("SELECT * REPLACE(file(a) AS a) FROM (SELECT '@canary@' AS a)"),
    "window": sql("SELECT any(file('@canary@')) OVER ()"),
    "pipe": sql("FROM numbers(1) |> EXTEND file('@canary@') AS x"),
    "from first": sql("FROM file('@canary@', LineAsString)"),
    "explain": sql("EXPLAIN SELECT file('@canary@')"),
    "explain with a scalar": sql("EXPLAIN SYNTAX SELECT (SELECT file('@canary@'))", proved=False),
    "explain ast": sql("EXPLAIN AST SELECT file('@canary@')", proved=False),
    "explain analyze": sql("EXPLAIN ANALYZE SELECT file('@canary@')"),
    "describe": sql("DESCRIBE TABLE file('@out@/titled.csv', CSVWithNames)"),
    "loop": sql("SELECT * FROM loop(file('@canary@', LineAsString)) LIMIT 1"),
    "eval": sql("SELECT * FROM eval('SELECT file(''@canary@'')')", proved=False),
    "python": sql("SELECT * FROM Python('open(''@canary@'')')", proved=False),
    "fuzzQuery": sql("SELECT * FROM fuzzQuery('SELECT file(''@canary@'')', 500, 1) LIMIT 1", proved=False),
    "columns of values()": sql("SELECT b FROM values('a String, b String ALIAS file(''@canary@'')', 'x')"),
    "columns of values() in lines": sql("SELECT b FROM values('a String, b String\nALIAS file(''@canary@'')', 'x')"),
    "columns of values() behind a tab": sql("SELECT b FROM values('a String, b String\tALIAS\tfile(''@canary@'')', 'x')"),
    "columns of values() in brackets": sql("SELECT b FROM values(('a String, b String ALIAS file(''@canary@'')'), 'x')"),
    "columns of values() in two": sql(
        "SELECT b FROM values('a String, b String ALI' || 'AS file(''@canary@'')', 'x')", proved=False
    ),
    "columns of values() from a parameter": Attack(
        (Ask("SELECT b FROM values({s:String}, 'x')", params={"s": "a String, b String ALIAS file('@canary@')"}),)
    ),
    "columns of values() with a default": sql("SELECT * FROM values('a String DEFAULT file(''@canary@'')', 'x')",
                                              proved=False),
    "columns of null()": sql("SELECT b FROM null('a String, b String ALIAS file(''@canary@'')')", proved=False),
    "columns of generateRandom()": sql(
        "SELECT b FROM generateRandom('a String, b String ALIAS file(''@canary@'')') LIMIT 1"
    ),
    "columns of format()": sql(
        "SELECT b FROM format(JSONEachRow, 'a String, b String DEFAULT file(''@canary@'')', '{\"a\":\"x\"}')"
    ),
    "columns of format() in lines": sql(
        "SELECT b FROM format(JSONEachRow, 'a String, b String\r\nDEFAULT\nfile(''@canary@'')', '{\"a\":\"x\"}')"
    ),
    "columns of format() in hex": sql(
        "SELECT b FROM format(JSONEachRow, 'a String, b String DEF\\x41ULT file(''@canary@'')', '{\"a\":\"x\"}')"
    ),
    "rows of format(Values)": sql("SELECT * FROM format('Values', 'a String', '(file(''@canary@''))')"),
    "columns of input()": Attack(
        (
            Ask("INSERT INTO t SELECT b FROM input('a String, b String DEFAULT file(''@canary@'')') FORMAT TSV", b"x\n"),
            Ask("SELECT a FROM t"),
        ),
        proved=False,
    ),
    "temporary table": sql(
        "CREATE TEMPORARY TABLE x (a String, b String ALIAS file('@canary@'))", "INSERT INTO x VALUES ('x')",
        "SELECT b FROM x", session="s",
    ),
    "temporary table from a SELECT": sql(
        "CREATE TEMPORARY TABLE x AS SELECT file('@canary@') AS a", "SELECT a FROM x", session="s"
    ),
    "table that came along": Attack((Ask("SELECT * FROM x", table=("a String", "Values", b"(file('@canary@'))")),)),
    "column that came along": Attack(
        (Ask("SELECT b FROM x", table=("a String, b String ALIAS file('@canary@')", "TSV", b"x\n")),)
    ),
    "setting select": sql("SELECT 1 SETTINGS select = 'file(''@canary@'')'"),
    "setting select of the URL": Attack((Ask("SELECT 1 AS a", settings={"select": "file('@canary@')"}),)),
    "setting order": sql("SELECT file FROM (SELECT 1 AS file) SETTINGS select = 'arrayMap(file, [''@canary@''])'",
                         proved=False),
    "setting filter": sql("SELECT '@canary@' AS a SETTINGS filter = 'throwIf(1, file(a)) = 0'"),
    "setting additional_table_filters": sql(
        "SELECT dummy FROM system.one SETTINGS additional_table_filters = {'system.one': 'throwIf(1, file(''@canary@'')) = 0'}"
    ),
    "setting additional_result_filter": sql(
        "SELECT 1 AS a SETTINGS additional_result_filter = 'file(''@canary@'') = '''''", proved=False
    ),
    "setting format_schema": sql(
        "SELECT 1 AS a FORMAT Protobuf SETTINGS format_schema = '@out@/canary:M'", proved=False
    ),
    "setting format_template_row": sql(
        "SELECT 1 AS a FORMAT Template SETTINGS format_template_row = '@canary@'"
    ),
    "setting format_template_resultset": sql(
        "SELECT 1 AS a FORMAT Template SETTINGS format_template_resultset = '@canary@'"
    ),
    "setting dialect": sql(
        "SET allow_experimental_prql_dialect = 1, dialect = 'prql'", "from `file('@canary@')`", session="s", proved=False
    ),
    "set select, then use it": sql("SET select = 'file(''@canary@'')'", "SELECT 1 AS a", session="s"),
    "parameter's type with a comment": Attack(
        (Ask("SELECT {x:String// ' \n}, file('@canary@'), ''", params={"x": "1"}),)
    ),
    "parameter's type with a nested comment": Attack(
        (Ask("SELECT {x:String/* /* */ ' */}, file('@canary@'), ''", params={"x": "1"}),)
    ),
    "identifier for a function": Attack(
        (Ask("SELECT arrayMap({f:Identifier}, ['@canary@'])", params={"f": "file"}),)
    ),
    "identifier for a function, of the session": sql(
        "SET param_f = 'file'", "SELECT arrayMap({f:Identifier}, ['@canary@'])", session="s"
    ),
    "identifier for a function, of a view": sql(
        "CREATE VIEW v@n@ AS SELECT 1", "CREATE OR REPLACE VIEW pv AS SELECT arrayMap({f:Identifier}, ['@canary@'])",
        "SELECT * FROM pv(f = 'file')",
    ),
    "identifier for a path": Attack((Ask("SELECT * FROM {f:Identifier}", params={"f": "@canary@"}),)),
    "path as a table": sql("SELECT * FROM '@out@/canary.csv'"),
    "path as a table in backticks": sql("SELECT * FROM `@out@/canary.csv`"),
    "path as a table of default": sql("SELECT * FROM default.`@out@/canary.csv`"),
    "path behind USE default": sql("USE default", "SELECT * FROM `@out@/canary.csv`", session="s"),
    "path for an identifier of default": Attack(
        (Ask("SELECT * FROM {d:Identifier}.{f:Identifier}", params={"d": "default", "f": "@out@/canary.csv"}),)
    ),
    "config.xml of the working directory": sql("SELECT getMacro('x')", "SELECT * FROM './config.xml'", proved=False),
    "default column": sql(
        "CREATE TABLE d@n@ (a UInt8, b String DEFAULT file('@canary@')) ENGINE = Memory", proved=False
    ),
    "view": sql("CREATE OR REPLACE VIEW av AS SELECT file('@canary@') AS a", "SELECT a FROM av"),
    "view of a table function": sql(
        "CREATE OR REPLACE VIEW aw AS SELECT * FROM file('@canary@', LineAsString)", "SELECT * FROM aw"
    ),
    "materialized view": sql(
        "CREATE MATERIALIZED VIEW mv@n@ ENGINE = Memory POPULATE AS SELECT file('@canary@') AS a FROM t", proved=False
    ),
    "refreshed view": sql(
        "CREATE MATERIALIZED VIEW rv@n@ REFRESH EVERY 1 HOUR ENGINE = Memory AS SELECT file('@canary@') AS a",
        proved=False,
    ),
    "SQL function": sql("CREATE OR REPLACE FUNCTION af AS x -> file(x)", "SELECT af('@canary@')"),
    "SQL function that takes a function": sql(
        "CREATE OR REPLACE FUNCTION hof AS f -> arrayMap(f, ['@canary@'])", "SELECT hof(file)", proved=False
    ),
    "SQL function named like a table function": sql(
        "CREATE FUNCTION url AS x -> x", "SELECT * FROM url('file://@canary@', LineAsString)", "DROP FUNCTION url"
    ),
    "table engine": sql(
        "CREATE TABLE e@n@ (a String) ENGINE = File(LineAsString, '@canary@')", proved=False
    ),
    "quoted table engine": sql(
        "CREATE OR REPLACE TABLE ef (a String) ENGINE = `F\\x69le`(LineAsString, '@canary@')", "SELECT * FROM ef",
    ),
    "database engine": sql(
        "CREATE DATABASE IF NOT EXISTS fsd ENGINE = Filesystem('@out@')", "SELECT * FROM fsd.`canary.csv`"
    ),
    "table as a table function": sql(
        "CREATE TABLE c@n@ AS file('@canary@', LineAsString)", proved=False
    ),
    "infile": sql("INSERT INTO t FROM INFILE '@canary@' FORMAT TSV", "SELECT a FROM t WHERE a LIKE 'S3%'"),
    "infile with spaces": sql("INSERT INTO t FROM\u00a0INFILE '@canary@' FORMAT TSV", "SELECT a FROM t WHERE a LIKE 'S3%'"),
    "insert of an expression": Attack(
        (Ask("INSERT INTO t VALUES", b"(file('@canary@'))"), Ask("SELECT a FROM t WHERE a LIKE 'S3%'"))
    ),
    "insert of an expression behind a literal": Attack(
        (Ask("INSERT INTO t VALUES", b"('y'), (file('@canary@'))"), Ask("SELECT a FROM t WHERE a LIKE 'S3%'"))
    ),
    "insert of an expression in a comment": Attack(
        (
            Ask("INSERT INTO t VALUES", b"('y' /*), (*/ || file('@canary@') /* ) */)"),
            Ask("SELECT a FROM t WHERE a LIKE '%S3%'"),
        ),
        proved=False,
    ),
    "insert with FORMAT Values": Attack(
        (Ask("INSERT INTO t (a) FORMAT Values", b"(upper(file('@canary@')))"), Ask("SELECT lower(a) FROM t")),
        proved=False,
    ),
    "a script behind rows": Attack(
        (
            Ask("INSERT INTO t FORMAT TSV", b"x\n\nINSERT INTO t SELECT file('@canary@');", params={"x": "1"}),
            Ask("SELECT a FROM t WHERE a LIKE 'S3%'"),
        )
    ),
    "a script behind rows of input()": Attack(
        (
            Ask(
                "INSERT INTO t SELECT * FROM input('a String') FORMAT TSV",
                b"x\n\nINSERT INTO t SELECT file('@canary@');",
            ),
            Ask("SELECT a FROM t WHERE a LIKE 'S3%'"),
        )
    ),
    "a script behind values": Attack(
        (
            Ask("INSERT INTO t VALUES", b"('x'); INSERT INTO t SELECT file('@canary@')"),
            Ask("SELECT a FROM t WHERE a LIKE 'S3%'"),
        )
    ),
    "a script in a parameter's name": Attack(
        (
            Ask(
                "INSERT INTO t FORMAT TSV", b"x\n",
                params={"x='1'; INSERT INTO t SELECT file('@canary@'); SET param_y": "1"},
            ),
            Ask("SELECT a FROM t WHERE a LIKE 'S3%'"),
        ),
        proved=False,  # it is the gateway that wrote names into SQL
    ),
    "a script in a parameter": Attack(
        (Ask("SELECT {x:String}", params={"x": "'; SELECT file('@canary@'); --"}),), proved=False
    ),
    "two statements": sql("SELECT 1; SELECT file('@canary@')"),
    "parallel with": sql(
        "CREATE TABLE pa@n@ (a UInt8) ENGINE = Memory PARALLEL WITH INSERT INTO t SELECT file('@canary@')", proved=False
    ),
    "update": sql("ALTER TABLE t UPDATE b = file('@canary@') WHERE 1", proved=False),
    "delete": sql("INSERT INTO t SELECT 'x'", "DELETE FROM t WHERE throwIf(1, file('@canary@'))"),
    "dictionary of a file": sql(
        "CREATE OR REPLACE DICTIONARY fd (k String, v String) PRIMARY KEY k LAYOUT(COMPLEX_KEY_HASHED()) LIFETIME(0) "
        "SOURCE(FILE(PATH '@canary@' FORMAT 'LineAsString'))", "SELECT dictGet('fd', 'v', tuple('x'))", proved=False,
    ),
    "dictionary's expression": sql(
        "CREATE OR REPLACE DICTIONARY xd (k UInt64, v String EXPRESSION file('@canary@')) PRIMARY KEY k LAYOUT(FLAT()) "
        "LIFETIME(0) SOURCE(CLICKHOUSE(TABLE 't' DB 'default'))", proved=False,
    ),
    "dictionary's query": sql(
        "CREATE OR REPLACE DICTIONARY qd (k UInt64, v String) PRIMARY KEY k LAYOUT(FLAT()) LIFETIME(0) "
        "SOURCE(CLICKHOUSE(QUERY 'SELECT toUInt64(1), file(''@canary@'')'))", "SELECT dictGet('qd', 'v', toUInt64(1))",
    ),
    "dictionary's quoted query": sql(
        "CREATE OR REPLACE DICTIONARY rd (k UInt64, v String) PRIMARY KEY k LAYOUT(FLAT()) LIFETIME(0) "
        "SOURCE(CLICKHOUSE(`qu\\x65ry` 'SELECT toUInt64(1), file(''@canary@'')'))",
        "SELECT dictGet('rd', 'v', toUInt64(1))",
    ),
    "dictionary's condition": sql(
        "CREATE OR REPLACE DICTIONARY wd (k UInt64, v String) PRIMARY KEY k LAYOUT(FLAT()) LIFETIME(0) "
        "SOURCE(CLICKHOUSE(TABLE 'one' DB 'system' WHERE 'file(''@canary@'') = '''''))",
        "SELECT dictGet('wd', 'v', toUInt64(1))", proved=False,
    ),
    "dictionary's update field": sql(
        "CREATE OR REPLACE DICTIONARY ud (k String, v String) PRIMARY KEY k LAYOUT(COMPLEX_KEY_HASHED()) LIFETIME(1) "
        "SOURCE(CLICKHOUSE(TABLE 't' DB 'default' UPDATE_FIELD 'throwIf(1, file(''@canary@'')) or a'))",
        "SYSTEM RELOAD DICTIONARY ud", "SYSTEM RELOAD DICTIONARY ud", proved=False,
    ),
    "remote of oneself": sql("SELECT * FROM remote('127.0.0.1', view(SELECT file('@canary@')))"),
    "cluster": sql("SELECT * FROM cluster('default', view(SELECT file('@canary@') AS a))", proved=False),
    "iceberg": sql("SELECT * FROM icebergLocal('@out@')", proved=False),
    "delta lake": sql("SELECT * FROM deltaLakeLocal('@out@')", proved=False),
    "backup": sql("BACKUP TABLE t TO File('@out@/backup')", proved=False),
    "restore": sql("RESTORE TABLE t FROM File('@canary@')", proved=False),
    "attach from a path": sql("ATTACH TABLE x@n@ FROM '@out@' (a UInt8) ENGINE = MergeTree ORDER BY a", proved=False),
    "copy": sql("COPY t FROM '@canary@'", proved=False),
    "environment": sql("SELECT * FROM file('/proc/self/environ', RawBLOB)", proved=False),
}  # fmt: skip

#: An oracle is a reading, too: the answer must not tell whether a file is there.
ORACLES: tuple[str, ...] = (
    "EXISTS TABLE `@{}@`",
    "EXISTS `@{}@`",
    "DESCRIBE TABLE `@{}@`",
    "SHOW CREATE TABLE `@{}@`",
    "SELECT count() FROM system.tables WHERE name = '@{}@'",
    "EXISTS TABLE default.`@{}@`",
)

WRITES: dict[str, Attack] = {
    "outfile": sql("SELECT 1 INTO OUTFILE '@out@/new'"),
    "outfile with a no-break space": sql("SELECT 1 INTO\u00a0OUTFILE '@out@/new'"),
    "outfile of another format": sql("SELECT 'x' into\u00a0outfile '@canary@' truncate format RawBLOB"),
    "outfile that appends": sql("SELECT 1 INTO/**/OUTFILE '@canary@' APPEND"),
    "outfile that truncates": sql("SELECT 1 INTO OUTFILE '@canary@' TRUNCATE"),
    "outfile and stdout": sql("SELECT 1 INTO OUTFILE '@out@/new' AND STDOUT"),
    "outfile compressed": sql("SELECT 1 INTO OUTFILE '@out@/new' COMPRESSION 'gzip' FORMAT CSV"),
    "outfile behind FORMAT": sql("SELECT 1 INTO OUTFILE '@out@/new' FORMAT TSV"),
    "outfile by GET": Attack((Ask("SELECT 1 INTO\u00a0OUTFILE '@out@/new'", get=True),)),
    "outfile of SHOW": sql("SHOW DATABASES INTO OUTFILE '@out@/new'"),
    "outfile of EXPLAIN": sql("EXPLAIN SELECT 1 INTO OUTFILE '@out@/new'"),
    "outfile of a union": sql("SELECT 1 UNION ALL SELECT 2 INTO OUTFILE '@out@/new'"),
    "outfile of an alias": sql("SELECT 1 AS `'` INTO OUTFILE '@out@/new' FORMAT TSV"),
    "outfile in a parameter's type": Attack(
        (Ask("SELECT {x:String// ' \n} INTO OUTFILE '@out@/new' -- '\n", params={"x": "1"}),)
    ),
    "insert into function": sql("INSERT INTO FUNCTION file('@out@/new', TSV, 'a UInt8') SELECT 1"),
    "insert into function with rows": Attack(
        (Ask("INSERT INTO FUNCTION file('@out@/new', TSV, 'a UInt8') FORMAT TSV", b"1\n"),)
    ),
    "insert into function with a no-break space": sql(
        "INSERT INTO FUNCTION file\u00a0('@out@/new', TSV, 'a UInt8') SELECT 1"
    ),
    "insert into an escaped function": sql(
        "INSERT INTO TABLE FUNCTION `f\\x69le`('@out@/new', TSV, 'a UInt8') VALUES (1)"
    ),
    "insert into a path": sql("INSERT INTO `@out@/canary.csv` SELECT 'x'"),
    "insert into a path with rows": Attack((Ask("INSERT INTO default.`@out@/canary.csv` FORMAT CSV", b"x\n"),)),
    "explain insert": sql("EXPLAIN PIPELINE INSERT INTO FUNCTION file('@out@/new', TSV, 'a UInt8') SELECT 1"),
    "explain analyze insert": sql(
        "EXPLAIN ANALYZE INSERT INTO FUNCTION file('@out@/new', TSV, 'a UInt8') SELECT 1", proved=False
    ),
    "table engine": sql(
        "CREATE TABLE w@n@ (a UInt8) ENGINE = File(TSV, '@out@/new')", proved=False
    ),
    "disk": sql(
        "CREATE TABLE w@n@ (a UInt8) ENGINE = MergeTree ORDER BY a SETTINGS disk = disk(type = local, path = '@out@/d/')"
    ),
    "quoted disk": sql(
        "CREATE TABLE w@n@ (a UInt8) ENGINE = MergeTree ORDER BY a "
        "SETTINGS `d\\x69sk` = disk(type = 'local_blob_storage', path = '@out@/d/')"
    ),
    "disk behind another setting": sql(
        "CREATE TABLE w@n@ (a UInt8) ENGINE = MergeTree ORDER BY a "
        "SETTINGS index_granularity = 100, disk = disk(type = 'local_blob_storage', path = '@out@/e/')"
    ),
    "rocksdb": sql("CREATE TABLE w@n@ (a UInt8) ENGINE = EmbeddedRocksDB(0, '@out@/rocks') PRIMARY KEY a"),
    "backup": sql("BACKUP TABLE t TO File('@out@/backup')", proved=False),
    "errors of an input": Attack(
        (
            Ask(
                "INSERT INTO n SETTINGS input_format_record_errors_file_path = '@out@/new', "
                "input_format_allow_errors_num = 10 FORMAT CSV",
                b"x\n1\n",
            ),
        )
    ),
    "a script behind rows": Attack(
        (Ask("INSERT INTO t FORMAT TSV", b"x\n\nSELECT 1 INTO OUTFILE '@out@/new';", params={"x": "1"}),)
    ),
    "a script in a parameter's name": Attack(
        (
            Ask(
                "INSERT INTO t FORMAT TSV", b"x\n",
                params={"x='1'; SELECT 1 INTO OUTFILE '@out@/new'; SET param_y": "1"},
            ),
        ),
        proved=False,
    ),
    "ssd cache": sql(
        "CREATE OR REPLACE DICTIONARY sd (k UInt64, v String) PRIMARY KEY k LIFETIME(1) "
        "SOURCE(CLICKHOUSE(TABLE 'one' DB 'system')) LAYOUT(SSD_CACHE(PATH '@out@/ssd'))",
        "SELECT dictGet('sd', 'v', toUInt64(1))", proved=False,
    ),
}  # fmt: skip

RUNS: dict[str, Attack] = {
    "dictionary of a program": sql(
        "CREATE OR REPLACE DICTIONARY ed (k UInt64, v String) PRIMARY KEY k LAYOUT(FLAT()) LIFETIME(0) "
        "SOURCE(EXECUTABLE(COMMAND '@script@' FORMAT 'CSV'))",
        "SELECT dictGet('ed', 'v', toUInt64(1))",
    ),
    "dictionary of a quoted program": sql(
        "CREATE OR REPLACE DICTIONARY eq (k UInt64, v String) PRIMARY KEY k LAYOUT(FLAT()) LIFETIME(0) "
        "SOURCE(`ex\\x65cutable`(`c\\x6fmmand` '@script@' FORMAT 'CSV'))",
        "SELECT dictGet('eq', 'v', toUInt64(1))",
    ),
    "dictionary of a pool": sql(
        "CREATE OR REPLACE DICTIONARY ep (k UInt64, v String) PRIMARY KEY k LAYOUT(DIRECT()) "
        "SOURCE(EXECUTABLE_POOL(COMMAND '@script@' FORMAT 'CSV'))",
        "SELECT dictGet('ep', 'v', toUInt64(1))",
    ),
    "executable()": sql("SELECT * FROM executable('@script@', TSV, 'a String')", proved=False),
    "executable() up": sql("SELECT * FROM executable('../../../../../../..@script@', TSV, 'a String')", proved=False),
    "engine Executable": sql("CREATE TABLE x@n@ (a String) ENGINE = Executable('@script@', TSV)", proved=False),
    "odbc": sql("SELECT * FROM odbc('DSN=x', 'd', 't')", proved=False),
    "jdbc": sql("SELECT * FROM jdbc('jdbc:x', 'd', 't')", proved=False),
    "a script behind rows": Attack(
        (
            Ask(
                "INSERT INTO t FORMAT TSV",
                b"x\n\nCREATE OR REPLACE DICTIONARY es (k UInt64, v String) PRIMARY KEY k LAYOUT(FLAT()) LIFETIME(0) "
                b"SOURCE(EXECUTABLE(COMMAND '@script@' FORMAT 'CSV'));\n"
                b"SELECT dictGet('es', 'v', toUInt64(1));",
                params={"x": "1"},
            ),
        ),
    ),
    "wasm": sql("CREATE FUNCTION w@n@ LANGUAGE WASM ARGUMENTS (a UInt8) RETURNS UInt8 FROM '@script@'", proved=False),
}

CONNECTS: dict[str, Attack] = {
    "url": sql("SELECT * FROM url('http://127.0.0.1:@port@/', CSV, 'a String')"),
    "escaped url": sql("SELECT * FROM `ur\\x6c`('http://127.0.0.1:@port@/', CSV, 'a String')"),
    "url with a no-break space": sql("SELECT * FROM url\u00a0('http://127.0.0.1:@port@/', CSV, 'a String')"),
    "insert into url": sql("INSERT INTO FUNCTION url('http://127.0.0.1:@port@/', CSV, 'a String') SELECT 'x'"),
    "columns from url": sql("DESCRIBE TABLE url('http://127.0.0.1:@port@/', CSV)"),
    "engine URL": sql("CREATE OR REPLACE TABLE ut (a UInt8) ENGINE = URL('http://127.0.0.1:@port@/', TSV)",
                      "SELECT * FROM ut"),
    "url_base": sql("SELECT * FROM url('x', CSV, 'a String') SETTINGS url_base = 'http://127.0.0.1:@port@/'"),
    "remote": sql("SELECT * FROM remote('127.0.0.1:@port@', system, one)"),
    "remote with a no-break space": sql("SELECT * FROM remote\u00a0('127.0.0.1:@port@', system, one)"),
    "remoteSecure": sql("SELECT * FROM remoteSecure('127.0.0.1:@port@', system, one)"),
    "hasColumnInTable": sql("SELECT hasColumnInTable('127.0.0.1:@port@', 'system', 'one', 'dummy')", proved=False),
    "hasColumnInTable for a lambda": sql(
        "SELECT arrayMap(x -> hasColumnInTable('127.0.0.1:@port@', 'system', 'one', 'dummy'), [1])", proved=False
    ),
    "s3": sql("SELECT * FROM s3('http://127.0.0.1:@port@/bucket/key', 'k', 's', CSV, 'a String')"),
    "gcs": sql("SELECT * FROM gcs('http://127.0.0.1:@port@/bucket/key', 'k', 's', CSV, 'a String')"),
    "azure": sql(
        "SELECT * FROM azureBlobStorage('http://127.0.0.1:@port@/a', 'c', 'b', 'a', 'YWJj', 'CSV', 'auto', 'a String')",
        proved=False,
    ),
    "hdfs": sql("SELECT * FROM hdfs('hdfs://127.0.0.1:@port@/x', CSV, 'a String')", proved=False),
    "mysql": sql("SELECT * FROM mysql('127.0.0.1:@port@', 'd', 't', 'u', 'p')"),
    "postgresql": sql("SELECT * FROM postgresql('127.0.0.1:@port@', 'd', 't', 'u', 'p')"),
    "redis": sql("SELECT * FROM redis('127.0.0.1:@port@', 'k', 'k String, v String')"),
    "mongodb": sql("SELECT * FROM mongodb('127.0.0.1:@port@', 'd', 't', 'u', 'p', 'a String')"),
    "iceberg": sql("SELECT * FROM icebergS3('http://127.0.0.1:@port@/b/', 'k', 's')", proved=False),
    "delta lake": sql("SELECT * FROM deltaLake('http://127.0.0.1:@port@/b/', 'k', 's')", proved=False),
    "database engine": sql(
        "CREATE DATABASE IF NOT EXISTS my@n@ ENGINE = MySQL('127.0.0.1:@port@', 'd', 'u', 'p')", proved=False
    ),
    "dictionary by HTTP": sql(
        "CREATE OR REPLACE DICTIONARY hd (k UInt64, v String) PRIMARY KEY k LAYOUT(FLAT()) LIFETIME(0) "
        "SOURCE(HTTP(URL 'http://127.0.0.1:@port@/' FORMAT 'CSV'))", "SELECT dictGet('hd', 'v', toUInt64(1))", proved=False,  # it could be, but takes five seconds
    ),
    "dictionary of a host": sql(
        "CREATE OR REPLACE DICTIONARY ld (k UInt64, v String) PRIMARY KEY k LAYOUT(FLAT()) LIFETIME(0) "
        "SOURCE(CLICKHOUSE(HOST '127.0.0.2' PORT @port@ TABLE 't' DB 'd'))", "SELECT dictGet('ld', 'v', toUInt64(1))",
        proved=False,
    ),
    "dictionary of MySQL": sql(
        "CREATE OR REPLACE DICTIONARY md (k UInt64, v String) PRIMARY KEY k LAYOUT(FLAT()) LIFETIME(0) "
        "SOURCE(MYSQL(HOST '127.0.0.1' PORT @port@ DB 'd' TABLE 't' USER 'u' PASSWORD 'p'))",
        "SELECT dictGet('md', 'v', toUInt64(1))",
    ),
    "schema registry": sql(
        "SELECT * FROM format(AvroConfluent, 'a UInt8', '\\0\\0\\0\\0\\1x') "
        "SETTINGS format_avro_schema_registry_url = 'http://127.0.0.1:@port@'", proved=False,  # it could be, but takes three seconds
    ),
    "kafka": sql(
        "CREATE TABLE k@n@ (a UInt8) ENGINE = Kafka('127.0.0.1:@port@', 't', 'g', 'CSV')", proved=False
    ),
    "language model": sql(
        "SELECT aiGenerate('x', map('endpoint', 'http://127.0.0.1:@port@/', 'provider', 'openai', 'model', 'm'))",
        proved=False,
    ),
    "backup": sql("BACKUP TABLE t TO S3('http://127.0.0.1:@port@/b', 'k', 's')", proved=False),
    "a script behind rows": Attack(
        (
            Ask(
                "INSERT INTO t FORMAT TSV",
                b"x\n\nSELECT * FROM url('http://127.0.0.1:@port@/', CSV, 'a String');",
                params={"x": "1"},
            ),
        )
    ),
}  # fmt: skip

ATTACKS: dict[str, Attack] = {
    f"{kind}: {name}": attack
    for kind, attacks in (("read", READS), ("write", WRITES), ("run", RUNS), ("connect", CONNECTS))
    for name, attack in attacks.items()
}


# Spellings ------------------------------------------------------------------------------------------------------------

#: Expressions, table functions and names that reach out, in plain spelling; where they stand is below.
SCALARS = ("file('@canary@')", "file('@out@/canary.csv')", "file('@out@/ca' || 'nary')")
TABLES = (
    "file('@canary@', LineAsString)",
    "file('@out@/canary.csv', CSV, 'a String')",
    "url('http://127.0.0.1:@port@/', CSV, 'a String')",
    "url('file://@canary@', LineAsString)",
    "remote('127.0.0.1:@port@', system, one)",
    "sqlite('@out@/canary.db', 't')",
    "s3('http://127.0.0.1:@port@/b/k', 'k', 's', CSV, 'a String')",
    "mysql('127.0.0.1:@port@', 'd', 't', 'u', 'p')",
    "postgresql('127.0.0.1:@port@', 'd', 't', 'u', 'p')",
    "redis('127.0.0.1:@port@', 'k', 'k String, v String')",
)
SCALAR_PLACES = (
    "SELECT {}",
    "SELECT length({})",
    "SELECT (SELECT {})",
    "WITH {} AS x SELECT x",
    "WITH x AS (SELECT {} AS a) SELECT a FROM x",
    "WITH RECURSIVE x AS (SELECT 1 AS n UNION ALL SELECT n + length({}) FROM x WHERE n < 1) SELECT n FROM x",
    "SELECT 'x' IN ({})",
    "SELECT number FROM numbers(1) WHERE throwIf(1, {}) = 0",
    "SELECT count() FROM numbers(1) GROUP BY {}",
    "SELECT count() AS c FROM numbers(1) HAVING throwIf(c, {}) = 0",
    "SELECT number FROM numbers(1) ORDER BY {}",
    "SELECT number FROM numbers(2) LIMIT 1 BY {}",
    "SELECT arrayJoin([{}])",
    "SELECT x FROM numbers(1) LEFT ARRAY JOIN [{}] AS x",
    "SELECT arrayMap(x -> {}, [1])",
    "SELECT arrayFilter((x, y) -> {} = y, [1], ['x'])",
    "SELECT map('a', {})['a'], tuple({}).1, [{}][1]",
    "SELECT CASE WHEN 1 THEN {} ELSE {} END",
    "SELECT if(1, {}, ''), multiIf(1, {}, '')",
    "SELECT anyIf({}, 1), groupArray({})",
    "SELECT first_value({}) OVER (PARTITION BY {} ORDER BY 1)",
    "SELECT * REPLACE ({} AS a) FROM (SELECT '' AS a)",
    "SELECT * EXCEPT (b) REPLACE ({} AS a) FROM (SELECT '' AS a, 1 AS b)",
    "SELECT * FROM view(SELECT {})",
    "SELECT 1 AS a UNION ALL SELECT length({})",
    "SELECT a FROM (SELECT {} AS a) AS x INNER JOIN (SELECT {} AS a) AS y USING (a)",
    "SELECT a FROM (SELECT '' AS a) AS x CROSS JOIN (SELECT {} AS b) AS y QUALIFY row_number() OVER () = 1",
    "SELECT {}::String, CAST({}, 'String'), {} || ''",
    "SELECT {} FORMAT JSONEachRow",
    "SELECT {} SETTINGS max_threads = 1",
    "FROM numbers(1) |> EXTEND {} AS x",
    "FROM numbers(1) SELECT {}",
    "EXPLAIN SELECT {}",
    "EXPLAIN SYNTAX run_query_tree_passes = 1 SELECT {}",
    "EXPLAIN PIPELINE SELECT (SELECT {})",
    "DESCRIBE (SELECT {})",
    "CREATE TEMPORARY TABLE x@n@ AS SELECT {} AS a",
    "CREATE TEMPORARY TABLE x@n@ (a UInt8, b String DEFAULT {})",
    "CREATE TABLE x@n@ (a UInt8, b String MATERIALIZED {}) ENGINE = Memory",
    "CREATE TABLE x@n@ (a UInt8, b String ALIAS {}) ENGINE = MergeTree ORDER BY a",
    "CREATE TABLE x@n@ (a UInt8, b String EPHEMERAL {}) ENGINE = Memory",
    "CREATE TABLE x@n@ (a UInt8, d Date TTL d + INTERVAL length({}) DAY) ENGINE = MergeTree ORDER BY a",
    "CREATE TABLE x@n@ (a UInt8, INDEX i length({}) TYPE minmax) ENGINE = MergeTree ORDER BY a",
    "CREATE TABLE x@n@ (a UInt8, PROJECTION p (SELECT a, {} ORDER BY a)) ENGINE = MergeTree ORDER BY a",
    "CREATE TABLE x@n@ (a UInt8, CONSTRAINT c CHECK {} = '') ENGINE = Memory",
    "CREATE TABLE x@n@ (a UInt8) ENGINE = MergeTree ORDER BY length({})",
    "CREATE TABLE x@n@ (a UInt8) ENGINE = MergeTree PARTITION BY {} ORDER BY a",
    "CREATE TABLE x@n@ ENGINE = Memory AS SELECT {} AS a",
    "CREATE VIEW x@n@ AS SELECT {} AS a",
    "CREATE MATERIALIZED VIEW x@n@ ENGINE = Memory AS SELECT {} AS a FROM t",
    "CREATE FUNCTION x@n@ AS (x) -> {}",
    "ALTER TABLE t ADD COLUMN IF NOT EXISTS x@n@ String DEFAULT {}",
    "ALTER TABLE t UPDATE a = {} WHERE 1",
    "ALTER TABLE t DELETE WHERE {} = 'y'",
    "ALTER TABLE t ADD CONSTRAINT x@n@ CHECK {} = ''",
    "DELETE FROM t WHERE {} = 'y'",
    "INSERT INTO t SELECT {}",
    "INSERT INTO t SELECT a FROM t WHERE {} = ''",
)  # fmt: skip
TABLE_PLACES = (
    "SELECT * FROM {}",
    "FROM {} SELECT *",
    "FROM {}",
    "SELECT x.* FROM {} AS x",
    "SELECT count() FROM {} FINAL",
    "SELECT * FROM numbers(1) CROSS JOIN {}",
    "SELECT * FROM numbers(1) AS n LEFT JOIN {} AS x ON 1 = 1",
    "SELECT * FROM (SELECT * FROM {})",
    "WITH x AS (SELECT * FROM {}) SELECT * FROM x",
    "SELECT 'x' IN (SELECT * FROM {})",
    "SELECT 'x' IN {}",
    "SELECT (SELECT count() FROM {})",
    "SELECT EXISTS (SELECT * FROM {})",
    "SELECT 1 UNION ALL SELECT count() FROM {}",
    "SELECT * FROM view(SELECT * FROM {})",
    "SELECT * FROM viewIfPermitted(SELECT * FROM {} ELSE null('a String'))",
    "SELECT * FROM loop({}) LIMIT 1",
    "DESCRIBE TABLE {}",
    "DESC {}",
    "EXPLAIN SELECT * FROM {}",
    "EXPLAIN ESTIMATE SELECT * FROM {}",
    "EXPLAIN QUERY TREE SELECT * FROM {}",
    "INSERT INTO FUNCTION {} SELECT 'x'",
    "INSERT INTO TABLE FUNCTION {} (a) SELECT 'x'",
    "INSERT INTO t SELECT toString(count()) FROM {}",
    "CREATE TABLE x@n@ AS {}",
    "CREATE TABLE x@n@ ENGINE = Memory AS SELECT * FROM {}",
    "CREATE TEMPORARY TABLE x@n@ AS SELECT * FROM {}",
    "CREATE TEMPORARY TABLE x@n@ AS {}",
    "CREATE VIEW x@n@ AS SELECT * FROM {}",
    "CREATE MATERIALIZED VIEW x@n@ REFRESH EVERY 1 HOUR ENGINE = Memory AS SELECT * FROM {}",
    "FROM numbers(1) |> CROSS JOIN {}",
)
WHOLE = (
    "SELECT 'x' INTO OUTFILE '@out@/new' TRUNCATE FORMAT RawBLOB",
    "SELECT 1 INTO OUTFILE '@canary@' APPEND",
    "SHOW DATABASES INTO OUTFILE '@out@/new'",
    "INSERT INTO t FROM INFILE '@canary@' FORMAT TSV",
    "SELECT arrayMap(file, ['@canary@'])",
    "SELECT arrayFirst(file, ['@canary@'])",
    "SELECT * APPLY (file) FROM (SELECT '@canary@' AS a)",
    "SELECT * APPLY (file, 'p') FROM (SELECT '@canary@' AS a)",
    "SELECT COLUMNS('a') APPLY file FROM (SELECT '@canary@' AS a)",
    "SELECT b FROM values('a String, b String ALIAS file(\\'@canary@\\')', 'x')",
    "SELECT b FROM values(('a String, b String ALIAS file(\\'@canary@\\')'), 'x')",
    "SELECT b FROM format(JSONEachRow, 'a String, b String DEFAULT file(\\'@canary@\\')', '{}')",
    "SELECT * FROM format('Values', 'a String', '(file(\\'@canary@\\'))')",
    "SELECT 1 SETTINGS select = 'file(\\'@canary@\\')'",
    "SELECT 1 SETTINGS max_threads = 1, select = 'file(\\'@canary@\\')'",
    "CREATE DATABASE x@n@ ENGINE = Filesystem('@out@')",
    "CREATE TABLE x@n@ (a String) ENGINE = File(LineAsString, '@canary@')",
    "CREATE TABLE x@n@ (a UInt8) ENGINE = MergeTree ORDER BY a SETTINGS disk = disk(type = local, path = '@out@/d/')",
    "CREATE DICTIONARY x@n@ (k UInt64, v String) PRIMARY KEY k LAYOUT(FLAT()) LIFETIME(0) "
    "SOURCE(EXECUTABLE(COMMAND '@script@' FORMAT 'CSV'))",
    "CREATE DICTIONARY x@n@ (k UInt64, v String) PRIMARY KEY k LAYOUT(FLAT()) LIFETIME(0) "
    "SOURCE(CLICKHOUSE(QUERY 'SELECT 1, file(\\'@canary@\\')'))",
    "BACKUP TABLE t TO File('@out@/new')",
)  # fmt: skip
_KEYWORDS = frozenset(
    [
        "SELECT",
        "FROM",
        "WITH",
        "AS",
        "RECURSIVE",
        "UNION",
        "ALL",
        "WHERE",
        "GROUP",
        "BY",
        "ORDER",
        "HAVING",
        "LIMIT",
        "ARRAY",
        "LEFT",
        "JOIN",
        "INNER",
        "CROSS",
        "USING",
        "ON",
        "IN",
        "CASE",
        "WHEN",
        "THEN",
        "ELSE",
        "END",
        "OVER",
        "PARTITION",
        "REPLACE",
        "EXCEPT",
        "FORMAT",
        "SETTINGS",
        "EXPLAIN",
        "SYNTAX",
        "PIPELINE",
        "DESCRIBE",
        "DESC",
        "CREATE",
        "TEMPORARY",
        "TABLE",
        "DEFAULT",
        "MATERIALIZED",
        "ALIAS",
        "EPHEMERAL",
        "TTL",
        "INDEX",
        "TYPE",
        "PROJECTION",
        "CONSTRAINT",
        "CHECK",
        "ENGINE",
        "VIEW",
        "FUNCTION",
        "ALTER",
        "ADD",
        "COLUMN",
        "UPDATE",
        "DELETE",
        "INSERT",
        "INTO",
        "OUTFILE",
        "INFILE",
        "TRUNCATE",
        "APPEND",
        "SHOW",
        "DATABASES",
        "APPLY",
        "COLUMNS",
        "DATABASE",
        "DICTIONARY",
        "PRIMARY",
        "KEY",
        "LAYOUT",
        "LIFETIME",
        "SOURCE",
        "BACKUP",
        "TO",
        "EXISTS",
        "EXTEND",
        "QUALIFY",
        "ESTIMATE",
        "QUERY",
        "TREE",
        "REFRESH",
        "EVERY",
        "HOUR",
        "CAST",
        "INTERVAL",
        "DAY",
        "IF",
        "NOT",
        "FINAL",
    ]
)
_GAPS = (
    " ", "\n", "\t", "\r\n", "\f", "\v", "\u00a0", "\u1680", "\u2003", "\u2028", "\u3000", "\ufeff", "\u200b", "\x85",
    "\0", "/**/", "/* x */", "/* /* x */ */", "/* ' */", "-- x\n", "--\n", "# x\n", "#! x\n", "// x\n", "/* // */",
)  # fmt: skip


def rows_apart(text: str) -> Ask:
    """Return a request whose rows, behind the line of ``INSERT … FORMAT Name``, are no part of its text."""
    head, _, rows = text.partition("\n") if text.startswith("INSERT") else (text, "", "")
    return Ask(head, rows.encode()) if rows else Ask(text)


def respell(text: str, dice: Random) -> str:
    """Return a text that the engine may read the same: other gaps, cases, quotes and escapes."""
    raw = text.encode()
    parts: list[str] = []
    strange = dice.random() ** 3 * 0.4
    end = 0
    before = ""
    for token in tokens(raw):
        piece = raw[token.start : token.end].decode()
        gap = raw[end : token.start].decode()
        if dice.random() < strange:
            gap = dice.choice(_GAPS) if gap or not before else dice.choice(("", dice.choice(_GAPS)))
        parts.append(gap)
        end = token.end
        if dice.random() < 2 * strange:
            following = raw[end : end + 1] == b"("
            piece = _respelled(token.kind, piece, following, dice)
        parts.append(piece)
        before = piece
    return "".join(parts)


def _respelled(kind: str, piece: str, called: bool, dice: Random) -> str:
    if kind == "string":
        return _string(piece[1:-1].replace("\\'", "'"), dice)
    if kind != "word":
        return piece
    if piece.upper() in _KEYWORDS and not called:
        return "".join(dice.choice((letter.upper(), letter.lower())) for letter in piece)
    at = dice.randrange(len(piece))
    code = ord(piece[at])
    escaped = piece[:at] + dice.choice((f"\\x{code:02x}", f"\\{code:03o}", f"\\u{code:04x}")) + piece[at + 1 :]
    return dice.choice(
        (f"`{piece}`", f'"{piece}"', f"`{escaped}`", f'"{escaped}"', piece.swapcase(), f"\u201c{piece}\u201d", piece)
    )


def _string(value: str, dice: Random) -> str:
    plain = value.replace("\\", "\\\\").replace("'", "\\'")
    doubled = value.replace("\\", "\\\\").replace("'", "''")
    at = dice.randrange(len(value) + 1)
    first, second = (part.replace("\\", "\\\\").replace("'", "\\'") for part in (value[:at], value[at:]))
    spelled = "".join(f"\\x{ord(letter):02x}" if dice.random() < 0.3 else letter for letter in value if letter != "'")
    return dice.choice(
        (
            f"'{plain}'", f"'{doubled}'", f"'{spelled}'" if "'" not in value else f"'{doubled}'", f"$${value}$$",
            f"$x${value}$x$", f"x'{value.encode().hex()}'", f"'{first}' || '{second}'", f"concat('{first}', '{second}')",
            f"b'{''.join(f'{byte:08b}' for byte in value.encode())}'", f"\u2018{value}\u2019", f"('{plain}')",
        )
    )  # fmt: skip


def plain_variant(dice: Random) -> str:
    """Return a text that reaches out, in plain spelling, from anywhere in the grammar."""
    kind = dice.random()
    if kind < 0.4:
        place = dice.choice(SCALAR_PLACES)
        scalar = dice.choice(SCALARS)
        if dice.random() < 0.2:
            scalar = f"(SELECT {scalar})"
        return place.replace("{}", scalar)
    if kind < 0.8:
        place = dice.choice(TABLE_PLACES)
        table = dice.choice(TABLES)
        if dice.random() < 0.2 and place.startswith("SELECT"):
            table = f"view(SELECT * FROM {table})"
        return place.replace("{}", table)
    return dice.choice(WHOLE)


def variant(dice: Random, outside: Outside) -> str:
    """Return a text that reaches out, in some spelling."""
    return respell(outside.fill(plain_variant(dice)), dice)


#: Pieces of texts that attack, whole and in half: any order of them may be sent.
_SOUP = (
    "SELECT", "FROM", "*", "APPLY", "(", ")", ",", "file", "`file`", "url", "'@canary@'", "('@canary@')", "values", "format",
    "'a String, b String ALIAS file(\\'@canary@\\')'", "'x'", "b", "numbers(1)", "arrayMap", "['@canary@']", "INTO",
    "OUTFILE", "'@out@/new'", "FORMAT", "TSV", "Values", "SETTINGS", "select", "=", "max_memory_usage", "0", "-inf", "{x:String}",
    "{x:Identifier}", "{x:String// '\n}", "AS", "t", "UNION ALL", "WITH", "->", "x", "view", "EXPLAIN", "/*", "*/", "--",
    "\n", ";", "`", "'", "\\", "$$", "INSERT INTO", "FUNCTION", "VALUES", "'@out@/canary.csv'", "`@out@/canary.csv`", "null",
    "REPLACE", "COLUMNS('a')", "[1]", "||", ".", "1", "SET", "param_x", "'file'", "EXISTS", "IN", "PARALLEL WITH", "|>",
)  # fmt: skip


def soup(dice: Random) -> str:
    """Return pieces in any order; most are nothing that the engine can read."""
    start = dice.choice(("SELECT ", "SELECT * FROM ", "SELECT b FROM ", "WITH ", "INSERT INTO t ", "EXPLAIN ", ""))
    return start + " ".join(dice.choice(_SOUP) for _ in range(dice.randint(1, 12)))


def send(text: str, asked: Asks, role: str, outside: Outside) -> Answer:
    """Send a text, with a parameter `x` that names a function; fail if it did harm."""
    answer = asked.ask(role, Ask(outside.fill(text), params={"x": "file"}))
    harm = outside.harm(answer.body)
    assert not harm, f"{role}: {text!r}: {harm}"
    return answer


# What must be let through ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Allowed:
    """Statements that a role, and those above it, may run; run in this order they succeed."""

    role: str
    texts: Sequence[str]


_SETUP = (
    "CREATE DATABASE IF NOT EXISTS shop",
    "CREATE TABLE shop.orders (id UInt64, user LowCardinality(String), at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)), "
    "price Decimal(18, 4), amount Decimal(38, 12), tags Array(String), props Map(String, String), note Nullable(String), "
    "kind Enum8('buy' = 1, 'sell' = 2), day Date MATERIALIZED toDate(at), total Decimal(38, 12) ALIAS price * amount, "
    "INDEX by_user user TYPE bloom_filter(0.01) GRANULARITY 4, INDEX by_price price TYPE minmax, "
    "CONSTRAINT positive CHECK price > 0) ENGINE = MergeTree PARTITION BY toYYYYMM(at) ORDER BY (user, at) "
    "SETTINGS index_granularity = 1024",
    "CREATE TABLE shop.users (name String, country FixedString(2), born Nullable(Date32), ip IPv4, id UUID) "
    "ENGINE = ReplacingMergeTree ORDER BY name",
    "INSERT INTO shop.users VALUES ('ann', 'de', '1990-01-01', '127.0.0.1', generateUUIDv4()), "
    "('bob', 'us', NULL, '10.0.0.1', '61f0c404-5cb3-11e7-907b-a6006ad3dba0')",
    "INSERT INTO shop.orders (id, user, at, price, amount, tags, props, kind) SELECT number, ['ann', 'bob'][number % 2 + 1], "
    "toDateTime64('2026-01-01 00:00:00', 3, 'UTC') + number * 3600, 1 + number, number / 7, ['a', toString(number % 3)], "
    "map('k', toString(number)), if(number % 2, 'buy', 'sell') FROM numbers(1000)",
)  # fmt: skip
_QUERIES = (
    "SELECT 1",
    "SELECT version(), currentDatabase(), now(), timezone()",
    "select count(*) from shop.orders",
    "SELECT user, sum(total) AS s, avg(price), quantile(0.9)(price), uniq(id), min(at), max(at) FROM shop.orders "
    "GROUP BY user ORDER BY s DESC LIMIT 10",
    "SELECT toStartOfInterval(at, INTERVAL 1 DAY) AS d, countIf(kind = 'buy') AS buys, sumIf(price, kind = 'sell') AS sells "
    "FROM shop.orders WHERE at >= '2026-01-01' AND at < toDateTime('2026-02-01 00:00:00') GROUP BY d WITH TOTALS ORDER BY d",
    "SELECT id, price, row_number() OVER (PARTITION BY user ORDER BY at) AS n, lagInFrame(price, 1, 0) OVER w AS before, "
    "avg(price) OVER (PARTITION BY user ORDER BY at ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS moving "
    "FROM shop.orders WINDOW w AS (PARTITION BY user ORDER BY at) ORDER BY id LIMIT 5",
    "WITH daily AS (SELECT toDate(at) AS d, sum(price) AS s FROM shop.orders GROUP BY d), best AS (SELECT max(s) AS m FROM daily) "
    "SELECT d, s FROM daily WHERE s = (SELECT m FROM best)",
    "WITH 10 AS top, (SELECT avg(price) FROM shop.orders) AS mean SELECT id, price - mean FROM shop.orders ORDER BY 2 DESC LIMIT top",
    "SELECT o.id, u.country FROM shop.orders AS o INNER JOIN shop.users AS u ON o.user = u.name ORDER BY o.id LIMIT 3",
    "SELECT o.id, u.country FROM shop.orders o LEFT JOIN shop.users u ON u.name = o.user AND u.country = 'de' ORDER BY ALL LIMIT 3",
    "SELECT * FROM shop.orders SEMI LEFT JOIN shop.users ON user = name LIMIT 1",
    "SELECT user, at, price FROM shop.orders ASOF JOIN (SELECT name AS user, toDateTime64('2026-01-02', 3, 'UTC') AS at FROM shop.users) AS x USING (user, at)",
    "SELECT user, groupArray(3)(price), groupUniqArray(kind), argMax(price, at), topK(2)(price) FROM shop.orders GROUP BY ALL",
    "SELECT arrayJoin(tags) AS t, count() FROM shop.orders GROUP BY t ORDER BY t",
    "SELECT id, tag FROM shop.orders ARRAY JOIN tags AS tag LIMIT 4",
    "SELECT arrayMap(x -> x * 2, [1, 2, 3]), arrayFilter((x, i) -> i > 1, ['a', 'b'], [1, 2]), arraySort(x -> -x, [3, 1, 2]), arrayReduce('sum', [1, 2])",
    "SELECT mapKeys(props), props['k'], mapContains(props, 'k'), map('a', 1, 'b', 2)['b'] FROM shop.orders LIMIT 1",
    "SELECT toDecimal64('1.5', 4) * toDecimal128('2.25', 12), CAST('1.1' AS Decimal(10, 2)), '3.3'::Decimal(9, 1), round(2.5), toString(1.0)",
    "SELECT CASE WHEN price > 10 THEN 'high' WHEN price > 5 THEN 'mid' ELSE 'low' END AS band, count() FROM shop.orders GROUP BY 1",
    "SELECT CASE kind WHEN 'buy' THEN 1 ELSE 0 END FROM shop.orders LIMIT 1",
    "SELECT if(note IS NULL, 'none', note), coalesce(note, ''), ifNull(note, 'x'), nullIf(user, 'ann') FROM shop.orders LIMIT 1",
    "SELECT DISTINCT user FROM shop.orders ORDER BY user",
    "SELECT DISTINCT ON (user) user, id FROM shop.orders ORDER BY user, id",
    "SELECT user, id FROM shop.orders ORDER BY id LIMIT 2 BY user",
    "SELECT id FROM shop.orders ORDER BY id DESC LIMIT 3 OFFSET 2",
    "SELECT id FROM shop.orders ORDER BY id FETCH FIRST 2 ROWS ONLY",
    "SELECT id FROM shop.orders WHERE user IN ('ann', 'bob') AND id NOT IN (1, 2, 3) AND id BETWEEN 4 AND 9 AND user LIKE 'a%' ORDER BY id",
    "SELECT count() FROM shop.orders WHERE user IN (SELECT name FROM shop.users WHERE country = 'de')",
    "SELECT count() FROM shop.orders WHERE (user, kind) IN (('ann', 'buy'), ('bob', 'sell'))",
    "SELECT count() FROM shop.orders WHERE has(tags, 'a') AND match(user, '^a') AND NOT empty(props) OR position(user, 'z') > 0",
    "SELECT EXISTS(SELECT 1 FROM shop.users WHERE name = 'ann')",
    "SELECT 1 UNION ALL SELECT 2 UNION DISTINCT SELECT 2",
    "SELECT number FROM numbers(5) INTERSECT SELECT number FROM numbers(3)",
    "SELECT number FROM numbers(5) EXCEPT SELECT number FROM numbers(3)",
    "SELECT a FROM ((SELECT 1 AS a) UNION ALL (SELECT 2)) ORDER BY a",
    "SELECT user, kind, sum(price) FROM shop.orders GROUP BY ROLLUP(user, kind) ORDER BY ALL",
    "SELECT user, kind, sum(price), grouping(user) FROM shop.orders GROUP BY GROUPING SETS ((user), (kind), ()) ORDER BY ALL",
    "SELECT user, kind, count() FROM shop.orders GROUP BY user, kind WITH CUBE ORDER BY ALL",
    "SELECT toDate('2026-01-01') + number AS d, number FROM numbers(3) ORDER BY d WITH FILL FROM toDate('2025-12-30') TO toDate('2026-01-06') STEP INTERVAL 1 DAY INTERPOLATE (number AS number)",
    "SELECT * EXCEPT (tags, props), price * 2 AS double FROM shop.orders LIMIT 1",
    "SELECT * REPLACE (price + 1 AS price) FROM shop.orders LIMIT 1",
    "SELECT COLUMNS('pri|amo') APPLY(sum) FROM shop.orders",
    "SELECT * EXCEPT 'tags|props|at|kind|note|user' APPLY max APPLY toString FROM shop.orders",
    "SELECT COLUMNS(price, amount) APPLY(x -> round(x, 1)) FROM shop.orders LIMIT 1",
    "SELECT formatDateTime(at, '%Y-%m-%d'), dateDiff('hour', at, now()), date_trunc('month', at), toYYYYMMDD(at), addDays(at, 1) FROM shop.orders LIMIT 1",
    "SELECT extract(YEAR FROM at), toUnixTimestamp64Milli(at), at + INTERVAL 1 HOUR, at - INTERVAL '2' MINUTE, DATE '2026-01-01', TIMESTAMP '2026-01-01 00:00:00' FROM shop.orders LIMIT 1",
    "SELECT splitByChar(',', 'a,b'), upper('a'), substring('abc', 2), replaceRegexpAll('abc', '[ab]', 'x'), concat('a', 'b') || 'c', format('{} is {}', 'a', 1), trim(BOTH ' ' FROM ' a ')",
    "SELECT JSONExtractString('{\"a\": {\"b\": 1}}', 'a', 'b'), JSON_VALUE('{\"a\": 1}', '$.a'), toJSONString(map('a', 1)), '{\"a\": 1}'::JSON.a",
    "SELECT hex(SHA256('x')), cityHash64('x'), base64Encode('x'), generateUUIDv4() != generateUUIDv4(), randConstant() >= 0, bar(1, 0, 2, 3)",
    "SELECT tuple(1, 'a').1, (1, 'a').2, tupleElement((1, 2), 1), untuple((1, 2)), [1, 2][1], [[1], [2]][2][1]",
    "SELECT number, runningDifference(number), neighbor(number, 1) FROM numbers(3) SETTINGS allow_deprecated_error_prone_window_functions = 1",
    "SELECT sumState(number), uniqMerge(s) FROM (SELECT number, uniqState(number) AS s FROM numbers(3) GROUP BY number) GROUP BY ALL",
    "SELECT quantiles(0.5, 0.9)(price), quantileTDigest(0.5)(toFloat64(price)), stddevPop(price), corr(id, id), simpleLinearRegression(id, id), windowFunnel(10)(toDateTime(at), kind = 'buy') FROM shop.orders",
    "SELECT sumMap(['a'], [1]), groupArrayInsertAt(id, 1), groupBitAnd(id), anyLast(user), countDistinct(user), count(DISTINCT user), median(price) FROM shop.orders",
    "SELECT * FROM numbers(3) AS x, zeros(2) AS y",
    "SELECT * FROM generate_series(1, 5, 2)",
    "SELECT * FROM values('a UInt8, b String', (1, 'x'), (2, 'default'))",
    "SELECT * FROM VALUES((1, 'x'), (2, 'y')) AS v",
    "SELECT * FROM format(JSONEachRow, '{\"a\": 1, \"default\": \"x\"}')",
    "SELECT * FROM format(CSV, 'a UInt8, b String', '1,x')",
    "SELECT * FROM generateRandom('a UInt8, b String', 1) LIMIT 2",
    "SELECT * FROM view(SELECT number FROM numbers(2))",
    "SELECT * FROM system.one",
    "SELECT name, engine, total_rows FROM system.tables WHERE database = 'shop' ORDER BY name",
    "SELECT database, table, sum(rows), formatReadableSize(sum(bytes_on_disk)) FROM system.parts WHERE active GROUP BY 1, 2",
    "SELECT name, type, default_expression, comment FROM system.columns WHERE table = 'orders'",
    "SELECT name, value FROM system.settings WHERE changed",
    "SELECT query_id, elapsed FROM system.processes",
    "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'shop'",
        "SELECT * FROM shop.users FINAL WHERE name = 'ann'",
    "SELECT count() FROM shop.orders PREWHERE price > 10 WHERE user = 'ann'",
    "SELECT id FROM shop.orders QUALIFY row_number() OVER (PARTITION BY user ORDER BY id) = 1 ORDER BY id",
    "SELECT price AS p, p * 2 AS q, q + p FROM shop.orders LIMIT 1",
    "SELECT -1, +1, 1 - -1, NOT 1, 1 = 1 AND 2 > 1 OR 0, 7 % 3, 7 DIV 2, 7 MOD 2, 1 <> 2, 2 >= 1, 'a' ILIKE 'A', x'41', 0x1F, 1e3, inf, nan, NULL",
    "SELECT 'it''s', 'a\\'b', 'INTO OUTFILE', 'file(''/etc/passwd'')', $$a 'heredoc'$$, 'ünï', 'default materialized alias'",
    "SELECT 1 /* a comment */ AS a -- another\n, 2 AS b # and one more\n",
    'SELECT `id`, "user", `shop`.`orders`.`price` FROM `shop`.`orders` LIMIT 1',
    'SELECT id AS `größe`, user AS "two words" FROM shop.orders LIMIT 1',
    "SELECT * FROM shop.orders LIMIT 1 FORMAT JSON",
    "SELECT * FROM shop.orders LIMIT 1 FORMAT JSONEachRow",
    "SELECT * FROM shop.orders LIMIT 1 FORMAT Parquet",
    "SELECT * FROM shop.orders LIMIT 1 FORMAT Arrow",
    "SELECT * FROM shop.orders LIMIT 1 FORMAT CSVWithNames",
    "SELECT * FROM shop.orders LIMIT 1 FORMAT Pretty",
    "SELECT * FROM shop.orders LIMIT 1 FORMAT Native",
    "SELECT * FROM shop.orders LIMIT 1 FORMAT RowBinaryWithNamesAndTypes",
    "SELECT id FROM shop.orders LIMIT 1 FORMAT TSV SETTINGS max_threads = 1",
    "SELECT id FROM shop.orders LIMIT 1 SETTINGS max_block_size = 100, join_use_nulls = 1, output_format_json_quote_64bit_integers = 0",
    "SHOW TABLES FROM shop",
    "SHOW DATABASES",
    "SHOW CREATE TABLE shop.orders",
    "SHOW COLUMNS FROM shop.orders",
    "SHOW INDEX FROM shop.orders",
    "SHOW FUNCTIONS LIKE 'toDate%'",
    "SHOW SETTINGS LIKE 'max_thr%'",
    "SHOW PROCESSLIST",
    "DESCRIBE TABLE shop.orders",
    "DESC shop.users",
    "DESCRIBE (SELECT 1 AS a, 'x' AS b)",
    "EXISTS TABLE shop.orders",
    "EXISTS DATABASE shop",
    "EXPLAIN SELECT * FROM shop.orders WHERE id = 1",
    "EXPLAIN indexes = 1 SELECT * FROM shop.orders WHERE user = 'ann'",
    "EXPLAIN PIPELINE SELECT sum(id) FROM shop.orders",
    "EXPLAIN AST SELECT 1",
    "EXPLAIN SYNTAX SELECT 1",
    "EXPLAIN QUERY TREE SELECT 1",
    "EXPLAIN ESTIMATE SELECT * FROM shop.orders",
    "SET max_threads = 2",
    "SET join_use_nulls = 1, session_timezone = 'UTC'",
    "USE shop",
    "CREATE TEMPORARY TABLE held (a UInt8)",
    "CREATE TEMPORARY TABLE held2 AS SELECT 1 AS a",
    "SELECT user, count() FROM shop.orders GROUP BY user HAVING count() > 1 AND max(price) < 1e9",
    "SELECT toTypeName(1.5), toTypeName([1, NULL]), dumpColumnStructure(1)",
    "SELECT max2(1, 2), greatest(1, 2), least(1, 2), pow(2, 3), sqrt(4), log2(8), intDiv(7, 2), bitAnd(6, 3)",
    "SELECT transform(1, [1, 2], ['a', 'b'], 'c'), multiIf(1 > 2, 'a', 2 > 1, 'b', 'c')",
    "SELECT IPv4NumToString(toUInt32(ip)), isIPAddressInRange('10.0.0.1', '10.0.0.0/8'), domain('http://a.b/c'), cutURLParameter('http://a/?b=c', 'b') FROM shop.users",
    "SELECT h3ToString(geoToH3(55.7, 37.6, 5)), geohashEncode(1.0, 2.0), greatCircleDistance(0, 0, 1, 1), pointInPolygon((1, 1), [(0, 0), (2, 0), (2, 2)])",
    "SELECT ngramDistance('a', 'b'), soundex('a'), damerauLevenshteinDistance('ab', 'ba'), tokens('a b'), lowerUTF8('Ä')",
    "SELECT dictGetOrDefault('shop.countries', 'title', 'de', '?')",
    "FROM shop.orders SELECT count()",
    "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT sum(n) FROM t",
    "SELECT count() FROM shop.by_day",
    "SELECT * FROM shop.of_user(who = 'ann') LIMIT 1",
    "SELECT double_it(2)",
    "SELECT type AS kind, status.code FROM (SELECT 'a' AS type, tuple(1)::Tuple(code UInt8) AS status)",
    "SELECT x.file, url, path, remote FROM (SELECT 1 AS url, 2 AS path, 3 AS remote, 4 AS file) AS x",
)  # fmt: skip
_WRITER = (
    "INSERT INTO shop.orders (id, user, at, price, amount, kind) VALUES (1001, 'eve', '2026-03-01 00:00:00', 1.5, 2, 'buy')",
    "INSERT INTO shop.orders (id, user, at, price, amount, kind) VALUES (1002, 'eve', now64(3), 1 + 1, toDecimal64(2, 4), 'buy')",
    "INSERT INTO shop.users (name, country) SELECT 'kim', 'kr'",
    "INSERT INTO shop.users (name, country) FORMAT CSV\nlee,kr\n",
    'INSERT INTO shop.users (name, country) FORMAT JSONEachRow\n{"name": "max", "country": "at"}\n',
    "INSERT INTO shop.users (* EXCEPT (id, ip)) VALUES ('mia', 'ch', NULL)",
    "INSERT INTO TABLE shop.users (name, country) VALUES ('DEFAULT; SELECT', 'it'), ('(file(''x''))', 'fr')",
    "INSERT INTO shop.users (name, country) SETTINGS async_insert = 0 VALUES ('ned', 'nl')",
    "WITH 'ola' AS who INSERT INTO shop.users (name, country) SELECT who, 'no'",
    "CHECK TABLE shop.users",
)  # fmt: skip
_ADMIN = (
    "CREATE TABLE shop.a (k UInt64, v UInt64, d Date, s SimpleAggregateFunction(sum, UInt64)) ENGINE = SummingMergeTree(v) PARTITION BY toYYYYMM(d) ORDER BY k TTL d + INTERVAL 1 YEAR",
    "CREATE TABLE shop.b (k UInt64, s AggregateFunction(uniq, UInt64), q AggregateFunction(quantiles(0.5, 0.9), Float64)) ENGINE = AggregatingMergeTree ORDER BY k",
    "CREATE TABLE shop.c (k UInt64, sign Int8, version UInt64) ENGINE = VersionedCollapsingMergeTree(sign, version) ORDER BY k",
    "CREATE TABLE shop.d (k UInt64, j JSON, v Variant(UInt8, String), n Nested(a UInt8, b String), t Tuple(x Float32, y Float32), p Point) ENGINE = MergeTree ORDER BY k",
    "CREATE TABLE shop.e (k UInt64, v UInt64, is_deleted UInt8) ENGINE = ReplacingMergeTree(v, is_deleted) ORDER BY k SETTINGS index_granularity = 256",
    "CREATE TABLE shop.f (a UInt8) ENGINE = Memory",
    "CREATE TABLE shop.g (a UInt8) ENGINE = Log",
    "CREATE TABLE shop.h AS shop.a",
    "CREATE TABLE shop.i ENGINE = MergeTree ORDER BY id AS SELECT id, user FROM shop.orders LIMIT 10",
    "CREATE TABLE shop.j (a UInt8) ENGINE = Null",
    "CREATE TABLE shop.k (id UInt64, v UInt8) ENGINE = Join(ANY, LEFT, id)",
    "CREATE OR REPLACE TABLE shop.f (a UInt16 DEFAULT 1 COMMENT 'x') ENGINE = Memory COMMENT 'y'",
    "CREATE VIEW shop.v AS SELECT user, sum(price) AS s FROM shop.orders GROUP BY user",
    "CREATE MATERIALIZED VIEW shop.m TO shop.b AS SELECT id AS k, uniqState(id) AS s, quantilesState(0.5, 0.9)(toFloat64(price)) AS q FROM shop.orders GROUP BY k",
    "CREATE MATERIALIZED VIEW shop.n ENGINE = MergeTree ORDER BY user POPULATE AS SELECT user, count() AS c FROM shop.orders GROUP BY user",
    "ALTER TABLE shop.a ADD COLUMN w UInt8 DEFAULT 3 AFTER v, MODIFY COLUMN w UInt16, COMMENT COLUMN w 'c'",
    "ALTER TABLE shop.a RENAME COLUMN w TO x, ADD INDEX i x TYPE set(100) GRANULARITY 1",
    "ALTER TABLE shop.a DROP INDEX i, DROP COLUMN x",
    "ALTER TABLE shop.i ADD PROJECTION p (SELECT user, count() GROUP BY user)",
    "ALTER TABLE shop.i MATERIALIZE PROJECTION p SETTINGS mutations_sync = 1",
    "ALTER TABLE shop.i UPDATE user = 'x' WHERE id = 1 SETTINGS mutations_sync = 2",
    "ALTER TABLE shop.i DELETE WHERE id = 2",
    "ALTER TABLE shop.orders MODIFY TTL toDateTime(at) + INTERVAL 10 YEAR",
    "ALTER TABLE shop.orders MODIFY SETTING max_suspicious_broken_parts = 10",
    "ALTER TABLE shop.orders DROP PARTITION 202602",
    "DELETE FROM shop.orders WHERE id = 3",
    "OPTIMIZE TABLE shop.users FINAL DEDUPLICATE",
    "RENAME TABLE shop.g TO shop.gg",
    "EXCHANGE TABLES shop.f AND shop.gg",
    "TRUNCATE TABLE shop.f",
    "DETACH TABLE shop.gg",
    "ATTACH TABLE shop.gg",
    "SELECT count() FROM merge('shop', '^orders$')",
    "SYSTEM FLUSH LOGS",
    "SYSTEM STOP MERGES shop.a",
    "SYSTEM START MERGES shop.a",
    "SYSTEM RELOAD DICTIONARY shop.countries",
    "CREATE TABLE IF NOT EXISTS schema_migrations (name String, sha256 FixedString(64), at DateTime64(6) DEFAULT now64(6)) ENGINE = MergeTree ORDER BY name",
    "DROP VIEW shop.v",
    "DROP TABLE shop.h SYNC",
    "DROP TABLE IF EXISTS shop.nothing",
    "DROP DICTIONARY shop.countries",
    "DROP FUNCTION double_it",
    "DROP DATABASE shop",
)  # fmt: skip
_OBJECTS = (
    "CREATE TABLE shop.titles (code String, title String) ENGINE = MergeTree ORDER BY code",
    "CREATE DICTIONARY shop.countries (code String, title String DEFAULT '?') PRIMARY KEY code "
    "SOURCE(CLICKHOUSE(TABLE 'titles' DB 'shop')) LIFETIME(MIN 0 MAX 300) LAYOUT(COMPLEX_KEY_HASHED())",
    "CREATE VIEW shop.by_day AS SELECT toDate(at) AS d, count() AS c FROM shop.orders GROUP BY d",
    "CREATE VIEW shop.of_user AS SELECT id FROM shop.orders WHERE user = {who:String}",
    "CREATE FUNCTION double_it AS x -> x * 2",
)
LEGITIMATE = (
    Allowed("admin", _SETUP),
    Allowed("admin", _OBJECTS),
    Allowed("reader", _QUERIES),
    Allowed("writer", _WRITER),
    Allowed("admin", _ADMIN),
)
