"""What attacks aim at, how one is asked, and the engine's process without walls."""

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
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from devstack.gateway import wire
from devstack.gateway.engine_client import FOLDERS
from devstack.gateway.limits import EngineLimits

ROLES = ("reader", "writer", "admin")
ROOT = Path(__file__).parents[4]
_numbers = itertools.count()


# What must stay as it is ----------------------------------------------------------------------------------------------


class Outside:
    """A folder with a secret, and two ports: `harm` says what an attack has done to them, or what it has learnt."""

    def __init__(self, folder: Path) -> None:
        """Make the canaries and listen."""
        self.folder = folder
        self.secret = "S3CRET" + secrets.token_hex(8)
        plain = self.secret.encode()
        inner = (base64.b64encode(b"\0" * at + plain)[at + 1 + (at > 0) : -4] for at in range(3))
        self._told = (plain, plain[::-1], plain.hex().encode(), plain.hex().upper().encode(), *inner)
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
        """Return what happened since the last look, or nothing; the secret is known in hex, base64 and backwards, too."""
        done = []
        if any(form in answer for answer in answers for form in self._told):
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
        """Whether the lists, not the engine, said no; rows come when a statement runs, and 344 is that they may not compute."""
        return self.ran is False or self.code in (344, 497)


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
