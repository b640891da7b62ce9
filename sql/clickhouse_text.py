"""Reads the text of a ClickHouse statement: its tokens, and where the rows of an INSERT begin.

This is no parser. The engine parses, and the gateway judges what the engine read (`devstack.gateway.policy`). The lexer
serves three purposes: it finds where a request's SQL ends and its rows begin, it splits migrations, and it walks the
text that the engine has formatted. Each takes time linear in the text: no pattern here backtracks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

# Possessive quantifiers (`*+`) never give back what they took. A literal that is not closed reaches to the end.
_TOKEN: Final = re.compile(
    rb"""
      (?P<skip>    [ \t\n\r\f\v]++ | --[^\n]*+ | //[^\n]*+ | \#[ !][^\n]*+ | /\*(?:[^*]++|\*(?!/))*+(?:\*/|\Z) )
    | (?P<string>  '(?:[^'\\]++|\\(?:.|\Z)|'')*+(?:'|\Z) )
    | (?P<name>    "(?:[^"\\]++|\\(?:.|\Z)|"")*+(?:"|\Z) | `(?:[^`\\]++|\\(?:.|\Z)|``)*+(?:`|\Z) )
    | (?P<heredoc> \$[A-Za-z0-9_]*+\$ )
    | (?P<word>    [A-Za-z_$][A-Za-z0-9_$]*+ )
    | (?P<number>  [0-9][A-Za-z0-9_.]*+ (?:(?<=[eE])[+-][0-9]++)? )
    | (?P<mark>    . )
    """,
    re.VERBOSE | re.DOTALL,
)
#: After ``FORMAT Name`` the rows begin behind blanks and at most one line end, as in ClickHouse's own parser.
_DATA_GAP: Final = re.compile(rb"[ \t\f]*+\r?\n?")
_WORD: Final = re.compile(rb"[A-Za-z0-9_$]*+")
#: A tag without its end is a name: ``{a$x$b:String}``.
_MOST_UNCLOSED: Final = 100
_DEPTH: Final[dict[str, int]] = {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}
_ESCAPED_NAME: Final = re.compile(r"\\(.)|``|\"\"", re.DOTALL)


class TextError(ValueError):
    """The text cannot be read: open heredocs, or characters that no statement needs outside its literals."""


@dataclass(frozen=True, slots=True)
class Token:
    """One token outside comments. ``kind``: word, name, string, number or mark; bytes from ``start`` to ``end``.

    ``text`` is upper case for a word, without quotes and escapes for a name, as written for all else.
    """

    kind: str
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Rows:
    """An INSERT whose rows follow its text: what stands before FORMAT or VALUES, the format, where the rows begin."""

    header: bytes
    format: str
    start: int


def tokens(sql: bytes) -> Iterator[Token]:
    """Yield the tokens of ``sql`` that are neither space nor comment; raise TextError for too many open heredocs."""
    place = unclosed = 0
    while match := _TOKEN.match(sql, place):
        kind, start, place = match.lastgroup or "", match.start(), match.end()
        if kind == "heredoc":
            close = sql.find(match.group(), place)
            if close >= 0:
                kind, place = "string", close + len(match.group())
            else:
                kind, place = "word", _end_of_word(sql, place)
                unclosed += 1
            if unclosed > _MOST_UNCLOSED:
                # To look for the end of each would take quadratic time.
                raise TextError("too many heredocs ($tag$ … $tag$) that are not closed")
        if kind != "skip":
            yield Token(kind, _text(kind, sql[start:place]), start, place)


def _end_of_word(sql: bytes, place: int) -> int:
    rest = _WORD.match(sql, place)
    return rest.end() if rest else place


def _text(kind: str, raw: bytes) -> str:
    if kind == "word":
        return raw.decode().upper()
    if kind == "name":
        return _ESCAPED_NAME.sub(lambda match: match.group(1) or match.group()[0], raw[1:-1].decode("utf-8", "replace"))
    return raw.decode("utf-8", "replace")


def check_plain(sql: bytes) -> None:
    r"""Raise TextError for what makes two parsers read a text differently.

    That is: anything but printable ASCII and blanks outside literals and comments (the engine takes Unicode spaces and
    curly quotes), and escapes in quoted names other than of the quote and the backslash (it takes ``f\x69le``).
    """
    for token in tokens(sql):
        if token.kind == "mark" and not (token.text.isascii() and token.text.isprintable()):
            raise TextError(f"byte {token.start}: {token.text!r} is only allowed in literals and comments")
        escapes = sql[token.start : token.end].replace(rb"\\", b"") if token.kind == "name" else b""
        if re.search(rb"\\[^`\"]", escapes):
            raise TextError(f"byte {token.start}: a quoted name may escape only its quote and the backslash")


def first_word(sql: bytes) -> str:
    """Return the first token's text ('' if there is none): a keyword in upper case, or a bracket."""
    first = next(tokens(sql), None)
    return first.text if first else ""


def statements(sql: bytes) -> list[bytes]:
    """Return the statements of a script, split at its semicolons, without those that are only comments."""
    ends = [token.start for token in tokens(sql) if token.kind == "mark" and token.text == ";"]
    starts = [0, *(end + 1 for end in ends)]
    parts = [sql[start:end].strip() for start, end in zip(starts, [*ends, len(sql)], strict=True)]
    return [part for part in parts if first_word(part)]


def find_rows(sql: bytes) -> Rows | None:
    """Return where the rows of ``[WITH …] INSERT INTO a.b (columns) [SETTINGS …] {FORMAT f | VALUES} rows`` begin.

    ``sql`` may be cut off anywhere. None if it is no INSERT, is one from a SELECT, or its rows do not begin in it.
    """
    stream = tokens(sql)
    first = next(stream, None)
    if first is not None and (first.kind, first.text) == ("word", "WITH"):
        first = _behind_with(stream)
    if first is None or first.kind != "word" or first.text != "INSERT":
        return None
    depth = 0
    before: Token | None = None
    name_end: Token | None = None
    in_name = True
    for token in stream:
        if token.kind == "mark":
            depth += _DEPTH.get(token.text, 0)
        elif in_name:
            # A table may be called "values": words up to the first one that follows a name are the name.
            name_goes_on = before is None or before.text in ("INTO", "TABLE", "FUNCTION", ".")
            in_name = name_goes_on or token.text in ("INTO", "TABLE", "FUNCTION")
            name_end = before if not in_name else None
        if not in_name and depth == 0 and token.kind == "word":
            if token.text in ("SELECT", "WITH", "FROM"):
                return None
            if before is not None and before is not name_end and (before.kind, before.text) == ("word", "FORMAT"):
                return _after_format(sql, before, token)
            if token.text == "VALUES":
                return Rows(sql[: token.start], "Values", token.end)
        before = token
    return None


def _behind_with(stream: Iterator[Token]) -> Token | None:
    """Return the INSERT that follows the expressions of WITH, if there is one, and pass by its INTO."""
    depth = 0
    before: Token | None = None
    for token in stream:
        if token.kind == "mark":
            depth += _DEPTH.get(token.text, 0)
        elif depth == 0 and token.kind == "word" and before is not None:
            if (before.text, token.text) == ("INSERT", "INTO"):
                return before
            if token.text == "SELECT" and before.text != "AS":
                return None
        before = token
    return None


def _after_format(sql: bytes, before: Token, token: Token) -> Rows | None:
    if token.end == len(sql):
        # The name itself may be cut off here, or be the last word of the text.
        return Rows(sql[: before.start], sql[token.start :].decode(), token.end)
    gap = _DATA_GAP.match(sql, token.end)
    return Rows(sql[: before.start], sql[token.start : token.end].decode(), gap.end() if gap else token.end)
