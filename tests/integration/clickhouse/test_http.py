"""The HTTP interface as its clients meet it."""

from __future__ import annotations

import gzip
import io
import json

import httpx
import lz4.frame
import psutil
import pyarrow.parquet as pq
import pytest
import zstandard
from clickhouse_connect.driver.exceptions import DatabaseError, StreamFailureError

from .gateway_process import Gateway

ROWS = 300_010


@pytest.fixture(scope="module", autouse=True)
def table(gateway: Gateway) -> None:
    """Create the table that the tests use."""
    client = gateway.client()
    client.command("CREATE DATABASE d")
    client.command("CREATE TABLE d.t (a UInt64, b String, p Decimal(28, 12)) ENGINE = MergeTree ORDER BY a")
    client.close()


@pytest.fixture(autouse=True)
def empty(gateway: Gateway, table: None) -> None:
    """Give each test an empty table."""
    assert gateway.post("TRUNCATE TABLE d.t").status_code == 200


@pytest.mark.parametrize("compress", ["lz4", "zstd", "gzip", False])
def test_clickhouse_connect_stores_and_reads_every_row(gateway: Gateway, compress: str | bool) -> None:
    client = gateway.client("writer", database="d", compress=compress)
    rows = [[i, "x" * (i % 7), i] for i in range(ROWS)]
    assert client.insert("t", rows, column_names=["a", "b", "p"]).written_rows == ROWS
    assert client.query("SELECT count(), sum(a), uniqExact(a) FROM t").result_rows == [
        (ROWS, ROWS * (ROWS - 1) // 2, ROWS)
    ]
    read = client.query("SELECT a, b, p FROM t ORDER BY a").result_rows
    assert [list(row) for row in read] == rows
    client.close()


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [("gzip", gzip.compress), ("lz4", lz4.frame.compress), ("zstd", zstandard.ZstdCompressor().compress)],
)
def test_a_body_of_many_frames_is_stored_whole(gateway: Gateway, encoding: str, compress: object) -> None:
    assert callable(compress)
    frames = [b"".join(b'{"a":%d}\n' % (k * 1000 + i) for i in range(1000)) for k in range(100)]
    response = httpx.post(
        gateway.url,
        params={"query": "INSERT INTO d.t FORMAT JSONEachRow"},
        content=b"".join(compress(frame) for frame in frames),
        headers={"Content-Encoding": encoding, "X-ClickHouse-User": "root", "X-ClickHouse-Key": "r"},
        timeout=60,
    )
    assert json.loads(response.headers["X-ClickHouse-Summary"])["written_rows"] == "100000"
    assert gateway.post("SELECT uniqExact(a) FROM d.t").text == "100000\n"


def test_a_truncated_body_stores_nothing(gateway: Gateway) -> None:
    body = gzip.compress(b'{"a":1}\n' * 1000)
    response = httpx.post(
        gateway.url,
        params={"query": "INSERT INTO d.t FORMAT JSONEachRow"},
        auth=("root", "r"),
        content=body[:-10],
        headers={"Content-Encoding": "gzip"},
        timeout=60,
    )
    assert (response.status_code, response.headers["X-ClickHouse-Exception-Code"]) == (400, "117")
    assert gateway.post("SELECT count() FROM d.t").text == "0\n"


def test_query_in_url_in_body_and_in_both(gateway: Gateway) -> None:
    assert gateway.post("SELECT 1").text == "1\n"
    assert gateway.post("", content=b"SELECT 2").text == "2\n"
    assert gateway.post("SELECT", content=b"3").text == "3\n"
    assert gateway.post("INSERT INTO d.t (a, b) VALUES", content=b"(1, 'x'), (2, 'y')").status_code == 200
    assert gateway.post("", content=b'INSERT INTO d.t FORMAT CSV\n3,"z",1.5\n').status_code == 200
    assert gateway.post("SELECT * FROM d.t ORDER BY a FORMAT CSV").text == '1,"x",0\n2,"y",0\n3,"z",1.5\n'


