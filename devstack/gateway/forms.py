"""Bodies of type multipart/form-data, as ClickHouse understands them.

A part without a file name is a field: ``query``, ``param_…``, a setting or a parameter of the URL. A part with one is
an external table: rows that the query reads as the table of the part's name. Its columns stand in the parameter
``NAME_structure`` (a list of columns) or ``NAME_types`` (a list of types, for columns ``_1``, ``_2``, …), its format
in ``NAME_format``; each in the URL or in a field, before or after the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser
from email.utils import collapse_rfc2231_value
from typing import Final

from devstack.gateway.errors import BAD_ARGUMENTS, LIMIT_EXCEEDED, ClickHouseError

CANNOT_READ_ALL_DATA: Final = 33
TABLE_ALREADY_EXISTS: Final = 57
UNKNOWN_FORMAT: Final = 73

_MOST_PARTS: Final = 1000
#: Bytes of the headers of one part; characters of the columns of one table.
_LONGEST_HEADERS: Final = 8 << 10
_LONGEST_STRUCTURE: Final = 64 << 10

_TABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_FORMAT_NAME = re.compile(r"[A-Za-z0-9_]{1,64}")

#: What a list of columns is made of: words, numbers, quoted names without escapes, texts, and the marks of types. No
#: semicolon, no comment, nothing outside ASCII but in texts; ``other`` is an error.
_TOKEN = re.compile(
    r"""(?P<blank>[ \t\r\n]+) | (?P<word>[A-Za-z_][A-Za-z0-9_]*) | (?P<quoted>`[ -\[\]-_a-~]+`|"[ !#-\[\]-~]+")
    | (?P<text>'(?:[^'\\]|\\.)*') | (?P<number>-?[0-9]+) | (?P<mark>[(),=.]) | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
#: The tokens of one column, or one type, by their first letters; what is in the type's parentheses is left out.
_TYPE: Final = r"w(?:b?\(\))?"
_COLUMN_SHAPE = re.compile(rf"b?[wq]b{_TYPE}b?")
_TYPE_SHAPE = re.compile(rf"b?{_TYPE}b?")


@dataclass(frozen=True, slots=True)
class ExternalTable:
    """Rows that came with a query. ``structure``: columns as in CREATE TABLE; ``data``: the rows in ``format``."""

    name: str
    structure: str
    format: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Form:
    """What a form says. ``fields`` are without those that describe ``tables``.

    Bytes of a field that are no UTF-8 are surrogates: ``encode(errors="surrogateescape")`` gives them back.
    """

    fields: dict[str, str]
    tables: list[ExternalTable]


@dataclass(frozen=True, slots=True)
class _Part:
    name: str  # "" if it has none
    is_file: bool
    content: bytes


def parse_form(content_type: str, body: bytes, url: Mapping[str, str]) -> Form:
    """Return what a form says; ``url`` are the parameters of the URL, which may describe tables.

    Several ``query`` fields are one text; any other name may come once. Raise ClickHouseError where the body is no
    form, is cut short, or has tables without columns or with names that need quotes.
    """
    parts = list(_parts(content_type, body))
    texts = [(part.name, part.content) for part in parts if not part.is_file]
    fields: dict[str, str] = {}
    for name, content in texts:
        if name in fields and name != "query":
            raise ClickHouseError(BAD_ARGUMENTS, f"Form field {name:.100} is given twice")
        if name and name != "query":  # ClickHouse passes over fields without a name
            fields[name] = _text(content)
    queries = [content for name, content in texts if name == "query"]
    if queries:
        fields["query"] = _text(b"".join(queries))
    described = {**fields, **url}
    tables: dict[str, ExternalTable] = {}
    for part in parts:
        if part.is_file:
            table = _table(part, described)
            if table.name in tables:
                raise ClickHouseError(TABLE_ALREADY_EXISTS, f"External table {table.name} is given twice")
            tables[table.name] = table
    for name in tables:
        for suffix in ("structure", "types", "format"):
            fields.pop(f"{name}_{suffix}", None)
    return Form(fields, list(tables.values()))


def _text(content: bytes) -> str:
    return content.decode(errors="surrogateescape")


