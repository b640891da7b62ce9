"""A kept reading is the engine's own, and rows that pass for literals are literals to the engine."""

from __future__ import annotations

import re
import time
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from devstack.gateway.errors import ClickHouseError
from devstack.gateway.readings import Readings
from devstack.gateway.values import EXPRESSIONS, LITERALS, are_literals
from sql import clickhouse_text as text

from .conftest import EngineError


class Reader:
    """Asks the engine, and notes for what."""

    def __init__(self, engine):
        self._engine = engine
        self.asked = []

    def __call__(self, sql):
        self.asked.append(sql)
        try:
            return self._engine.canonical(sql)
        except EngineError as error:
            raise ClickHouseError.from_engine(error) from error


@pytest.fixture
def read(engine):
    return Reader(engine)


STATEMENTS = (
    "SELECT {n}, {s}",
    "SELECT a, {s} AS b FROM t WHERE c = {n} AND d IN ({n}, {n}) OR e LIKE {s} LIMIT {n} OFFSET {n}",
    "SELECT -{n}, - {n}, {n} - -{n}, a.{n}, a[{n}], ({n}, {s}), [{n}, {n}], {n}.5, {n}e2, a{n}, {n}::Int8, {s}::Date",
    "SELECT date {s}, interval {n} day, CAST({s} AS Decimal({n}, {n})), {s} BETWEEN {s} AND {s}",
    "SELECT f({n})(x, {s}), x -> {n}, CASE WHEN a = {n} THEN {s} ELSE {s} END, if({n}, {n}, {n}), {n} + {n} * {n}",
    "SELECT 'it''s', {s}, 'a,b', {n}, ',' AS x, {s} FROM t SETTINGS max_threads = {n}, log_comment = {s} FORMAT JSON",
    "select {s} as a, 'x=' as b from t where c like {s} and d = ';' or e = {s}",
    "INSERT INTO t (a, b) SELECT {n}, {s} FROM numbers({n})",
    "CREATE TABLE t (a FixedString({n}), b Enum8({s} = {n}), c DateTime64({n}, {s}) DEFAULT {s} CODEC(ZSTD({n}))) "
    "ENGINE = MergeTree ORDER BY a SETTINGS index_granularity = {n}",
    "ALTER TABLE t DELETE WHERE a = {n} AND b = {s}, UPDATE c = {s} WHERE d = {n}",
    "KILL QUERY WHERE query_id = {s}",
    "SET max_threads = {n}, log_comment = {s}",
    'SELECT `{n}`, "{n}", {s} -- {n}\n, /* {s} */ {n}',
    "SELECT '{n}', '-- {n}', '/*', {s}, '*/', {{x:UInt8}}, $a${n}$a$",
    "SELECT * FROM d.t{n} WHERE x = 0{n} AND y = {n}_0 AND z = 0x{n} AND {s} = x'41'",
)  # fmt: skip
numbers = st.one_of(st.integers(0, 10**18 - 1), st.sampled_from([0, 1, 7, 10, 70000000000007, 10**18, 2**64])).map(str)
strings = st.one_of(
    st.text("abzAZ019 :._@/+-", max_size=8),
    st.sampled_from(["", "1", "2020-01-01", "--", "z70000000000007z", "a/b", "é,"]),
).map(lambda one: f"'{one}'")


@st.composite
def pairs(draw):
    """Draw two statements of one shape."""
    shape = draw(st.sampled_from(STATEMENTS)).replace("{{", "\x00").replace("}}", "\x01")

    def fill():
        filled = re.sub(r"\{n\}", lambda _: draw(numbers), shape)
        filled = re.sub(r"\{s\}", lambda _: draw(strings), filled)
        return filled.replace("\x00", "{").replace("\x01", "}").encode()

    return fill(), fill()


def reading(canonical, sql):
    """Return how a text is read; nothing, if it is not."""
    try:
        return canonical(sql)
    except (ClickHouseError, EngineError):
        return None


