"""Attacks on a confined gateway over HTTP: files, ports and programs of the machine, other users, time and memory.

Each test sends what a client may send. What counts is what happened outside (`attacks.Outside`), how long ``/ping`` took
meanwhile, what both processes held, and whether others were served; never only an error's text.
"""

# ruff: noqa: E501, T201 - one text a line; figures are printed
from __future__ import annotations

import json
import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from random import Random

import httpx
import pytest

from devstack.gateway.confinement import support

from .attacker import Http, engine, eventually, login, prepared, raw, request, responsive
from .attacks.machine import ROLES, ROOT, Ask, Outside
from .attacks.variants import send, soup, variant
from .attacks.writes import ATTACKS, ORACLES
from .gateway_process import Gateway, _running

pytestmark = [pytest.mark.skipif(not support().enough, reason=support().sentence), pytest.mark.usefixtures("unharmed")]


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


@pytest.mark.parametrize("walls", ["on", "off"])
def test_the_engine_has_no_secrets_in_its_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, walls: str
) -> None:
    """Behind the walls it is not to be read at all; without them it has no secrets all the same."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not for SQL")
    monkeypatch.setenv("POLYGLOT_SECRET", "not for SQL")
    monkeypatch.setenv("POLYGLOT_GATEWAY__CONFINEMENT", walls)
    for gateway in _running(tmp_path):
        environment = Path(f"/proc/{engine(gateway).pid}/environ").read_bytes()
    assert b"not for SQL" not in environment
    assert b"password" not in environment.lower()
    assert (b"TMPDIR=" in environment) == (walls == "off")


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
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
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
    for role in ("reader", "writer"):
        buffer = "CREATE TEMPORARY TABLE b (a UInt8) ENGINE = Buffer('default', 'n', 1, 0, 0, 0, 0, 0, 0)"
        assert http.code(buffer, role) == 497, "rows for it would reach another table"
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
        http.sql(f"INSERT INTO t SELECT 'x' PARALLEL WITH {text}", "writer")
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
    for path in ("/ping", "/"):  # a URL with a password in it is in a log already: it is told at once
        assert httpx.get(http.gateway.url + path, params={"password": "x"}, headers=headers).status_code == 403
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
            text = soup(dice) if number % 5 == 0 else variant(dice, outside)
            role = ROLES[number % 3]
            answer = send(text, http, role, outside)
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
