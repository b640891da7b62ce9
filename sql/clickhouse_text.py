"""Reads just enough of a statement to route it: its kind, its output format, where inline data begins.

This is no parser: the engine parses. Here a lexer that follows ClickHouse's own (comments, four kinds of quotes,
heredocs) finds the words at the top level. Whatever it misreads is still parsed, and refused, by the engine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

_TOKEN = re.compile(
    rb"""
      (?P<skip>   \s+ | --[^\n]* | \#[ !][^\n]* | /\*.*?\*/ )
    | (?P<string> '(?:[^'\\]|\\.|'')*' | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$ )
    | (?P<name>   "(?:[^"\\]|\\.|"")*" | `(?:[^`\\]|\\.|``)*` )
    | (?P<word>   [A-Za-z_][A-Za-z0-9_]* )
    | (?P<number> \d[A-Za-z0-9_.]* )
    | (?P<mark>   . )
    """,
    re.VERBOSE | re.DOTALL,
)
#: After ``FORMAT Name`` the data begins behind blanks and at most one line end, as in ClickHouse's own parser.
_DATA_GAP = re.compile(rb"[ \t\f]*\r?\n?")

_RESULT_WORDS = frozenset({"SELECT", "WITH", "SHOW", "DESCRIBE", "DESC", "EXISTS", "EXPLAIN", "CHECK", "FROM", "("})

Kind = Literal["empty", "result", "insert", "insert_data", "command"]


@dataclass(frozen=True, slots=True)
class Token:
    """One token outside comments; ``text`` is upper case for words and unquoted for names, ``raw`` as written."""

    kind: str
    text: str
    raw: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Statement:
    """What the gateway must know about one request's SQL.

    ``format`` is the explicit FORMAT (input format of ``insert_data``, else output format). For ``insert_data``,
    ``header`` is the statement without its format and ``data_start`` the offset of the first data byte.
    """

    kind: Kind
    keyword: str
    format: str | None = None
    header: bytes = b""
    data_start: int = 0
    has_more: bool = False
    forbidden: str | None = None
    functions: frozenset[str] = field(default_factory=frozenset)


def tokens(sql: bytes) -> Iterator[Token]:
    """Yield the tokens of ``sql`` that are neither space nor comment."""
    for match in _TOKEN.finditer(sql):
        kind = match.lastgroup or ""
        if kind == "tag":
            kind = "string"
        if kind == "skip":
            continue
        raw = match.group().decode("utf-8", "replace")
        text = raw.upper() if kind == "word" else raw[1:-1] if kind == "name" else raw
        yield Token(kind, text, raw, match.start(), match.end())


def read(sql: bytes) -> Statement:
    """Classify ``sql``, the text of a request or, for a large insert, its first part."""
    stream = tokens(sql)
    first = next(stream, None)
    if first is None:
        return Statement("empty", "")
    if first.text == "INSERT" and first.kind == "word":
        return _insert(sql, stream)
    return _other(first, stream)


def _insert(sql: bytes, stream: Iterator[Token]) -> Statement:
    """Walk ``INSERT INTO [TABLE] a.b (columns) [SETTINGS …] {FORMAT f | VALUES | SELECT …}``."""
    functions: set[str] = set()
    depth = 0
    before: Token | None = None
    in_name = True
    to_function = False  # INSERT INTO FUNCTION f(…); otherwise parentheses hold the columns
    for token in stream:
        if token.kind == "mark":
            depth += {"(": 1, ")": -1}.get(token.text, 0)
            if token.text == "(" and before is not None and to_function:
                functions.add(before.text.lower())
        elif in_name:
            to_function = to_function or token.text == "FUNCTION"
            # A table may be called "values": words up to the first one that follows a name are the name.
            name_goes_on = before is None or before.text in ("INTO", "TABLE", "FUNCTION", ".")
            in_name = name_goes_on or token.text in ("INTO", "TABLE", "FUNCTION")
        if not in_name and depth == 0 and token.kind == "word":
            if token.text in ("SELECT", "WITH", "FROM"):
                return _insert_select(token, stream, functions)
            if token.text == "VALUES":
                return _data(sql, "Values", token.start, token.end, functions)
            if before is not None and before.text == "FORMAT" and before.kind == "word":
                gap = _DATA_GAP.match(sql, token.end)
                end = gap.end() if gap else token.end
                return _data(sql, token.raw, before.start, end, functions)
        before = token
    return Statement("insert", "INSERT", functions=frozenset(functions))


def _data(sql: bytes, name: str, header_end: int, data_start: int, functions: set[str]) -> Statement:
    return Statement("insert_data", "INSERT", name, sql[:header_end], data_start, functions=frozenset(functions))


def _insert_select(first: Token, stream: Iterator[Token], functions: set[str]) -> Statement:
    rest = _other(first, stream)
    forbidden = "FROM INFILE" if first.text == "FROM" else rest.forbidden
    return Statement(
        "insert",
        "INSERT",
        has_more=rest.has_more,
        forbidden=forbidden,
        functions=rest.functions | functions,
    )


def _other(first: Token, stream: Iterator[Token]) -> Statement:
    output: str | None = None
    has_more = ended = False
    forbidden: str | None = None
    functions: set[str] = set()
    before = first
    for token in stream:
        has_more = has_more or (ended and token.text != ";")
        ended = ended or (token.kind == "mark" and token.text == ";")
        if token.text == "(" and before.kind in ("word", "name"):
            functions.add(before.text.lower())
        if before.kind == token.kind == "word" and before.text == "INTO" and token.text == "OUTFILE":
            forbidden = "INTO OUTFILE"
        if before.kind == "word" and before.text == "FORMAT" and token.kind == "word":
            output = token.raw
        before = token
    if first.text == "SET":
        forbidden = "SET"
    kind: Kind = "result" if first.text in _RESULT_WORDS else "command"
    return Statement(kind, first.text, output, has_more=has_more, forbidden=forbidden, functions=frozenset(functions))
