"""The reader of ClickHouse texts: where rows begin, where statements end, and that it reads every byte once."""

from __future__ import annotations

import itertools
import re
import re._parser as sre

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sql import clickhouse_text as text
from sql.clickhouse_text import TextError

#: Pieces of which texts are made here: closed and open literals, comments, names, escapes and what looks like them.
PIECES = (
    b"SELECT", b"values", b"FORMAT", b" ", b"\n", b"\t", b"'", b'"', b"`", b"\\", b"''", b"``", b"'a'", b"`b`", b'"c"',
    b"$", b"$$", b"$t$", b"--", b"-", b"# ", b"#!", b"#", b"/*", b"*/", b"/", b"//", b"*", b"(", b")", b";", b",", b".",
    b"1", b"1e5", b"0x1f", b"a", b"_", b"\xc2\xa0", b"\xe2\x80\x98", b"\xff", b"\x00", b"\x0b", b"{", b"}",
)  # fmt: skip
texts = st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join)


def split(sql):
    """Return the spans of all tokens, blanks and comments, as the lexer finds them one after another."""
    spans, place = [], 0
    while match := text._TOKEN.match(sql, place):
        spans.append(match.span())
        place = match.end()
    return spans


@pytest.mark.parametrize(
    ("header", "clause", "data", "data_format"),
    [
        (b"INSERT INTO t ", b"FORMAT JSONEachRow\n", b"{}", "JSONEachRow"),
        (b"insert into d.t (a, b) ", b"format RowBinary\n", b"\x00\xff;", "RowBinary"),
        (b"INSERT INTO t ", b"VALUES", b" (1, ';')", "Values"),
        (b"INSERT INTO t ", b"FORMAT Values ", b"(1)", "Values"),
        (b"INSERT INTO format ", b"FORMAT CSV\n", b"1", "CSV"),
        (b"INSERT INTO d.format ", b"FORMAT Values ", b"(1)", "Values"),
        (b"INSERT INTO format ", b"VALUES", b" (1)", "Values"),
        (b"INSERT INTO `format` (format) ", b"FORMAT CSV ", b"1", "CSV"),
        (b"INSERT INTO `values` ", b"VALUES", b" (1)", "Values"),
        (b"INSERT INTO values ", b"VALUES", b" (1)", "Values"),
        (b"INSERT INTO d.values (values) ", b"VALUES", b" (1)", "Values"),
        (b"INSERT INTO select ", b"VALUES", b" (1)", "Values"),
        (b"INSERT INTO d . format (format) ", b"FORMAT CSV \r\n", b"1", "CSV"),
        (b"INSERT INTO TABLE t SETTINGS x = 1 ", b"FORMAT TSV\n", b"\n1", "TSV"),
        (b"INSERT INTO t SETTINGS s = 'FORMAT X' ", b"VALUES", b"(1)", "Values"),
        (b"INSERT INTO FUNCTION f('x', (SELECT 1)) ", b"VALUES", b" (1)", "Values"),
        (b"INSERT INTO t (* EXCEPT(a)) ", b"VALUES", b" (1)", "Values"),
        (b"INSERT t ", b"VALUES", b" (1)", "Values"),
        (b"WITH 1 AS x INSERT INTO t ", b"VALUES", b" (1)", "Values"),
        (b"WITH (SELECT 1) AS x, y AS (SELECT 2) INSERT INTO format (a) ", b"FORMAT CSV\n", b"1", "CSV"),
        (b"WITH [1] AS select, {'a':1} AS insert INSERT INTO t ", b"VALUES", b"(1)", "Values"),
        (b"/* VALUES */ INSERT -- FORMAT X\nINTO t ", b"FORMAT CSV", b"", "CSV"),
    ],
)
def test_finds_where_rows_begin(header, clause, data, data_format):
    rows = text.find_rows(header + clause + data)
    assert rows == text.Rows(header, data_format, len(header + clause))


