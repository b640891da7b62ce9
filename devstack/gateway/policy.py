"""Who may run which statement: decided from the engine's own reading of it, by lists of what is allowed.

The engine formats each statement (``formatQuerySingleLine``); what comes back is its own parse: names without escapes,
plain blanks, every literal quoted one way. That text is judged here, and that text is what runs, so nothing can be read
one way by the guard and another way by the engine. What no list names is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from devstack.gateway import kinds, names
from devstack.gateway.clauses import (
    assignments,
    check_source,
    check_structure,
    format_place,
    is_alias,
)
from devstack.gateway.errors import SYNTAX_ERROR, ClickHouseError
from devstack.gateway.kinds import Role, denied
from devstack.gateway.settings_policy import SettingsPolicy
from sql.clickhouse_text import Token, tokens

#: Statements that show settings and change none.
_SHOWN: Final = (("SHOW", "SETTING"), ("SHOW", "SETTINGS"), ("SHOW", "CHANGED", "SETTINGS"))
_ENDS_DATABASES: Final = frozenset({"DROP", "DETACH", "RENAME", "TRUNCATE"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an allowed statement is.

    ``keyword``: its first word. ``format``: the one it names, else None. ``result``: whether it returns rows.
    ``outfile_at``: the byte before which ``INTO OUTFILE`` fits. ``temporary``: it makes or drops a temporary table.
    ``settings``: those it names, by name, as the engine wrote their values.
    """

    keyword: str
    format: str | None
    result: bool
    outfile_at: int
    temporary: bool
    settings: dict[str, str]
    words: tuple[str, ...]


class Policy:
    """The lists, and the functions that an admin has defined in SQL (lower case)."""

    def __init__(self, settings: SettingsPolicy) -> None:
        """Take the bounds of what a client may set."""
        self.settings = settings
        self.defined: frozenset[str] = frozenset()

    def judge(self, role: Role, canonical: bytes) -> Verdict:
        """Return what a statement is; raise ClickHouseError (497, or 48 for what chDB cannot do) if it may not run.

        ``canonical`` is one statement as the engine has formatted it, without the rows of an INSERT.
        """
        found = list(tokens(canonical))
        if not found:
            raise ClickHouseError(SYNTAX_ERROR, "Syntax error: Empty query")
        # The engine writes keywords in upper case and names as they came: `engine = 'x'` compares a column.
        words = [token.text if token.kind == "word" and _is_upper(canonical, token) else "" for token in found]
        start = kinds.opening(found, words)
        kinds.check(role, start, words)
        _check_gaps(role, canonical, found)
        if start[:1] == ("ATTACH",) and any(token.kind == "string" for token in found):
            raise denied(role, "ATTACH … FROM a path")
        if start[1:2] == ("DATABASE",) and start[0] in _ENDS_DATABASES and _names_default(found):
            raise denied(role, f"{start[0]} DATABASE default")
        self._check_names(role, canonical, found, words)
        _check_parameters(role, found, words)
        changed = self._check_settings(role, found, words)
        place = format_place(found, words)
        return Verdict(
            keyword=start[0],
            format=None if place is None else _raw(canonical, found[place + 1]).strip("`"),
            result=start[0] in kinds.RESULTS,
            outfile_at=len(canonical) if place is None else found[place].start,
            temporary="TEMPORARY" in start,
            settings=changed,
            words=start,
        )

    def _check_names(self, role: Role, canonical: bytes, found: Sequence[Token], words: Sequence[str]) -> None:
        """Check every function, table function, type, codec and engine by its list."""
        for place, token in enumerate(found):
            if token.kind not in ("word", "name"):
                continue
            after = found[place + 1] if place + 1 < len(found) else None
            before = words[place - 1] or found[place - 1].text if place else ""
            bracket = after is not None and after.text == "("
            # The engine writes `f(` for a call, a type or an engine, and `IN (`, `t (` for all else.
            applied = before == "APPLY" and (after is None or after.text != "-")  # not x -> …
            if (bracket and after is not None and after.start == token.end) or applied:
                name = _raw(canonical, token).strip('`"').lower()
                if name in names.STRUCTURED:
                    check_structure(role, name, found, place + 2)
                self._check_call(role, name, before, found, place)
            elif bracket and token.text.lower() in names.REACHING and before not in ("INTO", "TABLE", ".", "VIEW"):
                raise denied(role, f"{token.text}()")
            if words[place] == "ENGINE" and after is not None and after.text == "=":
                engine = found[place + 2].text.lower() if place + 2 < len(found) else ""
                if engine not in (names.ENGINES if role == "admin" else names.TEMPORARY_ENGINES):
                    raise denied(role, f"the engine {engine}")
            alone = before not in ("AS", ".") and (after is None or after.text != ".")
            if alone and token.text.lower() in names.REFUSED:
                raise denied(role, f"{token.text.lower()} (a column of that name: write table.column)")
            if words[place] == "SOURCE" and bracket:
                check_source(role, found, place + 2)

    def _check_call(self, role: Role, name: str, before: str, found: Sequence[Token], place: int) -> None:
        if name in names.REACHING and not (role == "admin" and name in names.ADMIN_FUNCTIONS):
            raise denied(role, f"{name}()")
        if names.is_allowed(name) or name in self.defined or (role == "admin" and name in names.ADMIN_FUNCTIONS):
            return
        if (before == "=" and name in names.ENGINES) or is_alias(found, place):
            return
        raise denied(role, f"{name}()")

    def _check_settings(self, role: Role, found: Sequence[Token], words: Sequence[str]) -> dict[str, str]:
        """Check ``SETTINGS a = 1, b = 'x'`` wherever it stands, and ``SET a = 1``."""
        changed: dict[str, str] = {}
        for place, word in enumerate(words):
            if place <= 2 and tuple(words[: place + 1]) in _SHOWN:
                continue
            if word in ("SETTINGS", "SETTING") or (word == "SET" and place == 0):
                for name, value in assignments(role, found, place + 1):
                    self.settings.check(role, name, value)
                    changed[name] = value
        return changed


