"""Attacks on a confined gateway over HTTP: files, ports and programs of the machine, other users, time and memory.

Each test sends what a client may send. What counts is what happened outside (`attacks.Outside`), how long ``/ping`` took
meanwhile, what both processes held, and whether others were served; never only an error's text.
"""

# ruff: noqa: E501, T201 - one text a line; figures are printed
from __future__ import annotations

import gzip
import json
import re
import signal
import socket
import statistics
import threading
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import brotli  # type: ignore[import-untyped]
import httpx
import lz4.block  # type: ignore[import-untyped]
import lz4.frame  # type: ignore[import-untyped]
import psutil
import pytest
from backports import zstd

from devstack.gateway.confinement import support
from devstack.gateway.native_frames import FrameEncoder

from . import attacks
from .attacks import ATTACKS, ORACLES, PREPARE, ROLES, Answer, Ask, Outside
from .conftest import USERS, Gateway, _running

pytestmark = pytest.mark.skipif(not support().enough, reason=support().sentence)

USER = {"reader": "reader", "writer": "writer", "admin": "root"}
MB = 1_000_000
#: Both hold less than this whatever comes: the server, and the engine beside what its limits count (1.5 GB).
SERVER_MB, ENGINE_MB = 400, 3_000
#: Deadlines that a test can wait for.
IMPATIENT = {
    "HEADER_TIMEOUT_S": "2", "BODY_TIMEOUT_S": "3", "SEND_TIMEOUT_S": "3", "ROLES__READER__MAX_RESULT_BYTES": "50000000",
    "ROLES__READER__MAX_EXECUTION_S": "20", "MAX_DECOMPRESSED_BYTES": "200000000",
}  # fmt: skip


