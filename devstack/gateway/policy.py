"""Who may run which statement: decided from the engine's own reading of it, by lists of what is allowed.

The engine formats each statement (``formatQuerySingleLine``); what comes back is its own parse: names without escapes,
plain blanks, every literal quoted one way. That text is judged here, and that text is what runs, so nothing can be read
one way by the guard and another way by the engine. What no list names is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from devstack.gateway import names
from devstack.gateway.errors import ACCESS_DENIED, NOT_IMPLEMENTED, SYNTAX_ERROR, ClickHouseError, article
from devstack.gateway.settings_policy import SettingsPolicy
from sql.clickhouse_text import Token, tokens

Role = Literal["reader", "writer", "admin"]

#: First words of a statement, the longest first that fits: what each role may run beyond the role before it.
_READER: Final = (
    "SELECT", "WITH", "(", "SHOW", "DESCRIBE", "EXISTS", "EXPLAIN", "USE", "SET", "KILL QUERY",
    "CREATE TEMPORARY TABLE", "CREATE OR REPLACE TEMPORARY TABLE", "DROP TEMPORARY TABLE", "TRUNCATE TEMPORARY TABLE",
)  # fmt: skip
_WRITER: Final = (*_READER, "INSERT INTO", "CHECK TABLE")
_ADMIN: Final = (
    *_WRITER, "CREATE TABLE", "CREATE OR REPLACE TABLE", "REPLACE TABLE", "CREATE VIEW", "CREATE OR REPLACE VIEW",
    "CREATE MATERIALIZED VIEW", "CREATE OR REPLACE MATERIALIZED VIEW", "CREATE DATABASE", "CREATE DICTIONARY",
    "CREATE OR REPLACE DICTIONARY", "REPLACE DICTIONARY", "CREATE FUNCTION", "CREATE OR REPLACE FUNCTION",
    "DROP TABLE", "DROP VIEW", "DROP DATABASE", "DROP DICTIONARY", "DROP FUNCTION", "ALTER TABLE", "ALTER DATABASE",
    "RENAME", "EXCHANGE", "TRUNCATE", "OPTIMIZE TABLE", "DELETE FROM", "UPDATE", "UNDROP TABLE", "DETACH TABLE",
    "DETACH VIEW", "DETACH DICTIONARY", "ATTACH TABLE", "ATTACH VIEW", "ATTACH DICTIONARY", "KILL MUTATION",
    "CREATE INDEX", "DROP INDEX",
    "SYSTEM FLUSH LOGS", "SYSTEM FLUSH ASYNC INSERT QUEUE", "SYSTEM RELOAD DICTIONARY", "SYSTEM RELOAD DICTIONARIES",
    "SYSTEM STOP MERGES", "SYSTEM START MERGES", "SYSTEM STOP TTL MERGES", "SYSTEM START TTL MERGES",
    "SYSTEM REFRESH VIEW", "SYSTEM WAIT VIEW", "SYSTEM CLEAR", "SYSTEM DROP MARK CACHE",
    "SYSTEM DROP QUERY CACHE", "SYSTEM DROP UNCOMPRESSED CACHE", "SYSTEM SYNC FILE CACHE",
)  # fmt: skip
_ALLOWED: Final[dict[Role, tuple[str, ...]]] = {"reader": _READER, "writer": _WRITER, "admin": _ADMIN}
#: What chDB cannot do, or a gateway of fixed users does not: an honest answer instead of "not enough privileges".
_UNSUPPORTED: Final = (
    "GRANT", "REVOKE", "SET ROLE", "SET DEFAULT ROLE", "SET TRANSACTION", "BACKUP", "RESTORE", "BEGIN", "COMMIT",
    "ROLLBACK", "EXECUTE", "CREATE USER", "ALTER USER", "DROP USER", "CREATE ROLE", "ALTER ROLE", "DROP ROLE",
    "CREATE ROW POLICY", "ALTER ROW POLICY", "DROP ROW POLICY", "CREATE QUOTA", "ALTER QUOTA", "DROP QUOTA",
    "CREATE SETTINGS PROFILE", "ALTER SETTINGS PROFILE", "DROP SETTINGS PROFILE", "CREATE NAMED COLLECTION",
    "ALTER NAMED COLLECTION", "DROP NAMED COLLECTION", "SHOW GRANTS", "SHOW USERS", "SHOW ROLES", "SHOW ACCESS",
    "SHOW CREATE USER", "SHOW CREATE ROLE",
)  # fmt: skip
#: Words that, one after another anywhere, reach beyond the tables: files, other servers, several statements at once.
_FORBIDDEN: Final = (
    ("INTO", "OUTFILE"), ("FROM", "INFILE"), ("PARALLEL", "WITH"), ("ON", "CLUSTER"), ("TO", "DISK"), ("TO", "VOLUME"),
    ("TO", "SHARD"), ("FETCH", "PARTITION"), ("FETCH", "PART"), ("FREEZE",), ("UNFREEZE",), ("EXPORT", "PART"),
    ("EXPORT", "PARTITION"),
)  # fmt: skip
_COMPUTED: Final = re.compile(r"\b(default|materialized|alias|ephemeral)\b", re.IGNORECASE)
_RESULTS: Final = frozenset({"SELECT", "WITH", "(", "SHOW", "DESCRIBE", "EXISTS", "EXPLAIN", "CHECK"})


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
    """The lists, and the functions that an admin has defined in SQL."""

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
        start = _opening(found)
        self._check_kind(role, start)
        texts = [token.text if token.kind == "word" else "" for token in found]
        for words in _FORBIDDEN:
            if _contains(texts, words):
                raise _denied(role, " ".join(words))
        self._check_names(role, canonical, found)
        changed = self._check_settings(role, found)
        if start[:1] == ("ATTACH",) and any(token.kind == "string" for token in found):
            raise _denied(role, "ATTACH … FROM a path")
        if start[1:2] == ("DATABASE",) and start[0] in ("DROP", "DETACH") and found[-1].text.lower() == "default":
            raise _denied(role, "DROP DATABASE default")
        place = _format_place(found)
        return Verdict(
            keyword=start[0],
            format=None
            if place is None
            else canonical[found[place + 1].start : found[place + 1].end].decode().strip("`"),
            result=start[0] in _RESULTS,
            outfile_at=len(canonical) if place is None else found[place].start,
            temporary="TEMPORARY" in start,
            settings=changed,
            words=start,
        )

    def _check_kind(self, role: Role, start: tuple[str, ...]) -> None:
        if _begins(start, _UNSUPPORTED):
            text = "the local ClickHouse (chDB) has no users, roles, row policies, backups or transactions"
            raise ClickHouseError(NOT_IMPLEMENTED, f"{' '.join(start[:2])} is not supported: {text}")
        if not _begins(start, _ALLOWED[role]):
            raise _denied(role, " ".join(start[:3]))

    def _check_names(self, role: Role, canonical: bytes, found: Sequence[Token]) -> None:
        """Check every function, table function, type, codec and engine by its list."""
        for place, token in enumerate(found):
            if token.kind not in ("word", "name"):
                continue
            before = found[place - 1].text if place else ""
            after = found[place + 1] if place + 1 < len(found) else None
            bracket = after is not None and after.text == "("
            # The engine writes `f(` for a call, a type or an engine, and `IN (`, `t (` for all else.
            if (bracket and after is not None and after.start == token.end) or before == "APPLY":
                if token.text.lower() in names.STRUCTURED:
                    _check_structure(role, token.text.lower(), found[place + 2 :])
                self._check_call(
                    role, canonical[token.start : token.end].decode("utf-8", "replace").strip('`"'), before
                )
            elif bracket and token.text.lower() in names.REACHING and before not in ("INTO", "TABLE", ".", "VIEW"):
                raise _denied(role, f"{token.text}()")
            if token.kind == "word" and token.text == "ENGINE" and after is not None and after.text == "=":
                engine = found[place + 2].text.lower() if place + 2 < len(found) else ""
                if engine not in names.ENGINES:
                    raise _denied(role, f"the engine {engine}")
            if token.kind == "word" and token.text == "SOURCE" and bracket:
                _check_source(role, found[place + 2 :])

    def _check_call(self, role: Role, name: str, before: str) -> None:
        lower = name.lower()
        if names.is_allowed(lower) or lower in self.defined or (role == "admin" and lower in names.ADMIN_FUNCTIONS):
            return
        if lower in names.ENGINES and before == "=":
            return
        raise _denied(role, f"{name}()")

    def _check_settings(self, role: Role, found: Sequence[Token]) -> dict[str, str]:
        """Check ``SETTINGS a = 1, b = 'x'`` wherever it stands, and ``SET a = 1``."""
        changed: dict[str, str] = {}
        for place, token in enumerate(found):
            if token.kind == "word" and token.text in ("SETTINGS", "SETTING", "SET") and place + 2 < len(found):
                if token.text == "SET" and place != 0:
                    continue
                for name, value in _assignments(found, place + 1):
                    self.settings.check(role, name, value)
                    changed[name] = value
        return changed


def _denied(role: Role, what: str) -> ClickHouseError:
    return ClickHouseError(ACCESS_DENIED, f"Not enough privileges: {article(role)} may not use {what}")


def _opening(found: Sequence[Token]) -> tuple[str, ...]:
    """Return the words that a statement begins with, up to six."""
    words: list[str] = []
    for token in found[:6]:
        if token.kind != "word":
            break
        words.append(token.text)
    return tuple(words) or (found[0].text,)


def _begins(start: tuple[str, ...], allowed: Sequence[str]) -> bool:
    return any(start[: len(words)] == words for words in map(tuple, (one.split() for one in allowed)))


def _check_source(role: Role, found: Sequence[Token]) -> None:
    """Allow a dictionary to read a table of this engine: no program, no file, no host, no text that is a query."""
    if found[0].text not in ("CLICKHOUSE", "NULL"):
        raise _denied(role, f"a dictionary's source {found[0].text}")
    for token in found:
        if token.kind == "word" and token.text in ("HOST", "PORT", "SECURE", "QUERY", "WHERE", "INVALIDATE_QUERY"):
            raise _denied(role, f"{token.text} in a dictionary's source")


def _check_structure(role: Role, name: str, found: Sequence[Token]) -> None:
    """Refuse a column list that computes: ``values('a String DEFAULT file(…)', …)`` runs what it names.

    A first argument must be seen for what it is: a literal, rows in brackets, or nothing.
    """
    argument = 0
    depth = 0
    for place, token in enumerate(found):
        after = found[place + 1].text if place + 1 < len(found) else ""
        if depth == 0 and token.text == ")":
            return
        if token.kind == "string" and depth == 0:
            if _COMPUTED.search(token.text) and (argument == 0 or name == "format"):
                raise _denied(role, f"DEFAULT, MATERIALIZED, ALIAS or EPHEMERAL in the columns of {name}()")
            if argument == 0 and after not in (",", ")"):
                raise _denied(role, f"an expression as the columns of {name}()")
        elif argument == 0 and depth == 0 and token.kind != "number" and token.text not in ("(", "[", ",", "-", "NULL"):
            if not (name == "format" and token.kind == "word" and after == ","):
                raise _denied(role, f"an expression as the columns of {name}()")
        elif argument == 0 and depth and token.text == "|":
            raise _denied(role, f"an expression as the columns of {name}()")
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(token.text, 0)
        argument += depth == 0 and token.text == ","


def _contains(texts: Sequence[str], words: tuple[str, ...]) -> bool:
    return any(text == words[0] and tuple(texts[at : at + len(words)]) == words for at, text in enumerate(texts))


def _assignments(found: Sequence[Token], place: int) -> Iterator[tuple[str, str]]:
    """Yield the pairs of ``a = 1, b = 'x'`` from ``place`` on; a value is a literal, an array or a map."""
    while place + 2 < len(found) and found[place].kind in ("word", "name") and found[place + 1].text == "=":
        name, place = found[place].text.lower(), place + 2
        end, depth = place, 0
        while end < len(found) and (depth or found[end].text != ",") and (found[end].kind != "word" or end == place):
            depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(found[end].text, 0)
            if depth < 0:
                break
            end += 1
        yield name, "".join(token.text for token in found[place:end])
        if end >= len(found) or found[end].text != ",":
            return
        place = end + 1


def _format_place(found: Sequence[Token]) -> int | None:
    """Return the index of the FORMAT that ends a statement (``FORMAT Name`` or ``FORMAT Name SETTINGS …``)."""
    depth = 0
    place = None
    for index, token in enumerate(found[:-1]):
        if token.kind == "mark":
            depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(token.text, 0)
        is_format = token.kind == "word" and token.text == "FORMAT" and found[index + 1].kind in ("word", "name")
        if is_format and depth == 0 and index > 0:
            after = found[index + 2].text if index + 2 < len(found) else ""
            if after in ("", "SETTINGS"):
                place = index
    return place