def _raw(canonical: bytes, token: Token) -> str:
    return canonical[token.start : token.end].decode("utf-8", "replace")


def _is_upper(canonical: bytes, token: Token) -> bool:
    return canonical[token.start : token.end].isupper()


def _names_default(found: Sequence[Token]) -> bool:
    return any(token.kind in ("word", "name") and token.text.lower() == "default" for token in found)


def _check_parameters(role: Role, found: Sequence[Token], words: Sequence[str]) -> None:
    """Refuse a parameter of type Identifier as an argument: its value may be a function's name, as a lambda."""
    calls: list[bool] = []  # for every open bracket, whether it is a call's
    for place, token in enumerate(found):
        if token.kind != "mark" or not place:
            continue
        before = found[place - 1]
        if token.text == "(":
            calls.append(before.kind in ("word", "name") and before.end == token.start)
        elif token.text == ")" and calls:
            calls.pop()
        elif token.text == "{" and (any(calls) or words[place - 1] == "APPLY") and _is_identifier(found, place):
            raise denied(role, "a parameter of type Identifier as an argument")


def _is_identifier(found: Sequence[Token], place: int) -> bool:
    return [token.text for token in found[place + 2 : place + 4]] == [":", "IDENTIFIER"]


def _check_gaps(role: Role, canonical: bytes, found: Sequence[Token]) -> None:
    """Refuse what the engine has not formatted: comments and line ends, which it copies within a parameter's type."""
    end = 0
    for token in found:
        if canonical[end : token.start].strip(b" "):
            raise denied(role, "comments in the type of a parameter")
        end = token.end
    if canonical[end:].strip(b" "):
        raise denied(role, "comments in the type of a parameter")