# The machine, and how it is looked at ---------------------------------------------------------------------------------


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
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    made = Outside(tmp_path_factory.mktemp("outside"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def http(gateway: Gateway) -> Iterator[Http]:
    """Yield the gateway with the tables that attacks look for."""
    yield from prepared(gateway)


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Http]:
    """Yield another one, whose deadlines and limits are short."""
    running = _running(tmp_path_factory.mktemp("impatient"))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in IMPATIENT.items():
            patch.setenv(f"POLYGLOT_GATEWAY__{name}", value)
        gateway = next(running)
    yield from prepared(gateway)
    next(running, None)


def prepared(gateway: Gateway) -> Iterator[Http]:
    """Make the tables; close the client at the end."""
    http = Http(gateway)
    for text in PREPARE:
        assert http.sql(text) == ""
    yield http
    http.client.close()


@pytest.fixture(autouse=True)
def unharmed(outside: Outside) -> Iterator[None]:
    """Whatever a test does: nothing outside changes, and nobody knocks."""
    yield
    assert outside.harm() == ""


# 1 to 3, and 8: files, ports, programs --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ATTACKS)
def test_a_known_attack_does_nothing_for_any_role(http: Http, outside: Outside, name: str) -> None:
    for role in ROLES:
        answers = ATTACKS[name].run(http, role, outside)
        assert outside.harm(*(answer.body for answer in answers)) == ""


def test_the_engine_is_behind_its_walls(gateway: Gateway) -> None:
    status = Path(f"/proc/{engine(gateway).pid}/status").read_text(encoding="ascii")
    found = dict(re.findall(r"^(Seccomp|NoNewPrivs|CapEff):\s*(\w+)", status, re.MULTILINE))
    assert (found["Seccomp"], found["NoNewPrivs"]) == ("2", "1")
    assert int(found["CapEff"], 16) & ~(1 << 1 | 1 << 3) == 0
    assert list(Path(f"/proc/{engine(gateway).pid}/cwd").iterdir()) == [], "its working directory is empty"


def test_the_engine_has_no_secrets_in_its_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not for SQL")
    monkeypatch.setenv("POLYGLOT_SECRET", "not for SQL")
    for gateway in _running(tmp_path):
        environment = Path(f"/proc/{engine(gateway).pid}/environ").read_bytes()
    assert b"not for SQL" not in environment
    assert b"password" not in environment.lower()


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("text", ORACLES)
def test_nobody_learns_whether_a_file_is_there(http: Http, outside: Outside, role: str, text: str) -> None:
    there = outside.fill("@out@/canary.csv")
    missing = there.replace("canary", "absent")
    said = [http.sql(text.replace("@{}@", path), role).replace(path, "…") for path in (there, missing)]
    # A hint at a table with a similar name is no hint at a file.
    first, second = (re.sub(r" Maybe you meant.*?\?", "", one) for one in said)
    assert first == second


def test_default_is_a_plain_database_and_stays_one(new_gateway: Gateway) -> None:
    for _ in range(2):
        assert new_gateway.post("SELECT engine FROM system.databases WHERE name = 'default'").text == "Atomic\n"
        for text in ("DROP DATABASE default", "DROP DATABASE default SYNC", "RENAME DATABASE default TO other"):
            assert new_gateway.post(text).status_code == 403
        new_gateway.post("CREATE TABLE IF NOT EXISTS default.kept (a UInt8) ENGINE = MergeTree ORDER BY a")
        new_gateway.stop()
        new_gateway.start()
    assert new_gateway.post("EXISTS default.kept").text == "1\n"


def test_a_config_of_the_working_directory_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = (
        "<clickhouse><macros><told>by config.xml</told></macros><profiles><default><max_threads>3</max_threads></default>"
        "</profiles><users_config>users.xml</users_config></clickhouse>"
    )
    here = tmp_path / "here"
    for folder in (here, tmp_path / "data", tmp_path / "data" / "engine"):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.xml").write_text(config)
    monkeypatch.chdir(here)
    monkeypatch.setenv("PYTHONPATH", str(attacks.ROOT))
    for gateway in _running(tmp_path):
        assert gateway.post("SELECT count() FROM system.macros").text == "0\n"
        assert gateway.post("SELECT value FROM system.settings WHERE name = 'max_threads' AND value = '3'").text == ""


def test_tables_past_their_filter_are_not_read(http: Http) -> None:
    """`merge()` reads a table past what was said of it; readers and writers have it not, under any spelling."""
    for text in (
        "SELECT * FROM merge('default', 't')", "SELECT * FROM `merge`('default', 't')", "SELECT * FROM MERGE('default', 't')",
        "SELECT * FROM dictionary('d')", "CREATE TEMPORARY TABLE m (a String) ENGINE = Merge('default', 't')",
        "SELECT * FROM mergeTreeIndex('default', 't')",
    ):  # fmt: skip
        assert http.code(text, "reader") == 497
        assert http.code(text, "writer") == 497


# Who may what ---------------------------------------------------------------------------------------------------------


def test_get_changes_nothing_for_any_role(http: Http) -> None:
    http.sql("TRUNCATE TABLE n")
    http.sql("CREATE TABLE IF NOT EXISTS stays (a UInt8) ENGINE = MergeTree ORDER BY a")
    for text in (
        "INSERT INTO n SELECT 1", "INSERT INTO n VALUES (1)", "WITH 1 AS x INSERT INTO n SELECT x", "DROP TABLE stays",
        "TRUNCATE TABLE stays", "ALTER TABLE stays ADD COLUMN b UInt8", "CREATE TABLE made (a UInt8) ENGINE = Memory",
        "CREATE TEMPORARY TABLE b (a UInt8) ENGINE = Buffer('default', 'n', 1, 0, 0, 0, 0, 0, 0) AS SELECT 9",
        "EXPLAIN ANALYZE INSERT INTO n SELECT 1", "OPTIMIZE TABLE stays FINAL", "RENAME TABLE stays TO went",
    ):  # fmt: skip
        for role in ROLES:
            http.ask(role, Ask(text, get=True))
    assert http.sql("SELECT count() FROM n") == "0\n"
    assert http.sql("SELECT name FROM system.columns WHERE table = 'stays'") == "a\n"
    assert http.sql("EXISTS TABLE made") == "0\n"


def test_a_reader_changes_nothing(http: Http) -> None:
    http.sql("TRUNCATE TABLE n")
    for text in (
        "INSERT INTO n SELECT 1", "INSERT INTO n VALUES (1)", "WITH 1 AS x INSERT INTO n SELECT x",
        "CREATE TEMPORARY TABLE b (a UInt8) ENGINE = Buffer('default', 'n', 1, 0, 0, 0, 0, 0, 0) AS SELECT 9",
        "CREATE TEMPORARY TABLE b (a UInt8) ENGINE = `B\\x75ffer`('default', 'n', 1, 0, 0, 0, 0, 0, 0) AS SELECT 9",
        "SYSTEM SHUTDOWN", "SYSTEM STOP MERGES", "EXPLAIN ANALYZE INSERT INTO n SELECT 1",
    ):  # fmt: skip
        assert http.code(text, "reader") != 0
    http.ask(
        "reader",
        Ask(
            "SELECT * FROM x", table=("a UInt8) ENGINE = Buffer('default', 'n', 1, 0, 0, 0, 0, 0, 0) --", "TSV", b"1\n")
        ),
    )
    assert http.sql("SELECT count() FROM n") == "0\n"


def test_a_writer_makes_and_drops_nothing(http: Http) -> None:
    http.sql("CREATE TABLE IF NOT EXISTS stays (a UInt8) ENGINE = MergeTree ORDER BY a")
    texts = ("DROP TABLE stays", "TRUNCATE TABLE stays", "CREATE TABLE made (a UInt8) ENGINE = Memory")
    for text in texts:
        assert http.code(text, "writer") == 497
        for rows in (f"x\n\n{text};", f"x\n;{text}", f"('x'); {text}", f"x\n\n\n{text}\n"):
            for form in ("TSV", "Values", "CSV", "JSONEachRow", "LineAsString"):
                insert = Ask(f"INSERT INTO t FORMAT {form}", rows.encode(), params={"x": "1"})
                http.ask("writer", insert)
                http.ask("writer", Ask(f"INSERT INTO t SELECT a FROM input('a String') FORMAT {form}", rows.encode()))
        http.ask("writer", Ask("INSERT INTO t FORMAT TSV", b"x\n", params={f"x='1'; {text}; SET param_y": "1"}))
        http.ask("writer", Ask("INSERT INTO t VALUES ({x:String})", params={"x": f"x'); {text}; --"}))
    assert http.sql("EXISTS TABLE stays") == "1\n"
    assert http.sql("EXISTS TABLE made") == "0\n"


def test_one_user_has_nothing_of_another_ones_session(http: Http) -> None:
    name = "shared"
    assert http.sql("CREATE TEMPORARY TABLE mine (a UInt8)", "writer", session_id=name) == ""
    assert http.sql("INSERT INTO mine VALUES (7)", "writer", session_id=name) == ""
    assert http.sql("SET max_block_size = 1000, param_p = 'mine'", "writer", session_id=name) == ""
    assert http.sql("SELECT a, getSetting('max_block_size') FROM mine", "writer", session_id=name) == "7\t1000\n"
    for role in ("reader", "admin"):
        assert http.code("SELECT * FROM mine", role, session_id=name) == 60
        assert http.code("SELECT {p:String}", role, session_id=name) == 456
        assert http.sql("SELECT getSetting('max_block_size')", role, session_id=name) != "1000\n"
        assert http.code("SELECT 1", role, session_id="unknown", session_check="1") == 372
        assert http.sql("SELECT count() FROM system.tables WHERE name = 'mine'", role, session_id=name) == "0\n"
        assert http.code("SELECT * FROM _temporary_and_external_tables.mine", role) != 0
    http.sql("USE system", "admin", session_id=name)
    assert http.sql("SELECT currentDatabase()", "writer", session_id=name) == "default\n"


def test_a_session_keeps_its_users_limits(http: Http) -> None:
    for text in ("SET readonly = 0", "SET max_memory_usage = 0", "SET max_execution_time = 0", "SET allow_ddl = 1",
                 "SET max_threads = 1, readonly = 0", "SET readonly = DEFAULT", "SET profile = 'default'"):  # fmt: skip
        assert http.code(text, "reader", session_id="kept") == 497
    assert http.code("INSERT INTO n VALUES (1)", "reader", session_id="kept") == 497
    assert http.sql("SELECT getSetting('readonly')", "reader", session_id="kept") == "2\n"


def test_only_an_admin_kills_the_query_of_another(http: Http) -> None:
    slow = "SELECT sum(sleepEachRow(0.1)) FROM numbers(300) SETTINGS max_block_size = 1"
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(http.code, slow, "writer", query_id="long")
        seen = "SELECT count() FROM system.processes WHERE query_id = 'long'"
        assert eventually(lambda: http.sql(seen) == "1\n", 10)
        http.sql("KILL QUERY WHERE query_id = 'long' SYNC", "reader")
        http.sql("KILL QUERY WHERE 1", "reader")
        http.sql("KILL QUERY WHERE user = 'default'", "admin")
        time.sleep(0.3)
        assert not running.done()
        assert http.code("SELECT 1", "reader", query_id="long") == 216
        http.sql("KILL QUERY WHERE query_id = 'long' SYNC", "admin")
        assert running.result(20) == 394


# The web --------------------------------------------------------------------------------------------------------------

_WEB: dict[str, dict[str, str]] = {
    "another host": {"Host": "evil.example"},
    "a host that begins like loopback": {"Host": "127.0.0.1.evil.example"},
    "a host that ends like loopback": {"Host": "evil-localhost"},
    "a host with a user": {"Host": "localhost@evil.example"},
    "two hosts": {"Host": "localhost, evil.example"},
    "any address": {"Host": "0.0.0.0"},  # noqa: S104
    "a decimal address": {"Host": "2130706433.evil.example"},
    "no host": {"Host": ""},
    "another origin": {"Origin": "https://evil.example"},
    "no origin's name": {"Origin": "null"},
    "an origin that is no URL": {"Origin": "http://["},
    "an origin on another port": {"Origin": "http://localhost:1"},
    "an origin of an extension": {"Origin": "chrome-extension://x"},
    "two origins": {"Origin": "http://localhost, https://evil.example"},
    "another site": {"Sec-Fetch-Site": "cross-site"},
    "another port of this site": {"Sec-Fetch-Site": "same-site"},
    "an unknown site": {"Sec-Fetch-Site": "x"},
    "plain text of a page": {"Sec-Fetch-Site": "same-origin", "Content-Type": "text/plain"},
    "plain text with a charset": {"Sec-Fetch-Site": "same-origin", "Content-Type": "Text/Plain;charset=UTF-8"},
}


@pytest.mark.parametrize("name", _WEB)
def test_a_web_page_gets_nothing(http: Http, name: str) -> None:
    http.sql("TRUNCATE TABLE n")
    for method in ("GET", "POST"):
        response = http.send(method, "admin", headers=_WEB[name], params={"query": "INSERT INTO n SELECT 1"})
        assert response.status_code == 403, response.text
        assert "access-control-allow-origin" not in response.headers
        response = http.send(method, "reader", headers=_WEB[name], params={"query": "SELECT 7"})
        assert response.status_code == 403
    assert http.sql("SELECT count() FROM n") == "0\n"


@pytest.mark.parametrize("headers", [{}, {"Origin": "https://evil.example"}, {"Content-Type": "text/plain"}])
def test_credentials_are_no_part_of_a_url(http: Http, headers: dict[str, str]) -> None:
    user, password = login("admin")
    http.sql("TRUNCATE TABLE n")
    for pairs in (
        {"user": user, "password": password},
        {"user": user},
        {"password": password},
        {"USER": user, "user": user},
    ):
        for method in ("GET", "POST"):
            params = {**pairs, "query": "INSERT INTO n SELECT 1"}
            response = httpx.request(method, http.gateway.url, params=params, headers=headers)
            assert response.status_code == 403
    form = httpx.post(http.gateway.url, data={"user": user, "password": password, "query": "INSERT INTO n SELECT 1"})
    assert form.status_code in (400, 401, 403)
    assert http.sql("SELECT count() FROM n") == "0\n"
    address = f"http://{user}:{password}@127.0.0.1:{http.gateway.port}/"
    assert httpx.get(address, params={"query": "SELECT 7"}).text == "7\n", "a client's way to write a header"


def test_a_preflight_is_not_granted(http: Http) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    for origin in ("https://evil.example", f"http://localhost:{http.gateway.port}", "null"):
        response = httpx.options(http.gateway.url, headers={"Origin": origin, **asked})
        assert not [name for name in response.headers if name.startswith("access-control")]
    answer = http.send("POST", "reader", content="SELECT 1", params={"add_http_cors_header": "1"})
    assert "access-control-allow-origin" not in answer.headers


def test_a_wrong_password_gets_nothing(http: Http) -> None:
    for auth in (("root", ""), ("root", "w"), ("default", ""), ("nobody", "r"), ("polyglot", "polyglot"), ("", "")):
        response = httpx.post(http.gateway.url, auth=auth, content="SELECT 7")
        assert response.status_code == 403
        assert "Authentication failed" in response.text
    both = {"X-ClickHouse-User": "reader", "X-ClickHouse-Key": "r"}
    assert httpx.post(http.gateway.url, auth=("root", "r"), headers=both, content="SELECT 7").status_code == 403
    assert httpx.post(http.gateway.url, content="SELECT 7").status_code == 403


@pytest.mark.parametrize(
    "query_id",
    ["%0d%0aX-Evil:%201", "%E2%82%AC", "%00", "%0a", "%C3%A4", "a%20b", "%FF", "x" * 300, "%0D%0A%0D%0Ahello"],
)
def test_a_query_id_that_no_header_can_carry(http: Http, query_id: str) -> None:
    response = http.client.post(f"{http.gateway.url}?query_id={query_id}", content="SELECT 1", auth=login("reader"))
    assert response.status_code == 400
    assert response.headers["x-clickhouse-exception-code"] == "36"
    assert "x-evil" not in response.headers
    header = raw(http.gateway.port, request(b"SELECT 1", "reader", {"X-ClickHouse-Query-Id": "\u00e4"}))
    assert header.startswith(b"HTTP/1.1 400 ")
    assert http.sql("SELECT 1", "reader") == "1\n"


@pytest.mark.parametrize(
    "lines",
    [
        b"GET /ping HTTP/1.1\r\nHost: localhost\r\nOrigin: http://[\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic \xff\r\nContent-Length: 0\r\n",
        b"POST /?query=%FF HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic cmVhZGVyOnI=\r\nContent-Length: 0\r\n",
        b"POST /?%FF=1&query=SELECT+1 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic cmVhZGVyOnI=\r\nContent-Length: 0\r\n",
        b"GET /%00 HTTP/1.1\r\nHost: localhost\r\n",
        b"PATCH / HTTP/1.1\r\nHost: localhost\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic cmVhZGVyOnI=\r\nContent-Type: multipart/form-data\r\n"
        b"Content-Length: 4\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic cmVhZGVyOnI=\r\nContent-Encoding: x\r\nContent-Length: 4\r\n",
        b"POST /?session_timeout=x HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic cmVhZGVyOnI=\r\nContent-Length: 4\r\n",
    ],
)
def test_no_request_is_a_bare_500(http: Http, lines: bytes) -> None:
    status = int(raw(http.gateway.port, lines + b"Connection: close\r\n\r\nSELE").split()[1])
    assert status < 500


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


# 4 and 5: texts and bodies that take time or memory -------------------------------------------------------------------

#: Texts of about a megabyte, and how many times more may be sent.
TEXTS: dict[str, bytes] = {
    "8 kB of escaped quotes": b"select '" + rb"\'" * 4_000,
    "1 MB of escaped quotes": b"select '" + rb"\'" * 500_000,
    "16 MB of escaped quotes": b"select '" + rb"\'" * 8_000_000,
    "102 kB of a literal": b"select length('" + rb"\'" * 51_000 + b"')",
    "1 MB of doubled quotes": b"select '" + b"''" * 500_000,
    "1 MB of backslashes": b"select '" + b"\\" * 1_000_000,
    "1 MB of backticks": b"select `" + rb"\`" * 500_000,
    "1 MB of open heredocs": b"select " + b"".join(b"$a%d$" % n for n in range(140_000)),
    "1 MB of open comments": b"select 1 " + b"/*" * 500_000,
    "1 MB of comments": b"select 1 " + b"/**/" * 250_000,
    "1 MB of line comments": b"select 1 " + b"--\n" * 330_000,
    "16 MB of blanks": b"select 1" + b" " * 15_900_000,
    "1 MB of brackets": b"select " + b"(" * 1_000_000,
    "1 MB of nested arrays": b"select " + b"[" * 500_000 + b"]" * 500_000,
    "1 MB of NOT": b"select " + b"not " * 250_000 + b"1",
    "1 MB of minus": b"select " + b"- " * 500_000 + b"1",
    "1 MB of subqueries": b"select * from " + b"(select * from " * 60_000 + b"numbers(1)" + b")" * 60_000,
    "1 MB of CASE": b"select " + b"case when 1 then " * 60_000 + b"1",
    "1 MB of functions": b"select " + b"identity(" * 100_000 + b"1" + b")" * 100_000,
    "1 MB of lambdas": b"select " + b"arrayMap(x -> " * 70_000,
    "1 MB of IN": b"select 1 in (" + b"1," * 500_000 + b"1)",
    "1 MB of format()": b"select " + b",".join([b"format('{}','a')"] * 60_000),
    "1 MB of values()": b"select * from numbers(1), " + b",".join([b"values(1)"] * 100_000),
    "1 MB of UNION ALL": b" union all ".join([b"select 1"] * 50_000),
    "1 MB of concatenation": b"select " + b"||".join([b"'x'"] * 200_000),
    "1 MB of AND": b"select " + b" and ".join([b"1=1"] * 120_000),
    "1 MB of columns": b"select " + b",".join([b"1"] * 500_000),
    "1 MB of settings": b"select 1 settings " + b",".join([b"max_threads=1"] * 70_000),
    "1 MB of aliases": b"with 1 as x0," + b",".join(b"x%d+x%d as x%d" % (n, n, n + 1) for n in range(40_000)) + b" select x40000",
    "1 MB of values": b"insert into n values " + b"(1+1)," * 160_000 + b"(1)",
    "1 MB of quoted values": b"insert into t values " + rb"('\''||'')," * 90_000 + b"('x')",
    "1 MB of joins": b"select * from t" + b" join t using (a)" * 55_000,
    "1 MB of a name": b"select 1 as `" + b"x" * 1_000_000 + b"`",
    "1 MB of UTF-8": "select '{}'".format("ä€" * 200_000).encode(),
    "1 MB of bytes that are no text": b"select length('" + bytes(range(128, 256)) * 8_000 + b"')",
    "doubling aliases": b"with 'x' as a0," + b",".join(b"concat(a%d,a%d) as a%d" % (n, n, n + 1) for n in range(30)) + b" select a30",
    "a regular expression": b"select match(repeat('a', 100000), '(a+)+$b') from numbers(10)",
    "a wide LIKE": b"select repeat('a', 100000) like concat(repeat('%a', 5000), 'b')",
    "a product of joins": b"select count() from numbers(100000) a, numbers(100000) b, numbers(100000) c",
    "an endless recursion": b"with recursive x as (select 1 as n union all select n + 1 from x) select count() from x",
    "a large array": b"select length(range(1000000000))",
    "a large string": b"select length(repeat('x', 2000000000))",
    "a large group": b"select count() from (select number, groupArray(toString(number)) from numbers(1000000000) group by number)",
    "a large sort": b"select number from numbers(2000000000) order by rand() format Null",
    "many streams": b"select count() from numbers_mt(1000) settings max_streams_to_max_threads_ratio = 1000000",
    "a large block": b"select max_block_size from numbers(1) settings preferred_block_size_bytes = 1000000000000",
}  # fmt: skip


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_takes_neither_the_server_nor_the_memory(impatient: Http, name: str) -> None:
    start = time.monotonic()
    with responsive(impatient.gateway, name):
        answer = impatient.send("POST", "reader" if b"insert" not in TEXTS[name][:6] else "writer", content=TEXTS[name])
        print(answer.status_code, answer.text[:100])
    assert time.monotonic() - start < 60, "beyond a reader's 20 s somebody should have stopped it"
    assert impatient.sql("SELECT 1", "reader") == "1\n"


def bombs() -> dict[str, tuple[dict[str, str], bytes]]:
    """Return bodies that become a gigabyte, by name, each with headers or parameters."""
    blanks = b" " * (16 << 20)
    stream = zlib.compressobj(9)
    deflated = b"".join([*(stream.compress(blanks) for _ in range(64)), stream.flush()])
    brotlied = brotli.Compressor(quality=1)
    frame = FrameEncoder()
    return {
        "zstd": ({"Content-Encoding": "zstd"}, zstd.compress(blanks, 1) * 64),
        "zstd in one frame": ({"Content-Encoding": "zstd"}, _one_zstd(blanks, 64)),
        "gzip": ({"Content-Encoding": "gzip"}, gzip.compress(blanks, 9) * 64),
        "lz4": ({"Content-Encoding": "lz4"}, lz4.frame.compress(blanks) * 64),
        "deflate": ({"Content-Encoding": "deflate"}, deflated),
        "br": (
            {"Content-Encoding": "br"},
            b"".join([*(brotlied.process(blanks) for _ in range(64)), brotlied.finish()]),
        ),
        "frames": ({"decompress": "1"}, frame.feed(blanks) * 64),
        "frames in zstd": ({"Content-Encoding": "zstd", "decompress": "1"}, zstd.compress(frame.feed(blanks), 1) * 64),
        "frames of 64 MB": (
            {"decompress": "1"},
            _frame(lz4.block.compress(b" " * (64 << 20), store_size=False), 64 << 20) * 16,
        ),
        "a frame of 4 GB": ({"decompress": "1"}, _frame(b"x" * 100, (1 << 32) - 1)),
        "a frame that says less": ({"decompress": "1"}, _frame(lz4.block.compress(blanks, store_size=False), 100)),
    }


def _one_zstd(piece: bytes, times: int) -> bytes:
    stream = zstd.ZstdCompressor(level=1)
    return b"".join([*(stream.compress(piece) for _ in range(times)), stream.flush()])


def _frame(data: bytes, size: int) -> bytes:
    from devstack.gateway.native_frames import _HEADER, _LZ4, _checksum

    body = _HEADER.pack(_LZ4, _HEADER.size + len(data), size) + data
    return _checksum(body) + body


@pytest.mark.parametrize("name", bombs())
def test_a_bomb_goes_off_in_small_pieces(impatient: Http, name: str) -> None:
    options, body = bombs()[name]
    headers = {key: value for key, value in options.items() if key != "decompress"}
    params = {key: value for key, value in options.items() if key == "decompress"}
    with responsive(impatient.gateway, f"{name}, {len(body):,} bytes"):
        for role, query in (("reader", ""), ("writer", "INSERT INTO t FORMAT LineAsString")):
            response = impatient.send("POST", role, params={**params, "query": query}, content=body, headers=headers)
            assert response.status_code in (400, 413, 500), response.text[:200]
            print(response.status_code, response.text[:120])
    assert impatient.sql("SELECT 1", "reader") == "1\n"


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("250,000 headers of one name", b"a:\r\n" * 250_000),
        ("120,000 headers", b"".join(b"%x:\r\n" % n for n in range(120_000))),
        ("a header of 3 MB", b"a: " + b"a" * 3_000_000 + b"\r\n"),
        ("Accept-Encoding of 900 kB", b"Accept-Encoding: " + b"a;q=0," * 150_000 + b"\r\n"),
        ("Origin of 900 kB", b"Origin: http://" + b"[" * 900_000 + b"\r\n"),
        ("Authorization of 900 kB", b"Authorization: Basic " + b"=" * 900_000 + b"\r\n"),
        ("Cookie of 900 kB", b"Cookie: " + b"a=b;" * 220_000 + b"\r\n"),
    ],
)
def test_headers_of_strangers_stop_nobody(http: Http, name: str, head: bytes) -> None:
    with responsive(http.gateway, name):
        for path in (
            b"/ping",
            b"/?query=select+1&enable_http_compression=1",
            b"/?" + b"&" * 100_000,
            b"/?" + b"a=b&" * 200_000,
        ):
            raw(
                http.gateway.port,
                b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + head + b"\r\n",
            )


