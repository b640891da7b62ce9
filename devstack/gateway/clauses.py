"""Parts of a statement that the lists look into: column lists, sources of dictionaries, settings, the format."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from devstack.gateway.kinds import Role, denied
from sql.clickhouse_text import Token

_COMPUTED: Final = re.compile(r"default|materialized|alias|ephemeral", re.IGNORECASE)
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_SOURCE: Final = frozenset({"CLICKHOUSE", "NULL", "DB", "TABLE", "USER", "PASSWORD", "QUERY_TIMEOUT"})
#: Tokens of a call that are looked at.
_LONGEST: Final = 2000
_OPENS: Final[dict[str, int]] = {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}


def check_source(role: Role, found: Sequence[Token], place: int) -> None:
    """Allow a dictionary to read a table of this engine: no program, no file, no host, no text that is a query.

    ``place``: of the first token in the brackets of SOURCE.
    """
    source = [token for one in arguments(found, place, 1) for token in one]
    if not source or source[0].text not in ("CLICKHOUSE", "NULL") or len(source) > _LONGEST // 2:
        raise denied(role, f"a dictionary's source {source[0].text if source else ''}")
    for token in source:
        if token.kind == "word" and token.text not in _SOURCE:
            raise denied(role, f"{token.text} in a dictionary's source")


def arguments(found: Sequence[Token], place: int, most: int) -> list[list[Token]]:
    """Return the tokens of the first ``most`` arguments of a call, the first of which begins at ``place``.

    Of a long argument only the beginning is returned: a call in a call in a call would be read over and over.
    """
    parts: list[list[Token]] = [[]]
    depth = 0
    for at in range(place, min(len(found), place + _LONGEST)):
        token = found[at]
        mark = token.kind == "mark"
        if depth == 0 and mark and token.text == ")":
            break
        depth += _OPENS.get(token.text, 0) if mark else 0
        if depth == 0 and mark and token.text == ",":
            if len(parts) == most:
                break
            parts.append([])
        else:
            parts[-1].append(token)
    return [one for one in parts if one]


def is_alias(found: Sequence[Token], place: int) -> bool:
    """Return whether this is a new name with its columns: ``WITH t(a, b) AS (…)``, ``(…) AS t(a, b)``."""
    columns = arguments(found, place + 2, _LONGEST)
    if not columns or any(len(one) != 1 or one[0].kind not in ("word", "name") for one in columns):
        return False
    before = found[place - 1].text if place else ""
    end = place + 2 + 2 * len(columns)
    behind = [token.text for token in found[end : end + 2]]
    return before == "AS" or (before in ("WITH", "RECURSIVE", ",") and behind == ["AS", "("])


def check_structure(role: Role, name: str, found: Sequence[Token], place: int) -> None:
    """Refuse a column list that computes: ``values('a String DEFAULT file(…)', …)`` runs what it names.

    An argument that the engine may take for a column list must be seen for what it is: a literal, or rows.
    ``place``: of the first token in the brackets.
    """
    given = arguments(found, place, 3)
    at = 1 if name == "format" else 0
    if len(given) <= at or (name == "format" and len(given) == 2):
        return
    columns = given[at]
    if len(columns) == 1 and columns[0].kind == "string":
        text = _ESCAPE.sub(lambda match: " " if match[1] in "nrtbf0av" else match[1], columns[0].text)
        if _COMPUTED.search(text) and "(" in text:
            raise denied(role, f"DEFAULT, MATERIALIZED, ALIAS or EPHEMERAL in the columns of {name}()")
        return
    texts = [token.text for token in columns]
    rows = columns[0].kind == "number" or texts[0] in ("[", "-", "NULL") or (texts[0] == "(" and "," in texts)
    if name != "values" or not rows or "|" in texts or len(columns) > _LONGEST // 2:
        raise denied(role, f"an expression, or rows that are too long, as the columns of {name}()")


def assignments(role: Role, found: Sequence[Token], place: int) -> Iterator[tuple[str, str]]:
    """Yield the pairs of ``a = 1, b = 'x', c`` from ``place`` on, where the last means 1.

    Raises:
        ClickHouseError: anything that is not read here could be a setting that nobody checks (497).
    """
    if place < len(found) and found[place].text == "(":
        place += 1
    while True:
        if place >= len(found) or found[place].kind not in ("word", "name"):
            raise denied(role, "settings that cannot be read")
        name, place = found[place].text.lower(), place + 1
        value = "1"
        if place < len(found) and found[place].text == "=":
            end = _end_of_value(role, found, place + 1)
            value = "".join(token.text for token in found[place + 1 : end])
            place = end
        elif place < len(found) and found[place].text == ".":
            raise denied(role, f"the setting {name}.…")
        yield name, value
        if place >= len(found) or found[place].text == ")" or found[place].kind == "word":
            return
        if found[place].text != ",":
            raise denied(role, "settings that cannot be read")
        place += 1


def _end_of_value(role: Role, found: Sequence[Token], place: int) -> int:
    """Return the index behind a literal, an array, a map or a call; a parameter's value is not known here."""
    if place < len(found) and found[place].text in ("-", "+"):
        place += 1
    if place >= len(found):
        raise denied(role, "settings that cannot be read")
    token = found[place]
    after = found[place + 1] if place + 1 < len(found) else None
    if token.text == "{" and (after is None or after.kind != "string"):
        raise denied(role, "a parameter as the value of a setting")
    if token.kind == "mark" and token.text not in ("(", "[", "{"):
        raise denied(role, "settings that cannot be read")
    if token.kind in ("word", "name") and after is not None and after.text == "(" and after.start == token.end:
        place += 1
        token = found[place]
    if token.kind != "mark":
        return place + 1
    depth = 0
    for at in range(place, len(found)):
        depth += _OPENS.get(found[at].text, 0) if found[at].kind == "mark" else 0
        if depth == 0:
            return at + 1
    raise denied(role, "settings that cannot be read")


def format_place(found: Sequence[Token], words: Sequence[str]) -> int | None:
    """Return the index of the FORMAT that ends a statement (``FORMAT Name`` or ``FORMAT Name SETTINGS …``)."""
    depth = 0
    place = None
    for index, token in enumerate(found[:-1]):
        depth += _OPENS.get(token.text, 0) if token.kind == "mark" else 0
        named = words[index] == "FORMAT" and found[index + 1].kind in ("word", "name")
        if named and depth == 0 and index > 0 and (index + 2 >= len(found) or words[index + 2] == "SETTINGS"):
            place = index
    return place
