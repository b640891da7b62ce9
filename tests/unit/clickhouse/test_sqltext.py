"""The reader of statements: what it routes, and what must not slip past it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyglot.clickhouse import sqltext


@pytest.mark.parametrize(
    ("sql", "header", "data_format", "data"),
    [
        (b"INSERT INTO t FORMAT JSONEachRow\n{}", b"INSERT INTO t ", "JSONEachRow", b"{}"),
        (b"insert into d.t (a, b) format RowBinary\n\x00\xff;", b"insert into d.t (a, b) ", "RowBinary", b"\x00\xff;"),
        (b"INSERT INTO t VALUES (1, ';')", b"INSERT INTO t ", "Values", b" (1, ';')"),
        (b"INSERT INTO `values` VALUES (1)", b"INSERT INTO `values` ", "Values", b" (1)"),
        (b"INSERT INTO values VALUES (1)", b"INSERT INTO values ", "Values", b" (1)"),
        (b"INSERT INTO d . format (format) FORMAT CSV \r\n1", b"INSERT INTO d . format (format) ", "CSV", b"1"),
        (b"INSERT INTO TABLE t SETTINGS x = 1 FORMAT TSV\n\n1", b"INSERT INTO TABLE t SETTINGS x = 1 ", "TSV", b"\n1"),
        (
            b"/* VALUES */ INSERT -- FORMAT X\nINTO t FORMAT CSV",
            b"/* VALUES */ INSERT -- FORMAT X\nINTO t ",
            "CSV",
            b"",
        ),
    ],
)
def test_finds_where_data_begins(sql: bytes, header: bytes, data_format: str, data: bytes) -> None:
    statement = sqltext.read(sql)
    assert (statement.kind, statement.header, statement.format) == ("insert_data", header, data_format)
    assert sql[statement.data_start :] == data


@given(data=st.binary(max_size=200))
def test_data_is_never_read_as_sql(data: bytes) -> None:
    sql = b"INSERT INTO t (a) FORMAT RowBinary\n" + data
    statement = sqltext.read(sql)
    assert sql[statement.data_start :] == data
    assert not statement.has_more
    assert statement.forbidden is None


@pytest.mark.parametrize(
    ("sql", "kind", "keyword", "output"),
    [
        (b"SELECT 1", "result", "SELECT", None),
        (b"select 1 format JSON", "result", "SELECT", "JSON"),
        (b"SELECT 1 FORMAT Native SETTINGS max_threads = 1;", "result", "SELECT", "Native"),
        (b"SELECT 'FORMAT JSON'", "result", "SELECT", None),
        (b"-- c\n WITH 1 AS x SELECT x", "result", "WITH", None),
        (b"SHOW TABLES", "result", "SHOW", None),
        (b"(SELECT 1)", "result", "(", None),
        (b"CREATE TABLE t (a Int8) ENGINE = Memory", "command", "CREATE", None),
        (b"INSERT INTO t SELECT * FROM s", "insert", "INSERT", None),
        (b"  -- nothing\n", "empty", "", None),
    ],
)
def test_kinds(sql: bytes, kind: str, keyword: str, output: str | None) -> None:
    statement = sqltext.read(sql)
    assert (statement.kind, statement.keyword, statement.format) == (kind, keyword, output)


@pytest.mark.parametrize(
    ("sql", "more"),
    [
        (b"SELECT 1;", False),
        (b"SELECT 1; -- done\n ;", False),
        (b"SELECT ';'", False),
        (b"SELECT $$;$$, `;`, \";\", ';\\';', ';'''", False),
        (b"SELECT 1 /* ; */", False),
        (b"SELECT 1; SELECT 2", True),
        (b"SELECT 1;/**/DROP TABLE t", True),
        (b"SELECT 'a'';'; SELECT 2", True),
        (b"SELECT 1 # ;\n; SELECT 2", True),
    ],
)
def test_second_statements_are_seen(sql: bytes, more: bool) -> None:
    assert sqltext.read(sql).has_more is more


@pytest.mark.parametrize(
    ("sql", "forbidden"),
    [
        (b"SET ROLE admin", "SET"),
        (b"/**/ set readonly = 0", "SET"),
        (b"SELECT 1 INTO/**/OUTFILE 'x'", "INTO OUTFILE"),
        (b"INSERT INTO t FROM INFILE '/etc/passwd' FORMAT CSV", "FROM INFILE"),
        (b"INSERT INTO t SELECT 1 INTO OUTFILE 'x'", "INTO OUTFILE"),
        (b"SELECT 'INTO OUTFILE'", None),
        (b"SELECT setting FROM t", None),
    ],
)
def test_what_reaches_the_hosts_files_is_forbidden(sql: bytes, forbidden: str | None) -> None:
    assert sqltext.read(sql).forbidden == forbidden


@pytest.mark.parametrize(
    ("sql", "called"),
    [
        (b"SELECT * FROM file ('/etc/passwd')", "file"),
        (b"SELECT * FROM FILE/**/('x')", "file"),
        (b"SELECT * FROM `file`('x')", "file"),
        (b"SELECT * FROM \"url\"('x')", "url"),
        (b"INSERT INTO t SELECT * FROM s3('x')", "s3"),
        (b"INSERT INTO FUNCTION file('x') VALUES (1)", "file"),
        (b"INSERT INTO t (a) SELECT x IN (SELECT 1 FROM remote('h'))", "remote"),
    ],
)
def test_called_functions_are_seen(sql: bytes, called: str) -> None:
    assert called in sqltext.read(sql).functions


def test_a_tables_columns_are_no_call() -> None:
    assert sqltext.read(b"INSERT INTO file (a) VALUES (1)").functions == frozenset()