def test_forms_take_linear_time(http: Http) -> None:
    many = (
        b"".join(b'--x\r\nContent-Disposition: form-data; name="a%d"\r\n\r\n1\r\n' % n for n in range(100_000))
        + b"--x--"
    )
    bodies = {
        "many fields": many,
        "many boundaries": b"--x\r\n" * 3_000_000,
        "an open header": b"--x\r\nContent-Disposition: form-data; " + b'a="' * 4_000_000,
        "no boundary": b"-" * 16_000_000,
        "half boundaries": b"\r\n--" * 4_000_000,
    }
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    for name, body in bodies.items():
        with responsive(http.gateway, f"form: {name}, {len(body):,} bytes"):
            assert http.send("POST", "reader", content=body, headers=headers).status_code in (400, 413)
    structure = {"x_structure": "a UInt8, " * 6_000 + "b UInt8", "query": "SELECT 1"}
    with responsive(http.gateway, "form: a long structure"):
        http.send("POST", "reader", data=structure, files={"x": ("x", b"1\n")})


# 6 and 7: clients that hang, go, or do not read -----------------------------------------------------------------------


def test_half_sent_headers_are_dropped(impatient: Http) -> None:
    port = impatient.gateway.port
    with ExitStack() as stack, responsive(impatient.gateway, "100 half-sent headers"):
        half = [stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20)) for _ in range(100)]
        for at, connection in enumerate(half):
            connection.sendall((b"", b"G", b"GET / HTTP/1.1\r\n", b"POST / HTTP/1.1\r\nHost: localhost\r\nX-")[at % 4])
        assert impatient.sql("SELECT 1", "reader") == "1\n"
        start = time.monotonic()
        for number in range(12):  # one byte now and then is no progress
            time.sleep(0.25)
            for connection in half[3::4]:
                with suppress(OSError):
                    connection.sendall(b"%d" % number)
        for connection in half:
            with suppress(ConnectionResetError):
                assert connection.recv(100) == b""
        assert time.monotonic() - start < 10


