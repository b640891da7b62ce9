"""What each role may run, judged on the pinned engine's own reading of a text: by kind, by name, by setting."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.gateway.bounds import settings_policy
from devstack.gateway.errors import ClickHouseError
from devstack.gateway.limits import EngineLimits
from devstack.gateway.policy import Policy, Verdict
from sql.clickhouse_text import TextError, check_plain

from .conftest import Engine, EngineError
from .statements import ADMIN, NOBODY, READER, UNSUPPORTED, WRITER

ROLES = ("reader", "writer", "admin")


@dataclass
class Judge:
    """Reads and judges as the gateway does; a denial is its error code."""

    engine: Engine
    policy: Policy

    def __call__(self, role: str, sql: str | bytes) -> Verdict | int:
        check_plain(sql.encode() if isinstance(sql, str) else sql)
        try:
            return self.policy.judge(role, self.engine.canonical(sql))
        except ClickHouseError as error:
            return error.code


@pytest.fixture(scope="module")
def judge(engine):
    return Judge(engine, Policy(settings_policy(EngineLimits())))


@pytest.mark.parametrize(
    ("least", "sql"),
    [(role, sql) for role, all_ in zip(ROLES, (READER, WRITER, ADMIN), strict=True) for sql in all_],
)
def test_a_role_may_run_what_is_its_own_and_of_the_roles_before_it(judge, least, sql):
    said = [judge(role, sql) for role in ROLES]
    first = ROLES.index(least)
    assert said[:first] == [497] * first
    assert all(isinstance(one, Verdict) for one in said[first:]), said


@pytest.mark.parametrize("sql", NOBODY)
def test_nobody_may(judge, sql):
    assert [judge(role, sql) for role in ROLES] == [497] * 3


@pytest.mark.parametrize("sql", UNSUPPORTED)
def test_what_chdb_cannot_do_is_said(judge, sql):
    assert [judge(role, sql) for role in ROLES] == [48] * 3


@pytest.mark.parametrize(
    "sql", ["SELECT 1; SELECT 2", "t", "SELECT 1;DROP TABLE t", "SET a = 1; SET b = 2", "1 + 1", "VALUES (1)"]
)
def test_the_engine_reads_one_statement(judge, sql):
    with pytest.raises(EngineError, match="Syntax error"):
        judge("admin", sql)


@pytest.mark.parametrize("canonical", [b"", b" ", b"/* nothing */"])
def test_nothing_is_an_error_of_syntax(judge, canonical):
    with pytest.raises(ClickHouseError, match="Empty query") as error:
        judge.policy.judge("admin", canonical)
    assert error.value.code == 62


@pytest.mark.parametrize(
    "canonical",
    [
        b"SELECT * FROM remote ('x')",
        b"SELECT 1 -- x",
        b"/* x */ SELECT 1",
        b"SELECT 1\n",
        b"SELECT\t1",
        b"SELECT {x:Array(/* ' */String)}",
        b"SELECT 1 SETTINGS",
        b"SELECT 1 SETTINGS (",
        b"SELECT 1 SETTINGS 'limit' = 1",
        b"SELECT 1 SETTINGS limit =",
        b"SELECT 1 SETTINGS limit = -",
        b"SELECT 1 SETTINGS limit = , final",
        b"SELECT 1 SETTINGS limit = (1",
        b"SELECT 1 SETTINGS limit = f(1",
        b"SELECT 1 SETTINGS limit = 1 = 2, readonly = 0",
        b"SELECT 1 SETTINGS limit = 1 - 2, readonly = 0",
        b"SELECT 1 SETTINGS limit = 1,",
    ],
)
def test_what_the_engine_does_not_write_is_refused(judge, canonical):
    with pytest.raises(ClickHouseError) as error:
        judge.policy.judge("admin", canonical)
    assert error.value.code == 497


@pytest.mark.parametrize("sql", [*READER, *WRITER, *ADMIN])
def test_what_the_engine_writes_it_reads_the_same(engine, sql):
    canonical = engine.canonical(sql)
    assert engine.canonical(canonical) == canonical
    check_plain(canonical)


@pytest.mark.parametrize("sql", [sql for sql in READER if not sql.startswith(("USE", "SET", "KILL", "CREATE", "DROP"))])
@pytest.mark.parametrize("ending", ["", " FORMAT JSON", " FORMAT Null", " SETTINGS max_threads = 1 FORMAT JSON"])
def test_an_outfile_fits_where_the_verdict_says(judge, engine, sql, ending):
    if "FORMAT" in sql or ("SETTINGS" in ending and not sql.startswith(("SELECT", "WITH"))):
        ending = ""
    verdict = judge("reader", sql + ending)
    canonical = engine.canonical(sql + ending)
    head, tail = canonical[: verdict.outfile_at].rstrip(), canonical[verdict.outfile_at :]
    spliced = head + b" INTO OUTFILE '/fifo' TRUNCATE " + (tail or b"FORMAT CSV")
    assert engine.canonical(spliced).replace(b" INTO OUTFILE '/fifo' TRUNCATE", b"") == (
        canonical if tail else head + b" FORMAT CSV"
    )
    assert verdict.result


@pytest.mark.parametrize(
    ("sql", "name"),
    [
        ("SELECT 1", None),
        ("SELECT 1 format json", "json"),
        ("SELECT 1 FORMAT Null", "Null"),
        ("SELECT 1 FORMAT JSON SETTINGS max_threads = 1", "JSON"),
        ("SELECT 1 SETTINGS max_threads = 1 FORMAT JSON", "JSON"),
        ("SELECT 1 SETTINGS log_comment = 'FORMAT CSV'", None),
        ("SELECT 'FORMAT JSON'", None),
        ("SELECT (SELECT 1) FORMAT CSV", "CSV"),
        ("SELECT format FROM t", None),
        ("SELECT 1 AS format", None),
        ("SELECT 1 AS format ORDER BY format", None),
        ("SELECT format x FROM t AS format FINAL", None),
        ("SELECT `FORMAT` FROM t FORMAT TSV", "TSV"),
        ("INSERT INTO t VALUES", "Values"),
        ("INSERT INTO t (format) SETTINGS async_insert = 1 FORMAT CSV", "CSV"),
        ("SHOW TABLES FORMAT JSON", "JSON"),
    ],
)
def test_the_format_that_a_statement_names(judge, sql, name):
    verdict = judge("writer", sql)
    assert verdict.format == name


@pytest.mark.parametrize(
    ("sql", "keyword", "result", "temporary"),
    [
        ("SELECT 1", "SELECT", True, False),
        ("(SELECT 1 UNION ALL SELECT 2) EXCEPT SELECT 3", "(", True, False),
        ("WITH 1 AS x SELECT x", "WITH", True, False),
        ("SHOW TABLES", "SHOW", True, False),
        ("DESC t", "DESCRIBE", True, False),
        ("EXISTS t", "EXISTS", True, False),
        ("EXPLAIN SELECT 1", "EXPLAIN", True, False),
        ("CHECK TABLE t", "CHECK", True, False),
        ("USE d", "USE", False, False),
        ("SET max_threads = 1", "SET", False, False),
        ("INSERT INTO t SELECT 1", "INSERT", False, False),
        ("CREATE TABLE temporary (a UInt8) ENGINE = Memory", "CREATE", False, False),
        ("CREATE TEMPORARY TABLE t (a UInt8)", "CREATE", False, True),
        ("CREATE OR REPLACE TEMPORARY TABLE t (a UInt8)", "CREATE", False, True),
        ("DROP TEMPORARY TABLE t", "DROP", False, True),
    ],
)
def test_what_a_verdict_says_of_a_statement(judge, sql, keyword, result, temporary):
    verdict = judge("admin", sql)
    assert (verdict.keyword, verdict.result, verdict.temporary) == (keyword, result, temporary)


@pytest.mark.parametrize(
    ("sql", "settings"),
    [
        ("SET max_threads = 1, log_comment = 'it''s'", {"max_threads": "1", "log_comment": r"'it\'s'"}),
        ("SET final", {"final": "1"}),
        ("SET limit = -1, final = true", {"limit": "-1", "final": "TRUE"}),
        ("SELECT 1 SETTINGS max_threads = 1", {"max_threads": "1"}),
        (
            "SELECT * FROM (SELECT 1 SETTINGS max_threads = 2) SETTINGS limit = 1",
            {"max_threads": "2", "limit": "1"},
        ),
        ("SELECT 1", {}),
    ],
)
def test_the_settings_that_a_statement_names(judge, sql, settings):
    assert judge("reader", sql).settings == settings


@pytest.mark.parametrize("role", ROLES)
def test_limits_are_those_of_the_role(judge, role):
    most = getattr(EngineLimits().roles, role).max_execution_s
    assert isinstance(judge(role, f"SELECT 1 SETTINGS max_execution_time = {most}"), Verdict)
    assert judge(role, f"SELECT 1 SETTINGS max_execution_time = {most + 1}") == 497


def test_a_column_called_like_a_refused_function_needs_its_table(judge):
    # Without a column of that name the engine would take it for the function.
    assert judge("reader", "SELECT file FROM t") == 497
    assert isinstance(judge("reader", "SELECT t.file, t.tcpPort AS file FROM t"), Verdict)


def test_small_numbers_hide_nothing(judge):
    for value in ("1e-10", "-1e-10", "1e-300"):
        assert judge("admin", f"SELECT 1 SETTINGS limit = {value}, readonly = 0") == 497


def test_what_is_shown_sets_nothing(judge):
    for sql in ("SHOW TABLES SETTINGS readonly = 0", "SHOW SETTINGS LIKE 'x' SETTINGS readonly = 0"):
        assert judge("admin", sql) == 497


def test_functions_defined_in_sql_may_be_called_by_all(judge):
    policy = Policy(settings_policy(EngineLimits()))
    ours = Judge(judge.engine, policy)
    assert ours("reader", "SELECT twice(number) FROM numbers(1)") == 497
    policy.defined = frozenset({"twice"})
    assert isinstance(ours("reader", "SELECT Twice(number) FROM numbers(1)"), Verdict)


@pytest.mark.parametrize("name", ["url", "remote", "s3", "python", "executable", "loop", "merge"])
def test_a_function_defined_in_sql_opens_no_table_function_of_its_name(judge, name):
    policy = Policy(settings_policy(EngineLimits()))
    policy.defined = frozenset({name})
    assert Judge(judge.engine, policy)("reader", f"SELECT * FROM {name}('x', 'y')") == 497


#: Ways to write a call. Some are no SQL at all, some are refused before the engine reads them, the rest is judged.
NAMES = st.sampled_from(["file", "url", "s3", "remote", "executable", "merge", "mysql", "python", "cluster"])
BLANKS = st.sampled_from([" ", "\n", "\t", "/**/", "/* ( */", "-- (\n", "# x\n", "\x0c", "\u00a0", "\u2003", "//\n"])
PLACES = st.sampled_from(
    [
        "SELECT * FROM {}('x', 'y')", "SELECT {}('x')", "SELECT 1 IN (SELECT * FROM {}('x'))", "DESC {}('x')",
        "INSERT INTO FUNCTION {}('x') SELECT 1", "INSERT INTO t SELECT * FROM {}('x')", "SELECT `\\``, {}('x')",
        "SELECT * FROM a JOIN {}('x') AS b USING (c)", "SELECT arrayMap(x -> {}(x), [1])", "SELECT 'a\\'', {}('x')",
        "SELECT * FROM view(SELECT * FROM {}('x'))", "WITH y AS (SELECT * FROM {}('x')) SELECT * FROM y",
        "CREATE TEMPORARY TABLE t AS {}('x')", "SELECT 'a''', {}('x')", "SELECT 'a\\\\', {}('x')", "SELECT - -{}('x')",
        "SELECT $a$'$a$, {}('x')", "SELECT \"'\", {}('x')", "SELECT 1 --{}\n, {}('x')", "SELECT {x:String}, {}('x')",
    ]
)  # fmt: skip


@st.composite
def spelled(draw):
    name = "".join(draw(st.sampled_from([letter, letter.upper(), letter])) for letter in draw(NAMES))
    at = draw(st.integers(0, len(name) - 1))
    escape = draw(st.sampled_from(["{}", "{}", "\\x{:02x}", "\\{}"]))
    quote = draw(st.sampled_from(["", "", "`", '"']))
    letter = escape.format(ord(name[at])) if "x" in escape else escape.format(name[at])
    return f"{quote}{name[:at]}{letter}{name[at + 1 :]}{quote}" + "".join(draw(st.lists(BLANKS, max_size=3)))


@given(place=PLACES, call=spelled())
def test_no_spelling_of_a_reaching_name_is_allowed(judge, place, call):
    sql = place.replace("{}", call)
    for role in ("reader", "writer"):
        with suppress(TextError, EngineError):
            assert judge(role, sql) == 497, sql