@pytest.mark.parametrize(
    "sql",
    [
        b"",
        b"  -- nothing\n",
        b"SELECT 1 FORMAT CSV",
        b"`INSERT` INTO t VALUES (1)",
        b"INSERT INTO t SELECT 1 FORMAT CSV\n1",
        b"INSERT INTO t (a) WITH x AS (SELECT 1) SELECT * FROM x FORMAT CSV",
        b"INSERT INTO t FROM INFILE '/etc/passwd' FORMAT CSV",
        b"WITH 1 AS x INSERT INTO t SELECT x FORMAT CSV",
        b"WITH 1 AS x SELECT x FORMAT CSV",
        b"WITH x AS (INSERT INTO t VALUES (1)",
        b"INSERT INTO t (VALUES, FORMAT CSV",
        b"INSERT INTO t 'VALUES' \"FORMAT\" CSV",
        b"CREATE TABLE t (a Int8)",
    ],
)
def test_what_has_no_rows_of_its_own(sql):
    assert text.find_rows(sql) is None


@given(data=st.binary(max_size=200))
def test_data_is_never_read_as_sql(data):
    for head in (b"INSERT INTO t (a) FORMAT RowBinary\n", b"INSERT INTO t (a) VALUES"):
        rows = text.find_rows(head + data)
        if rows is not None and rows.format != "Values":
            assert (head + data)[rows.start :] == data
        elif not data[:1].isalnum() and data[:1] not in (b"_", b"$"):
            assert rows is not None
            assert (head + data)[rows.start :] == data


HEADS = (
    b'INSERT INTO d.t (a, `b``VALUES`, "c") FORMAT CSV \r\n',
    b"/* FORMAT X */ insert -- VALUES\n into FUNCTION f('FORMAT', (1, 2)) SETTINGS a = 'it''s', b = 'x\\'y' VALUES ",
    b"INSERT INTO TABLE values # VALUES\n SETTINGS a = 1, b = {'VALUES':'FORMAT'} FORMAT JSONEachRow\n",
)


@pytest.mark.parametrize("head", HEADS)
@given(data=st.binary(max_size=40), cut=st.floats(0, 1))
@example(data=b"", cut=1)
@example(data=b"\n", cut=0.999)
def test_a_cut_text_has_the_same_rows_or_asks_for_more(head, data, cut):
    sql = head + data
    whole = text.find_rows(sql)
    for size in {int(cut * len(sql)), *range(len(head) - 14, len(head) + 2)}:
        found = text.find_rows(sql[:size])
        # Rows that begin at the end of what is there are looked for again with more of the text.
        assert found is None or found.start >= size or found == whole, size


@given(head=st.sampled_from(HEADS), cut=st.floats(0, 1))
def test_nothing_is_found_before_the_rows(head, cut):
    whole = text.find_rows(head)
    assert whole is not None
    size = int(cut * len(whole.header))
    assert text.find_rows(head[:size]) is None


@pytest.mark.parametrize(
    ("sql", "word"),
    [
        (b"SELECT 1", "SELECT"),
        (b"-- c\n with 1 AS x SELECT x", "WITH"),
        (b"/* SELECT */#!sh\n# x\nshow TABLES", "SHOW"),
        (b"(SELECT 1)", "("),
        (b"`insert` INTO t", "insert"),
        (b"  -- nothing\n", ""),
        (b"/* open", ""),
        (b"", ""),
    ],
)
def test_first_word(sql, word):
    assert text.first_word(sql) == word


MARKS_IN_LITERALS = b"""SELECT $$;$$, $a$ $$; $a$, `;`, ";", ';\\';', ';'''"""