def test_half_sent_bodies_are_dropped_and_store_nothing(impatient: Http) -> None:
    impatient.sql("TRUNCATE TABLE n")
    port = impatient.gateway.port
    with ExitStack() as stack, responsive(impatient.gateway, "20 half-sent bodies"):
        half = [stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30)) for _ in range(20)]
        for connection in half:
            connection.sendall(request(b"1\n2\n", "writer", query="query=INSERT+INTO+n+FORMAT+TSV", length=1_000))
        start = time.monotonic()
        assert impatient.sql("SELECT 1", "reader") == "1\n"
        assert time.monotonic() - start < 2, "another user has a place meanwhile"
        for connection in half:
            answer = b""
            with suppress(OSError):
                while part := connection.recv(65536):
                    answer += part
            assert b" 200 " not in answer[:20]
    assert impatient.sql("SELECT count() FROM n", "reader") == "0\n"


def test_drops_of_a_body_hold_the_places_of_one_user_only(impatient: Http) -> None:
    port = impatient.gateway.port
    with ExitStack() as stack, responsive(impatient.gateway, "10 bodies in drops"):
        slow = [stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30)) for _ in range(10)]
        for connection in slow:
            connection.sendall(request(b"1\n", "writer", query="query=INSERT+INTO+n+FORMAT+TSV", length=1_000_000))
        for _ in range(8):
            time.sleep(0.5)
            for connection in slow:
                with suppress(OSError):
                    connection.sendall(b"1\n")
            start = time.monotonic()
            assert impatient.sql("SELECT 1", "reader") == "1\n"
            assert time.monotonic() - start < 2