def test_database_format_parameters_and_settings(gateway: Gateway) -> None:
    gateway.post("INSERT INTO t (a) VALUES (1)", database="d")
    response = gateway.post(
        "SELECT a, {s:String} AS s, getSetting('max_block_size') AS m FROM t",
        database="d",
        default_format="JSONEachRow",
        param_s="ta\\tb'",
        max_block_size="77",
    )
    assert response.json() == {"a": 1, "s": "ta\tb'", "m": 77}
    assert response.headers["X-ClickHouse-Format"] == "JSONEachRow"
    assert response.headers["Content-Type"].startswith("application/x-ndjson")
    assert gateway.post("SELECT getSetting('max_block_size')").text != "77\n", "settings stay with their request"


def test_clickhouse_connect_parameters_long_and_short(gateway: Gateway) -> None:
    client = gateway.client()
    for size in (10, 100_000):
        assert client.query("SELECT length({s:String})", parameters={"s": "x" * size}).result_rows == [(size,)]
    assert client.command("SELECT 1 WHERE 0") == ""
    assert client.query("SELECT a, b FROM d.t LIMIT 0").column_names == ("a", "b")
    client.close()


@pytest.mark.parametrize(
    ("sql", "status", "code", "name"),
    [
        ("SELECT * FROM d.nope", 404, "60", "UNKNOWN_TABLE"),
        ("SELEC 1", 400, "62", "SYNTAX_ERROR"),
        ("SELECT 1; SELECT 2", 400, "62", "SYNTAX_ERROR"),
        ('INSERT INTO d.t FORMAT JSONEachRow {"a": "x"}', 400, "27", "CANNOT_PARSE_INPUT_ASSERTION_FAILED"),
        ("SELECT throwIf(number = 5) FROM numbers(10)", 500, "395", "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"),
        ("SELECT 1 INTO OUTFILE 'x'", 403, "497", "ACCESS_DENIED"),
        ("", 400, "62", "SYNTAX_ERROR"),
    ],
)
def test_errors_look_like_clickhouse(gateway: Gateway, sql: str, status: int, code: str, name: str) -> None:
    response = gateway.post(sql)
    assert (response.status_code, response.headers["X-ClickHouse-Exception-Code"]) == (status, code)
    assert response.text.startswith(f"Code: {code}. DB::Exception: ")
    assert f"({name})" in response.text


def test_a_failure_in_mid_stream_breaks_the_answer(gateway: Gateway) -> None:
    sql = "SELECT throwIf(number = 3000000), 'xxxxxxxxxxxxxxxx' FROM numbers(4000000)"
    client = gateway.client()
    with pytest.raises(StreamFailureError, match="FUNCTION_THROW_IF"):
        assert client.query(sql, settings={"wait_end_of_query": "0"}).result_rows
    with pytest.raises(DatabaseError, match="FUNCTION_THROW_IF"):  # the client asks to wait for the end by itself
        assert client.query(sql).result_rows
    client.close()
    with pytest.raises(httpx.RemoteProtocolError):
        gateway.post(sql)


def test_credentials_are_needed(gateway: Gateway) -> None:
    for auth in (None, ("root", "wrong"), ("nobody", "")):
        response = httpx.get(gateway.url, params={"query": "SELECT 1"}, auth=auth)
        assert (response.status_code, response.headers["X-ClickHouse-Exception-Code"]) == (403, "516")
    assert httpx.get(gateway.url + "/ping").text == "Ok.\n"
    assert httpx.get(gateway.url + "/replicas_status").text == "Ok.\n"
    assert httpx.get(gateway.url).text == "Ok.\n"


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO d.t (a) VALUES (1)",
        "DROP TABLE d.t",
        "SELECT * FROM file('/etc/hostname', 'LineAsString')",
        "SELECT file('/etc/hostname')",
        "SELECT * FROM d.t SETTINGS readonly = 0",
        "SET readonly = 0",
    ],
)
def test_a_reader_only_reads(gateway: Gateway, sql: str) -> None:
    response = gateway.post(sql, user="reader")
    assert response.headers["X-ClickHouse-Exception-Code"] in ("497", "164")
    assert gateway.post("SELECT count() FROM d.t", user="reader").text == "0\n"
    assert gateway.post("SELECT 1", user="reader", readonly="0").status_code == 403


