"""How attacks are sent over HTTP, and how the machine is looked at meanwhile."""

# ruff: noqa: E501, T201 - one text a line; figures are printed
from __future__ import annotations

import socket
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
import psutil
from support.patience import patient

from .attacks.machine import PREPARE, Answer, Ask
from .gateway_process import USERS, Gateway

USER = {"reader": "reader", "writer": "writer", "admin": "root"}
MB = 1_000_000
#: Both hold less than this whatever comes: the server, and the engine beside what its limits count (1.5 GB).
SERVER_MB, ENGINE_MB = 400, 3_000
#: Deadlines that a test can wait for.
IMPATIENT = {
    "HEADER_TIMEOUT_S": "2", "BODY_TIMEOUT_S": "3", "SEND_TIMEOUT_S": "3", "ROLES__READER__MAX_RESULT_BYTES": "50000000",
    "ROLES__READER__MAX_EXECUTION_S": "20", "MAX_DECOMPRESSED_BYTES": "200000000",
}  # fmt: skip


@dataclass
class Http:
    """Sends requests as a role's user; also a way to ask, for `attacks`."""

    gateway: Gateway
    client: httpx.Client = field(
        default_factory=lambda: httpx.Client(timeout=120, limits=httpx.Limits(max_connections=50))
    )

    def ask(self, role: str, ask: Ask) -> Answer:
        """Send one request and return all of its answer, headers too."""
        params = {**{f"param_{name}": value for name, value in ask.params.items()}, **ask.settings}
        if ask.session:
            params["session_id"] = ask.session
        content: dict[str, Any] = {"content": ask.bare}
        if ask.table:
            structure, form, rows = ask.table
            params |= {"query": ask.bare.decode(), "x_structure": structure, "x_format": form}
            content = {"files": {"x": ("x", rows)}}
        elif ask.rows or ask.get:
            params["query"] = ask.bare.decode()
            content = {} if ask.get else {"content": ask.rows}
        response = self.send("GET" if ask.get else "POST", role, params=params, **content)
        head = "\n".join(f"{name}: {value}" for name, value in response.headers.items())
        code = int(response.headers.get("x-clickhouse-exception-code", 0))
        return Answer(head.encode() + response.content, code)

    def send(self, method: str, role: str, **options: Any) -> httpx.Response:
        """Send one HTTP request."""
        return self.client.request(method, self.gateway.url, auth=login(role), **options)

    def sql(self, text: str | bytes, role: str = "admin", **params: str) -> str:
        """Run a statement and return its answer."""
        content = text if isinstance(text, bytes) else text.encode()
        return self.send("POST", role, content=content, params=params).text

    def code(self, text: str | bytes, role: str = "reader", **params: str) -> int:
        """Run a statement and return the engine's error code, 0 for none."""
        content = text if isinstance(text, bytes) else text.encode()
        response = self.send("POST", role, content=content, params=params)
        return int(response.headers.get("x-clickhouse-exception-code", 0))


def login(role: str) -> tuple[str, str]:
    """Return name and password."""
    return USER[role], USERS[USER[role]]["password"]


class Watch:
    """Asks ``/ping`` again and again, on new connections, and looks at the memory of both processes."""

    def __init__(self, gateway: Gateway) -> None:
        """Begin."""
        assert gateway.process is not None
        self._port = gateway.port
        self._server = psutil.Process(gateway.process.pid)
        self._goes_on = True
        self.pings_ms: list[float] = []
        self.unanswered = 0
        self.server_mb = self.engine_mb = 0.0
        self._threads = [threading.Thread(target=one, daemon=True) for one in (self._ping, self._weigh)]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Stop."""
        self._goes_on = False
        for thread in self._threads:
            thread.join()

    def __str__(self) -> str:
        """Return the figures."""
        return (
            f"{len(self.pings_ms)} pings: median {statistics.median(self.pings_ms):.1f} ms, max {max(self.pings_ms):.0f} ms, "
            f"{self.unanswered} unanswered; server {self.server_mb:.0f} MB, engine {self.engine_mb:.0f} MB"
        )

    def _ping(self) -> None:
        request = b"GET /ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        while self._goes_on:
            start = time.monotonic()
            try:
                with socket.create_connection(("127.0.0.1", self._port), timeout=20) as connection:
                    connection.sendall(request)
                    answered = connection.recv(100).startswith(b"HTTP/1.1 ")
            except OSError:
                answered = False
            self.unanswered += not answered
            self.pings_ms.append((time.monotonic() - start) * 1e3)
            time.sleep(0.01)

    def _weigh(self) -> None:
        while self._goes_on:
            with suppress(psutil.Error):
                self.server_mb = max(self.server_mb, self._server.memory_info().rss / MB)
                for child in self._server.children():
                    self.engine_mb = max(self.engine_mb, child.memory_info().rss / MB)
            time.sleep(0.03)


@contextmanager
def responsive(gateway: Gateway, what: str) -> Iterator[Watch]:
    """Fail unless ``/ping`` stays quick and memory bounded; print the figures, which say more than the bounds.

    200 ms is what we want, of the median; a single one may be late on a machine that does other things.
    """
    watch = Watch(gateway)
    start = time.monotonic()
    try:
        yield watch
    finally:
        time.sleep(0.1)
        watch.end()
        print(f"{what}: {time.monotonic() - start:.1f} s, {watch}")
    assert watch.unanswered == 0, what
    assert statistics.median(watch.pings_ms) <= 200, what
    assert max(watch.pings_ms) <= 2_000, what
    assert watch.server_mb <= SERVER_MB, what
    assert watch.engine_mb <= ENGINE_MB, what


def engine(gateway: Gateway) -> psutil.Process:
    """Return the engine's process."""
    assert gateway.process is not None
    (found,) = psutil.Process(gateway.process.pid).children()
    return found


def eventually(condition: Any, seconds: float = 30) -> bool:
    """Return whether a condition comes true in time."""
    deadline = time.monotonic() + patient(seconds)
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


def prepared(gateway: Gateway) -> Iterator[Http]:
    """Make the tables; close the client at the end."""
    http = Http(gateway)
    for text in PREPARE:
        assert http.sql(text) == ""
    yield http
    http.client.close()


def request(
    body: bytes, role: str, headers: dict[str, str] | None = None, query: str = "", length: int | None = None
) -> bytes:
    """Return the bytes of a POST."""
    every = {
        "Host": "localhost", "X-ClickHouse-User": login(role)[0], "X-ClickHouse-Key": login(role)[1],
        "Content-Length": str(len(body) if length is None else length), "Connection": "close", **(headers or {}),
    }  # fmt: skip
    lines = [f"POST /?{query} HTTP/1.1", *(f"{name}: {value}" for name, value in every.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def raw(port: int, data: bytes, seconds: float = 30) -> bytes:
    """Send bytes, return all that comes back."""
    got = b""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection, suppress(OSError):
        connection.sendall(data)
        while part := connection.recv(65536):
            got += part
    return got