def test_clients_that_do_not_read_cost_little_and_are_dropped(impatient: Http) -> None:
    port = impatient.gateway.port
    text = b"SELECT repeat('x', 1000) FROM numbers(40000)"  # 40 MB each
    with ExitStack() as stack, responsive(impatient.gateway, "40 clients that do not read"):
        idle = [stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60)) for _ in range(40)]
        for connection in idle:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.sendall(request(text, "reader"))
        for _ in range(5):
            time.sleep(0.3)
            start = time.monotonic()
            assert impatient.sql("SELECT 1", "writer") == "1\n"
            assert time.monotonic() - start < 2
    start = time.monotonic()
    assert impatient.sql("SELECT 1", "reader") == "1\n"
    assert time.monotonic() - start < 40, "the places of dropped clients come back"


def test_queries_of_gone_clients_give_their_places_back(http: Http) -> None:
    text = b"select sum(sleep(2)) from numbers(6)"
    with responsive(http.gateway, "8 sleeping queries of gone clients"):
        for attempt in range(2):
            for _ in range(8):
                with socket.create_connection(("127.0.0.1", http.gateway.port)) as connection:
                    connection.sendall(request(text, "reader", query=f"max_block_size=1&x={attempt}"[:16]))
                    time.sleep(0.05)
            start = time.monotonic()
            assert http.sql("SELECT 1", "writer") == "1\n"
            assert time.monotonic() - start < 2, "another user finds a place"
            assert http.sql("SELECT 1", "reader") == "1\n"
            print(f"the same user waited {time.monotonic() - start:.1f} s")
            assert time.monotonic() - start < 15
        idle = "SELECT count() FROM system.processes WHERE query LIKE '%sleep(2)%' AND query NOT LIKE '%processes%'"
        assert eventually(lambda: http.sql(idle) == "0\n", 20)