@pytest.mark.parametrize(
    ("sql", "parts"),
    [
        (b"SELECT 1;", [b"SELECT 1"]),
        (b"SELECT 1; -- done\n ;", [b"SELECT 1"]),
        (b"SELECT ';'", [b"SELECT ';'"]),
        (MARKS_IN_LITERALS, [MARKS_IN_LITERALS]),
        (b"SELECT 1 /* ; */", [b"SELECT 1 /* ; */"]),
        (b"SELECT 1; SELECT 2", [b"SELECT 1", b"SELECT 2"]),
        (b"SELECT 1;/**/DROP TABLE t", [b"SELECT 1", b"/**/DROP TABLE t"]),
        (b"SELECT 'a'';'; SELECT 2", [b"SELECT 'a'';'", b"SELECT 2"]),
        (b"SELECT 'a\\\\'; SELECT 2", [b"SELECT 'a\\\\'", b"SELECT 2"]),
        (b"SELECT 1 # ;\n; SELECT 2", [b"SELECT 1 # ;", b"SELECT 2"]),
        (b"SELECT a #;b", [b"SELECT a #", b"b"]),  # only `# ` and `#!` begin a comment
        (b"SELECT 1 -- ;", [b"SELECT 1 -- ;"]),
        (b"SELECT 1 // ;\n; SELECT 2", [b"SELECT 1 // ;", b"SELECT 2"]),
        (b"SELECT ';", [b"SELECT ';"]),
        (b" ; ;\n", []),
        (b"", []),
    ],
)
def test_a_script_is_split_at_its_own_semicolons(sql, parts):
    assert text.statements(sql) == parts


@given(
    parts=st.lists(st.sampled_from([b"SELECT ';'", b"INSERT INTO t VALUES (1)", b"-- ;\nUSE d", b"`;`"]), max_size=5)
)
def test_statements_undo_joining(parts):
    assert text.statements(b" ; ".join(parts) + b" -- ;") == [*parts[:-1], *(p + b" -- ;" for p in parts[-1:])]


@pytest.mark.parametrize(
    "sql",
    [
        b"SELECT f\xc2\xa0('x')",
        b"SELECT\xe2\x80\x83file('x')",
        b"SELECT \xe2\x80\x98x\xe2\x80\x99",
        b"SELECT \xd1\x84('x')",
        b"SELECT 1\x00",
        b"SELECT\x7f1",
        b"SELECT \xff",
        b"SELECT `f\\x69le`('x')",
        b'SELECT "f\\u0069le"(1)',
        b"SELECT `f\\ile`(1)",
        b"SELECT `a\\\\\\x69`",
        b"SELECT 1 -- x\n\xc2\xa0",
        b"SELECT $a$ \xc2\xa0",
    ],
)
def test_what_two_parsers_may_read_differently_is_refused(sql):
    with pytest.raises(TextError):
        text.check_plain(sql)


@pytest.mark.parametrize(
    "sql",
    [
        b"SELECT 'f\xc2\xa0\xff\x00', `\xc2\xa0`, \"\xd1\x84\" -- \xc2\xa0\n/* \xff */ # \xff",
        b"SELECT 'f\\x69le', $$\\x69\xc2\xa0$$",
        b'SELECT `a\\`b\\\\`, "c\\"", `d``e`, `f\\\\x69`',
        b"SELECT\t1,\r\n\x0b\x0c2",
        b"SELECT a[1]{b}<c>!=d@@e?f:g|h&i^j~k%l$m",
    ],
)
def test_plain_texts_are_let_through(sql):
    text.check_plain(sql)


@pytest.mark.parametrize("tag", [b"$$", b"$a$", b"$a$b", b"$", b"$a", b"$$$"])
def test_a_tag_that_is_not_closed_is_a_word(tag):
    assert [(token.kind, token.text) for token in text.tokens(tag + b" 'x'")] == [
        ("word", tag.decode().upper()),
        ("string", "'x'"),
    ]


def test_looking_for_the_ends_of_tags_ends():
    tags = [b"$a%d$ " % number for number in range(101)]
    assert len(list(text.tokens(b"".join(tags[:100])))) == 100
    with pytest.raises(TextError, match="heredocs"):
        list(text.tokens(b"".join(tags)))