def test_readers_use_clickhouse_connect_too(gateway: Gateway) -> None:
    client = gateway.client("reader", database="d")
    assert client.query("SELECT count() FROM t").result_rows == [(0,)]
    with pytest.raises(DatabaseError):
        client.insert("t", [[1, "x", 1]], column_names=["a", "b", "p"])
    client.close()


def test_a_writer_changes_no_tables(gateway: Gateway) -> None:
    assert gateway.post("INSERT INTO d.t (a) VALUES (1)", user="writer").status_code == 200
    for sql in ("DROP TABLE d.t", "ALTER TABLE d.t DELETE WHERE 1", "INSERT INTO FUNCTION file('x') VALUES (1)"):
        assert gateway.post(sql, user="writer").headers["X-ClickHouse-Exception-Code"] in ("497", "392")
    assert gateway.post("SELECT count() FROM d.t").text == "1\n"


def test_get_does_not_write(gateway: Gateway) -> None:
    sql = {"query": "INSERT INTO d.t (a) VALUES (1)"}
    # Whoever asks, a GET may do what a reader may.
    assert httpx.get(gateway.url, params=sql, auth=("root", "r")).headers["X-ClickHouse-Exception-Code"] == "497"
    assert gateway.post("SELECT count() FROM d.t").text == "0\n"


def test_memory_does_not_grow_with_a_request(gateway: Gateway) -> None:
    assert gateway.process is not None
    server = psutil.Process(gateway.process.pid)
    both = [server, *server.children()]
    _pass_through(gateway, 10)
    _pass_through(gateway, 100)
    after_100_mb = [process.memory_info().rss for process in both]
    _pass_through(gateway, 300)
    for process, before in zip(both, after_100_mb, strict=True):
        assert process.memory_info().rss - before < 150 << 20


def _pass_through(gateway: Gateway, megabytes: int) -> None:
    """Insert one body and read it back as one result."""
    gateway.post("TRUNCATE TABLE d.t")
    block = b'{"a":1,"b":"%s"}\n' % (b"x" * 1000) * 1000
    auth = ("root", "r")
    sql = {"query": "INSERT INTO d.t FORMAT JSONEachRow"}
    body = (block for _ in range(megabytes))
    assert httpx.post(gateway.url, params=sql, content=body, auth=auth, timeout=120).status_code == 200
    size = 0
    with httpx.stream("POST", gateway.url, params={"query": "SELECT b FROM d.t"}, auth=auth, timeout=120) as answer:
        for chunk in answer.iter_bytes():
            size += len(chunk)
    assert size == megabytes * 1000 * 1001


def test_memory_of_a_query_is_bounded(gateway: Gateway) -> None:
    response = gateway.post("SELECT length(groupArray(repeat('x', 1000))) FROM numbers(3000000)")
    assert response.headers["X-ClickHouse-Exception-Code"] == "241"
    assert gateway.post("SELECT 1").text == "1\n"


@pytest.mark.parametrize("wait", ["0", "1"])
def test_results_of_all_formats_are_streamed(gateway: Gateway, wait: str) -> None:
    assert gateway.process is not None
    server = psutil.Process(gateway.process.pid)
    sql = "SELECT leftPad(toString(number), 1000) AS x FROM numbers(400000)"
    assert len(gateway.post(f"{sql} FORMAT TSV", wait_end_of_query=wait).content) == 400_000 * 1001
    assert len(gateway.post(f"{sql} FORMAT JSON", wait_end_of_query=wait).json()["data"]) == 400_000
    table = pq.read_table(io.BytesIO(gateway.post(f"{sql} FORMAT Parquet", wait_end_of_query=wait).content))
    assert table.num_rows == 400_000
    assert server.memory_info().rss < 250 << 20, "the server holds no result"