def test_one_user_does_not_take_all_places(http: Http) -> None:
    slow = "SELECT sum(sleepEachRow(0.05)) FROM numbers(80) SETTINGS max_block_size = 1"
    with responsive(http.gateway, "20 slow queries"), ThreadPoolExecutor(20) as pool:
        running = [pool.submit(http.code, slow, "reader") for _ in range(20)]
        time.sleep(0.5)
        for _ in range(5):
            start = time.monotonic()
            assert http.sql("SELECT 1", "writer") == "1\n"
            assert time.monotonic() - start < 2
        assert [one.result(60) for one in running] == [0] * 20


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    "setting",
    [
        "max_memory_usage = 0", "max_memory_usage = 100000000000", "max_memory_usage = '0'", "`max_memory_usage` = 0",
        "max_memory_usage = DEFAULT", "max_execution_time = 0", "max_threads = 1, max_memory_usage = 0",
        "totals_auto_threshold = -inf, max_memory_usage = 0", "max_untracked_memory = 1000000000000",
        "max_memory_usage_for_user = 0", "memory_overcommit_ratio_denominator = 1000000000000", "readonly = 0",
        "max_temporary_data_on_disk_size_for_query = 0", "max_query_size = 0", "max_parser_depth = 0",
        "additional_table_filters = {}", "query_cache_tag = 'x'", "allow_ddl = 0", "profile = 'x'",
    ],
)  # fmt: skip
def test_limits_cannot_be_taken_away(http: Http, setting: str, role: str) -> None:
    for text in (f"SELECT 1 SETTINGS {setting}", f"SELECT * FROM (SELECT 1 SETTINGS {setting})", f"SET {setting}",
                 f"SELECT 1 FORMAT TSV SETTINGS {setting}", f"SELECT * FROM view(SELECT 1 SETTINGS {setting})"):  # fmt: skip
        assert http.code(text, role) in (62, 497), text


