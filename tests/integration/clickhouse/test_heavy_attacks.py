"""Attacks on a confined gateway that cost time and memory: texts, bodies, clients that stop, many at once."""

# ruff: noqa: E501, T201 - one text a line; figures are printed
from __future__ import annotations

import gzip
import socket
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from typing import Any

import brotli  # type: ignore[import-untyped]
import httpx
import lz4.block  # type: ignore[import-untyped]
import lz4.frame  # type: ignore[import-untyped]
import pytest
from backports import zstd

from devstack.gateway.confinement import support
from devstack.gateway.native_frames import FrameEncoder

from .attacker import Http, eventually, login, raw, request, responsive
from .attacks.machine import ROLES

pytestmark = [pytest.mark.skipif(not support().enough, reason=support().sentence), pytest.mark.usefixtures("unharmed")]


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


#: Those that froze the gateway once, and one of each kind; `make test-long` sends all.
FIRST = (
    "8 kB of escaped quotes", "1 MB of escaped quotes", "102 kB of a literal", "1 MB of open heredocs", "1 MB of brackets",
    "1 MB of settings", "doubling aliases", "a large array", "a large string",
)  # fmt: skip


@pytest.mark.parametrize(
    "name", [name if name in FIRST else pytest.param(name, marks=pytest.mark.long) for name in TEXTS]
)
def test_a_text_takes_neither_the_server_nor_the_memory(impatient: Http, name: str) -> None:
    start = time.monotonic()
    with responsive(impatient.gateway, name):
        answer = impatient.send("POST", "reader" if b"insert" not in TEXTS[name][:6] else "writer", content=TEXTS[name])
        print(answer.status_code, answer.text[:100])
    assert time.monotonic() - start < 60, "beyond a reader's 20 s somebody should have stopped it"
    assert impatient.sql("SELECT 1", "reader") == "1\n"


_BLANKS = b" " * (16 << 20)
#: Bodies that become a gigabyte: options, and how each is made. ``decompress`` is a parameter, the other a header.
BOMBS: dict[str, tuple[dict[str, str], Callable[[], bytes]]] = {
    "zstd": ({"Content-Encoding": "zstd"}, lambda: zstd.compress(_BLANKS, 1) * 64),
    "zstd in one frame": ({"Content-Encoding": "zstd"}, lambda: _stream(zstd.ZstdCompressor(level=1))),
    "gzip": ({"Content-Encoding": "gzip"}, lambda: gzip.compress(_BLANKS, 1) * 64),
    "lz4": ({"Content-Encoding": "lz4"}, lambda: lz4.frame.compress(_BLANKS) * 64),
    "deflate": ({"Content-Encoding": "deflate"}, lambda: _stream(zlib.compressobj(1))),
    "br": ({"Content-Encoding": "br"}, lambda: _stream(brotli.Compressor(quality=1))),
    "frames": ({"decompress": "1"}, lambda: FrameEncoder().feed(_BLANKS) * 64),
    "frames in zstd": (
        {"Content-Encoding": "zstd", "decompress": "1"}, lambda: zstd.compress(FrameEncoder().feed(_BLANKS), 1) * 64
    ),
    "frames of 64 MB": ({"decompress": "1"}, lambda: _frame(_lz4(_BLANKS * 4), 64 << 20) * 16),
    "a frame of 4 GB": ({"decompress": "1"}, lambda: _frame(b"x" * 100, (1 << 32) - 1)),
    "a frame that says less": ({"decompress": "1"}, lambda: _frame(_lz4(_BLANKS), 100)),
}  # fmt: skip


def _stream(compressor: Any) -> bytes:
    add = getattr(compressor, "compress", None) or compressor.process
    end = getattr(compressor, "flush", None) if hasattr(compressor, "compress") else compressor.finish
    return b"".join([*(add(_BLANKS) for _ in range(64)), end()])


def _lz4(data: bytes) -> bytes:
    return bytes(lz4.block.compress(data, store_size=False))


def _frame(data: bytes, size: int) -> bytes:
    from devstack.gateway.native_frames import _HEADER, _LZ4, _checksum

    body = _HEADER.pack(_LZ4, _HEADER.size + len(data), size) + data
    return _checksum(body) + body


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_goes_off_in_small_pieces(impatient: Http, name: str) -> None:
    options, make = BOMBS[name]
    body = make()
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
    with ExitStack() as stack, responsive(impatient.gateway, "8 half-sent bodies"):
        half = [stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30)) for _ in range(8)]
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
    asked = request(b"select sum(sleep(2)) from numbers(20)", "reader", query="max_block_size=1")
    sleeping = "SELECT count() FROM system.processes WHERE query LIKE '%sleep(2)%' AND query NOT LIKE '%processes%'"
    with responsive(http.gateway, "8 sleeping queries of gone clients"):
        with ExitStack() as stack:
            for _ in range(8):
                connection = stack.enter_context(socket.create_connection(("127.0.0.1", http.gateway.port)))
                connection.sendall(asked)
            assert eventually(lambda: int(http.sql(sleeping)) >= 6, 10), "as many as one user may have"
            start = time.monotonic()
            assert http.sql("SELECT 1", "writer") == "1\n"
            assert time.monotonic() - start < 2, "another user finds a place"
        start = time.monotonic()
        assert http.sql("SELECT 1", "reader") == "1\n"
        print(f"the same user waited {time.monotonic() - start:.1f} s")
        assert time.monotonic() - start < 15, "they would sleep for 40 s"
        assert eventually(lambda: http.sql(sleeping) == "0\n", 15)


def test_one_user_does_not_take_all_places(http: Http) -> None:
    slow = "SELECT sum(sleepEachRow(0.05)) FROM numbers(40) SETTINGS max_block_size = 1"
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