@given(pair=pairs())
@example(pair=(b"SELECT 7, 'a'", b"SELECT 007, 'a'"))
@example(pair=(b"SELECT 00, 1", b"SELECT 0, 1"))
@example(pair=(b"SELECT -9223372036854775808", b"SELECT -9223372036854775809"))
@example(pair=(b"SELECT 1 - 5", b"SELECT 1 - 99999999999999999999"))
def test_what_is_kept_is_what_the_engine_reads(engine, pair):
    kept, read = Readings(), Reader(engine)
    for sql in (*pair, *pair):
        said, true = reading(lambda sql: kept.canonical(sql, read), sql), reading(engine.canonical, sql)
        # -0 is kept as it came, where the engine writes 0: it is read the same.
        assert said == true or (said is not None and engine.canonical(said) == true), sql


def test_the_engine_is_asked_once_for_a_text_and_once_for_a_shape(read):
    kept = Readings()
    sql = b"SELECT a FROM t WHERE b = 'x' AND c = %d"
    for number in range(5):
        assert kept.canonical(sql % number, read) == b"SELECT a FROM t WHERE (b = 'x') AND (c = %d)" % number
    assert len(read.asked) == 1
    for _ in range(2):
        kept.canonical(b"SELECT  a", read)
    assert len(read.asked) == 2


def test_errors_are_not_kept(read):
    kept = Readings()
    for count in (1, 2):
        with pytest.raises(ClickHouseError):
            kept.canonical(b"SELECT (", read)
        assert len(read.asked) == count


@pytest.mark.parametrize(
    "sql",
    [
        b"SELECT 'a,' AS b FROM t WHERE c LIKE 'd'",
        b"SELECT 'a,''d', 'b'",
        b"SELECT 1 = 1, a AND 2",
        b"SELECT interval '1 day', 5",
        b"SELECT 'a\\'b', 1",
        b"SELECT `1`, 1",
        b"SELECT 5 BETWEEN 1 AND 2",
    ],
)
def test_texts_whose_shape_is_no_shape(engine, read, sql):
    kept = Readings()
    for _ in range(2):
        assert kept.canonical(sql, read) == engine.canonical(sql)


def test_what_is_kept_is_bounded(read, monkeypatch):
    monkeypatch.setattr("devstack.gateway.readings._MOST", 4)
    kept = Readings()
    for number in range(20):
        kept.canonical(b"SELECT a%d" % number, read)
        kept.canonical(b"SELECT b%d, 1" % number, read)
    assert len(kept._texts) <= 4
    assert len(kept._shapes) <= 4
    long = b"SELECT " + b"a" * 5000
    kept.canonical(long, read)
    assert long not in kept._texts


@pytest.mark.parametrize(
    "rows",
    [
        b"", b"(1)", b"(1, 'a'), (-2, 'b''c\\'\\n\\\\')", b"(NULL, true, FALSE, nan, -inf, 1.5, -0.5)", b"(1)(2);",
        b"([1, 2], {'a': 'b'}, (1, 'x'))", b" ('now()', '2020-01-01') ,\n('-- ; file(1)')\n", b"(1e5, 1E-5)",
    ],
)  # fmt: skip
def test_literals(rows):
    assert are_literals(rows)


@pytest.mark.parametrize(
    "rows",
    [
        b"(now())", b"(1, file('x'))", b"('a' || 'b')", b"(1 + 1)", b"(1 - 1)", b"(1-1)", b"('a'-1)", b"(a)", b"(`a`)",
        b'("a")', b"($$a$$)", b"(x'41')", b"(/* */ 1)", b"(1 -- \n)", b"(nullif(1, 2))",
        b"(1e)", b"(DEFAULT)", b"(@@x)", b"(\xc2\xa01)", b"(1*2)", b"('a' 'b')x",
        b"('a", b"('\\x41')", b"('\\x',', f(), '1')", b"('\\u0041')", b"('a\\')",
    ],
)  # fmt: skip
def test_what_may_be_more_than_literals(rows):
    assert not are_literals(rows)


def least_time(rows):
    times = []
    for _ in range(5):
        start = time.process_time()
        are_literals(rows)
        times.append(time.process_time() - start)
    return min(times)


