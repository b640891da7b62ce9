"""Credentials, roles, requests and errors, without a server."""

from __future__ import annotations

import base64

import pytest
from pydantic import SecretStr

from polyglot.clickhouse import protocol, sqltext
from polyglot.clickhouse.errors import ClickHouseError
from polyglot.clickhouse.users import Role, User, authenticate, authorize, credentials

USERS = {"ann": User(password=SecretStr("pä"), role="writer")}
DENIED = frozenset({"file", "url"})


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({"x-clickhouse-user": "ann", "x-clickhouse-key": "pä"}, {}),
        ({"authorization": basic("ann:pä")}, {}),
        ({}, {"user": "ann", "password": "pä"}),
    ],
)
def test_three_ways_to_say_who_one_is(headers: dict[str, str], query: dict[str, str]) -> None:
    assert authenticate(USERS, *credentials(headers, query)) == "writer"


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({}, {}),
        ({"authorization": "Bearer x"}, {}),
        ({"authorization": "Basic !"}, {}),
        ({"authorization": basic("ann:pä")}, {"user": "ann"}),
    ],
)
def test_no_or_unclear_credentials(headers: dict[str, str], query: dict[str, str]) -> None:
    with pytest.raises(ClickHouseError) as error:
        credentials(headers, query)
    assert (error.value.code, error.value.status) == (516, 403)


@pytest.mark.parametrize(("name", "password"), [("ann", "no"), ("ann", ""), ("bob", ""), ("bob", "pä")])
def test_wrong_user_and_wrong_password_look_alike(name: str, password: str) -> None:
    with pytest.raises(ClickHouseError, match=f"{name}: Authentication failed: password is incorrect, or"):
        authenticate(USERS, name, password)


@pytest.mark.parametrize(
    ("role", "sql", "allowed"),
    [
        ("reader", b"SELECT 1", True),
        ("reader", b"INSERT INTO t VALUES (1)", False),
        ("reader", b"KILL QUERY WHERE 1", False),
        ("reader", b"SELECT * FROM file('x')", False),
        ("writer", b"INSERT INTO t VALUES (1)", True),
        ("writer", b"INSERT INTO t SELECT * FROM url('x')", False),
        ("writer", b"DROP TABLE t", False),
        ("writer", b"OPTIMIZE TABLE t", False),
        ("admin", b"DROP TABLE t", True),
        ("admin", b"SELECT * FROM file('x')", True),
        ("admin", b"SET ROLE x", False),
        ("admin", b"SELECT 1 INTO OUTFILE 'x'", False),
        ("admin", b"SELECT 1; SELECT 2", False),
    ],
)
def test_what_a_role_may_do(role: Role, sql: bytes, allowed: bool) -> None:
    statement = sqltext.read(sql)
    if allowed:
        authorize(role, statement, DENIED)
        return
    with pytest.raises(ClickHouseError) as error:
        authorize(role, statement, DENIED)
    assert error.value.code in (62, 497)


def test_a_request_is_split_into_settings_parameters_and_the_rest() -> None:
    asked = protocol.parse(
        {"query": "SELECT 1", "param_a": "x", "max_threads": "2", "session_id": "s", "default_format": "JSON"},
        {"x-clickhouse-database": "d"},
    )
    assert (asked.settings, asked.params, asked.output, asked.database) == (
        {"max_threads": "2"},
        {"a": "x"},
        "JSON",
        "d",
    )


@pytest.mark.parametrize("query", [{"role": "admin"}, {"compress": "1"}, {"decompress": "1"}])
def test_what_is_not_supported_is_refused_not_ignored(query: dict[str, str]) -> None:
    with pytest.raises(ClickHouseError):
        protocol.parse(query, {})


def test_a_form_carries_query_and_parameters() -> None:
    body = (
        b'--b\r\nContent-Disposition: form-data; name="query"\r\n\r\nSELECT {a:String}\r\n'
        b'--b\r\nContent-Disposition: form-data; name="param_a"\r\n\r\n\xc3\xa4;\r\n--b--\r\n'
    )
    asked = protocol.Asked()
    protocol.add_form(asked, "multipart/form-data; boundary=b", body)
    assert (asked.query, asked.params) == ("SELECT {a:String}", {"a": "ä;"})


@pytest.mark.parametrize(
    ("raised", "code", "text"),
    [
        (
            "Code: 60. DB::Exception: Unknown table. (UNKNOWN_TABLE)",
            60,
            "Code: 60. DB::Exception: Unknown table. (UNKNOWN_TABLE)",
        ),
        ("Streaming query failed: Code: 395. DB::Exception: x", 395, "Code: 395. DB::Exception: x"),
        ("Code: 164. DB::Exception: Code: 164. DB::Exception: y", 164, "Code: 164. DB::Exception: y"),
        ("gone", 1002, "Code: 1002. DB::Exception: gone (UNKNOWN_EXCEPTION)"),
    ],
)
def test_engine_errors_lose_their_wrappers(raised: str, code: int, text: str) -> None:
    error = ClickHouseError.from_engine(RuntimeError(raised))
    assert (error.code, str(error)) == (code, text)