@pytest.mark.parametrize("role", ROLES)
def test_limits_of_the_url_are_bounded(http: Http, role: str) -> None:
    for value in ("0", "100000000000", "99999999999999999999"):
        said = http.sql("SELECT getSetting('max_memory_usage'), getSetting('max_execution_time')", role,
                        max_memory_usage=value, max_execution_time=value)  # fmt: skip
        memory, seconds = map(float, said.split())
        assert 0 < memory <= 1e9
        assert 0 < seconds <= 900
    assert http.code("SELECT 1", role, readonly="0") in (36, 497)
    assert http.code("SELECT 1", role, max_memory_usage="-1") in (36, 497)
    assert http.code("SELECT 1", role, max_memory_usage="1e30") in (36, 497)


def test_a_large_result_passes_through(http: Http) -> None:
    with responsive(http.gateway, "a result of 602 MB"):
        size = 0
        text = "select repeat('x',1000) from numbers(600000)"
        with http.client.stream("POST", http.gateway.url, content=text, auth=login("reader")) as response:
            for part in response.iter_raw():
                size += len(part)
    assert size == 600_600_000


def test_a_result_beyond_its_limit_is_cut_and_says_so(impatient: Http) -> None:
    text = "select repeat('x',1000) from numbers(600000)"
    for params in ({}, {"wait_end_of_query": "1"}, {"compress": "1"}, {"enable_http_compression": "1"}):
        with responsive(impatient.gateway, f"602 MB where 50 are allowed, {params}"):
            size, last = 0, b""
            with suppress(httpx.RemoteProtocolError), impatient.client.stream(
                "POST", impatient.gateway.url, content=text, auth=login("reader"), params=params,
                headers={"Accept-Encoding": "gzip" if "enable_http_compression" in params else "identity"},
            ) as response:  # fmt: skip
                failed = response.status_code != 200
                for part in response.iter_raw():
                    size, last = size + len(part), (last + part)[-2_000:]
        assert size < 60_000_000
        assert failed or "compress" in str(params) or b"396" in last
    assert list((impatient.gateway.data / "tmp").iterdir()) == [], "nothing is left of what was held"