@pytest.mark.parametrize(
    "unit", [b"\\'", b"''\\'", b"''", b"'", b"\\", b"\\x", b"'\\x", b"('", b"1", b"- ", b"(", b"'a'", b"e", b"-"]
)
def test_rows_are_looked_at_once(unit):
    # Eight times the rows may take eight times as long: 64 times would be one look at the rest from every place.
    assert least_time(b"('" + unit * 4_000) < 30 * max(least_time(b"('" + unit * 500), 2e-5)


#: Where a string ends is what readers of Values and of SQL may see differently.
PIECES = (
    b"'", b"''", b"\\", b"\\x", b"\\x4", b"\\'", b"\\\\", b"\\N", b"\\u", b"\\0", b",", b", ", b"(", b")", b"),(", b"1",
    b"-1", b"a", b"'b'", b"$$", b"--", b"\n", b"/*", b"*/", b"#", b" ", b"version()", b"version()", b"NULL", b"[", b"]",
    b"{", b"}", b":", b";",
)  # fmt: skip


@pytest.fixture(scope="module")
def table(engine):
    engine.run("CREATE TABLE strings (a String, b String, c String) ENGINE = Memory")
    return engine


@given(pieces=st.lists(st.sampled_from(PIECES), min_size=1, max_size=14))
@example(pieces=[b"'a', version(), 'c'"])
@example(pieces=[b"'\\x',', version(), '1'"])
@example(pieces=[b"'\\x4',', version(), '1'"])
def test_no_literal_makes_the_engine_compute(table, pieces):
    rows = b"(" + b"".join(pieces) + b")"
    if b"version" not in rows or not are_literals(rows):
        return
    switched = ", ".join(f"{name} = {value}" for name, value in EXPRESSIONS.items())
    with suppress(EngineError):
        table.run(f"INSERT INTO strings SETTINGS {switched} VALUES ".encode() + rows)
    version = table.run("SELECT version()").strip()
    stored = table.run("SELECT * FROM strings")
    table.run("TRUNCATE TABLE strings")
    assert version not in stored, rows


def test_rows_are_literals_unless_it_is_said(engine):
    switched = ", ".join(f"{name} = {value}" for name, value in LITERALS.items())
    engine.run("CREATE TABLE one (a String) ENGINE = Memory")
    with pytest.raises(EngineError, match="expressions is disabled"):
        engine.run(f"INSERT INTO one SETTINGS {switched} VALUES (version())")
    switched = ", ".join(f"{name} = {value}" for name, value in EXPRESSIONS.items())
    engine.run(f"INSERT INTO one SETTINGS {switched} VALUES (version())")
    assert engine.run("SELECT a = version() FROM one") == b"1\n"


#: Tokens that lexers may cut at other places.
TOKENS = (
    b" ", b"\n", b"\t", b"\x0b", b"\r", b"--", b"-", b"# ", b"#!", b"#", b"/*", b"*/", b"/", b"//", b"*", b"'",
    b"''", b"'a'", b'"', b"`", b"`b`", b"\\", b"\\'", b"$$", b"$t$", b"$", b"1", b"a", b",", b"(", b")", b"1+", b"-1",
    b"x'41'", b"@", b"@@", b"!", b"?", b":", b"::Int8", b"[", b"]", b"1e", b"1_0", b"|", b"||", b"=", b"^", b"%",
    b"&", b"~", b".",
)  # fmt: skip


@given(
    pieces=st.lists(st.sampled_from(TOKENS), max_size=10), end=st.sampled_from([b"", b", 2", b"\n+ 1", b"*/ + 1", b"'"])
)
@example(pieces=[b"//'"], end=b"\n+ 1")
@example(pieces=[b"#!'"], end=b"\n+ 1")
def test_the_lexer_sees_the_comments_that_the_engine_sees(engine, pieces, end):
    sql = b"SELECT 1" + b"".join(pieces) + end
    with suppress(EngineError, text.TextError):
        text.check_plain(sql)
        canonical = engine.canonical(sql)
        bare, place = b"", 0
        for token in text.tokens(sql):
            bare += (b" " if token.start > place else b"") + sql[token.start : token.end]
            place = token.end
        assert engine.canonical(bare) == canonical