def _table(part: _Part, described: Mapping[str, str]) -> ExternalTable:
    name = part.name or "_data"
    if not _TABLE_NAME.fullmatch(name):
        raise ClickHouseError(BAD_ARGUMENTS, f"External table name {name:.100} is not a plain identifier")
    form = described.get(f"{name}_format") or "TabSeparated"
    if not _FORMAT_NAME.fullmatch(form):
        raise ClickHouseError(UNKNOWN_FORMAT, f"Unknown format {form:.100} of external table {name}")
    structure = described.get(f"{name}_structure", "")
    types = described.get(f"{name}_types", "")
    if structure:
        _cut(structure, _COLUMN_SHAPE)
    elif types:
        structure = ", ".join(f"_{at} {item}" for at, item in enumerate(_cut(types, _TYPE_SHAPE), 1))
    else:
        text = f"No columns of external table {name}: neither {name}_structure nor {name}_types is given"
        raise ClickHouseError(BAD_ARGUMENTS, text)
    return ExternalTable(name, structure, form, part.content)


def _cut(text: str, shape: re.Pattern[str]) -> list[str]:
    """Return the items of a list of columns or types; raise ClickHouseError unless each has the shape."""
    if len(text) > _LONGEST_STRUCTURE:
        raise ClickHouseError(LIMIT_EXCEEDED, f"Columns of an external table have {len(text)} characters")
    items: list[str] = []
    seen = ""
    start = depth = 0
    for token in _TOKEN.finditer(text + ","):
        kind, word = token.lastgroup or "", token[0]
        ends = word == "," and not depth
        if kind == "other" or (word == ")" and not depth) or (ends and not shape.fullmatch(seen)):
            found = text[token.start() :][:20] or "end"
            raise ClickHouseError(BAD_ARGUMENTS, f"Error while parsing table structure: unexpected {found!r}")
        if ends:
            items.append(text[start : token.start()].strip())
            seen, start = "", token.end()
            continue
        depth -= word == ")"
        if not depth:
            seen += word if kind == "mark" else kind[0]
        depth += word == "("
    if depth:
        raise ClickHouseError(BAD_ARGUMENTS, "Error while parsing table structure: a parenthesis is not closed")
    return items


def _parts(content_type: str, body: bytes) -> Iterator[_Part]:
    header = Message()
    header["content-type"] = content_type
    boundary = header.get_boundary()
    if not boundary or len(boundary) > 70 or not boundary.isascii():
        raise ClickHouseError(BAD_ARGUMENTS, "A multipart/form-data body needs a boundary of 1 to 70 ASCII characters")
    delimiter = b"--" + boundary.encode()
    at = 0 if body.startswith(delimiter) else body.find(b"\r\n" + delimiter) + 2
    if at == 1:
        raise ClickHouseError(BAD_ARGUMENTS, "No boundary line found in a multipart/form-data body")
    for _ in range(_MOST_PARTS + 1):
        at += len(delimiter)
        if body.startswith(b"--", at):
            return
        line_end = body.find(b"\r\n", at, at + 100)
        if line_end < 0 or body[at:line_end].strip(b" \t"):
            raise ClickHouseError(BAD_ARGUMENTS, "A boundary line of a multipart/form-data body does not end")
        # A part without headers begins with the empty line that ends them.
        head_end = body.find(b"\r\n\r\n", line_end, line_end + _LONGEST_HEADERS)
        if head_end < 0:
            raise ClickHouseError(BAD_ARGUMENTS, "Headers of a form's part are cut short, or too long")
        # The empty line's end may be the boundary line's beginning, in a part without content.
        start, at = head_end + 4, body.find(b"\r\n" + delimiter, head_end + 2)
        if at < 0:
            text = "Unexpected EOF: a multipart/form-data body has no last boundary"
            raise ClickHouseError(CANNOT_READ_ALL_DATA, text)
        yield _part(body[line_end + 2 : head_end].decode(errors="replace"), body[start:at])
        at += 2
    raise ClickHouseError(LIMIT_EXCEEDED, f"A form has more than {_MOST_PARTS} parts")


def _part(head: str, content: bytes) -> _Part:
    headers = HeaderParser().parsestr(head)
    name = headers.get_param("name", header="content-disposition")
    is_file = headers.get_param("filename", header="content-disposition") is not None
    return _Part(collapse_rfc2231_value(name) if name else "", is_file, content)