def test_many_sessions_do_not_hold_the_memory_of_all(http: Http) -> None:
    """A temporary table is held for its session: the queries of others must have memory all the same."""
    for number in range(3):
        http.sql("CREATE TEMPORARY TABLE big AS SELECT repeat('x', 1000) AS a FROM numbers(700000)", "reader",
                 session_id=f"big{number}", session_timeout="3600")  # fmt: skip
    said = http.sql("SELECT length(groupArray(repeat('x', 1000))) FROM numbers(200000)", "writer")
    for number in range(3):
        http.sql("DROP TEMPORARY TABLE IF EXISTS big", "reader", session_id=f"big{number}")
    assert said == "200000\n", said[:300]


# What survives --------------------------------------------------------------------------------------------------------


def test_a_killed_engine_comes_back_with_every_acknowledged_row(new_gateway: Gateway) -> None:
    http = Http(new_gateway)
    http.sql("CREATE TABLE r (a UInt64) ENGINE = MergeTree ORDER BY a")
    acknowledged: list[int] = []
    goes_on = True

    def insert(first: int) -> None:
        for batch in range(first, 1_000_000, 3):
            if not goes_on:
                return
            rows = b"".join(b"%d\n" % (batch * 10 + at) for at in range(10))
            with suppress(httpx.TransportError):
                if not http.ask("writer", Ask("INSERT INTO r FORMAT TSV", rows)).code:
                    acknowledged.append(batch)

    with responsive(new_gateway, "an engine killed twice"), ThreadPoolExecutor(3) as pool:
        done = [pool.submit(insert, first) for first in range(3)]
        for _ in range(2):
            before = len(acknowledged)
            assert eventually(lambda before=before: len(acknowledged) > before + 30, 60)
            engine(new_gateway).kill()
        before = len(acknowledged)
        assert eventually(lambda before=before: len(acknowledged) > before + 30, 90)
        goes_on = False
        for one in done:
            one.result(90)
    stored = {int(line) for line in http.sql("SELECT DISTINCT intDiv(a, 10) FROM r").split()}
    assert set(acknowledged) <= stored
    assert set(http.sql("SELECT count() FROM r GROUP BY intDiv(a, 10)").split()) == {"10"}
    http.client.close()


def test_a_stopped_engine_does_not_stop_the_server(new_gateway: Gateway) -> None:
    stopped = engine(new_gateway)
    http = Http(new_gateway)
    with closing(http.client), responsive(new_gateway, "an engine that hangs"):
        stopped.send_signal(signal.SIGSTOP)
        try:
            with ThreadPoolExecutor(12) as pool:
                waiting = [pool.submit(http.sql, "SELECT 1", "reader") for _ in range(12)]
                time.sleep(2)
                assert not any(one.done() for one in waiting)
                stopped.send_signal(signal.SIGCONT)
                assert [one.result(60) for one in waiting] == ["1\n"] * 12
        finally:
            stopped.send_signal(signal.SIGCONT)


# Ten thousand ---------------------------------------------------------------------------------------------------------


def _variants(http: Http, outside: Outside, count: int) -> None:
    dice = Random(18_000)
    codes: dict[int, int] = {}
    with responsive(http.gateway, f"{count} variants"):
        for number in range(count):
            text = attacks.soup(dice) if number % 5 == 0 else attacks.variant(dice, outside)
            role = ROLES[number % 3]
            answer = attacks.send(text, http, role, outside)
            codes[answer.code] = codes.get(answer.code, 0) + 1
    print(json.dumps(dict(sorted(codes.items(), key=lambda item: -item[1])[:12])))


def test_some_variants_do_nothing(http: Http, outside: Outside) -> None:
    _variants(http, outside, 300)


@pytest.mark.long
def test_ten_thousand_variants_do_nothing(http: Http, outside: Outside) -> None:
    _variants(http, outside, 10_000)


@pytest.mark.long
def test_ten_thousand_variants_do_nothing_without_walls(
    tmp_path: Path, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLYGLOT_GATEWAY__CONFINEMENT", "off")
    for gateway in _running(tmp_path):
        status = Path(f"/proc/{engine(gateway).pid}/status").read_text(encoding="ascii")
        assert "Seccomp:\t0" in status
        for http in prepared(gateway):
            _variants(http, outside, 10_000)