@pytest.mark.parametrize(
    ("sql", "tokens"),
    [
        (b"Select a1_ FROM `b\\`\\\\c```", [("word", "SELECT"), ("word", "A1_"), ("word", "FROM"), ("name", "b`\\c`")]),
        (b'"x""y"', [("name", 'x"y')]),
        (b"'a''b\\'c'", [("string", "'a''b\\'c'")]),
        (b"$t$ ' $t$x", [("string", "$t$ ' $t$"), ("word", "X")]),
        (b"1e-5,0x1F.a", [("number", "1e-5"), ("mark", ","), ("number", "0x1F.a")]),
        (b"1.5E+30-1", [("number", "1.5E+30"), ("mark", "-"), ("number", "1")]),
        (b"1e -5", [("number", "1e"), ("mark", "-"), ("number", "5")]),
        (b"1e--5\n,a", [("number", "1e"), ("mark", ","), ("word", "A")]),
        (b"f(x)--y\n=z", [("word", "F"), ("mark", "("), ("word", "X"), ("mark", ")"), ("mark", "="), ("word", "Z")]),
        (b"/**//*/*/a", [("word", "A")]),
        (b"a//'\n/b", [("word", "A"), ("mark", "/"), ("word", "B")]),
        (b"'open", [("string", "'open")]),
        (b"`open\\", [("name", "open")]),
        (b"\xff", [("mark", "\ufffd")]),
    ],
)
def test_tokens(sql, tokens):
    assert [(token.kind, token.text) for token in text.tokens(sql)] == tokens


#: What made the first lexer take quadratic or exponential time, and its relatives.
PATHOLOGICAL = {
    "quotes escaped in an open literal": b"\\'",
    "backslashes in an open literal": b"\\",
    "doubled quotes": b"''",
    "stars in an open comment": b"*",
    "slashes and stars": b"/*",
    "slashes": b"/",
    "minus signs": b"-",
    "escaped backticks": b"\\`",
    "dots and digits": b"1.",
    "hashes": b"#",
    "open tags": b"$a",
    "underscores": b"_",
    "blanks": b" ",
    "high bytes": b"\xc2\xa0",
}


@pytest.mark.parametrize("opening", [b"", b"'", b'"', b"`", b"/*", b"select '", b"-- ", b"1", b"a"])
@pytest.mark.parametrize("unit", PATHOLOGICAL.values(), ids=PATHOLOGICAL)
def test_every_byte_is_read_once(opening, unit):
    sql = opening + unit * 2_000
    spans = split(sql)
    assert spans[0][0] == 0
    assert spans[-1][1] == len(sql)
    assert all(before[1] == after[0] for before, after in itertools.pairwise(spans))


@given(sql=texts)
@example(b"select '" + b"\\'" * 4_000)
def test_tokens_cover_any_text_without_a_gap(sql):
    spans = split(sql)
    assert sum(end - start for start, end in spans) == len(sql)
    assert all(end > start for start, end in spans)


@given(sql=texts)
@example(b"$a$" * 3)
def test_tokens_are_in_order_and_do_not_overlap(sql):
    try:
        found = list(text.tokens(sql))
    except TextError:
        return
    ends = [0, *(token.end for token in found)]
    assert all(end <= token.start < token.end for end, token in zip(ends, found, strict=False))
    assert ends[-1] <= len(sql)


def flatten(argument):
    if isinstance(argument, sre.SubPattern):
        yield argument
    elif isinstance(argument, tuple | list):
        for one in argument:
            yield from flatten(one)


def backtracking(parsed):
    """Yield the repetitions of more than one that are not possessive."""
    for code, argument in parsed:
        if code in (sre.MAX_REPEAT, sre.MIN_REPEAT) and argument[1] > 1:
            yield code
        for part in flatten(argument):
            yield from backtracking(part)


@pytest.mark.parametrize("name", [name for name in vars(text) if isinstance(vars(text)[name], re.Pattern)])
def test_no_pattern_gives_back_what_it_took(name):
    pattern = vars(text)[name]
    assert not list(backtracking(sre.parse(pattern.pattern, pattern.flags)))


def test_a_pattern_that_gives_back_is_seen():
    assert list(backtracking(sre.parse(r"x(?:a|'(?:[^']+|b)*+')", 0))) == [sre.MAX_REPEAT]
