"""Which kinds of statement a role may run, by their first words, and words that no statement may have."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final, Literal

from devstack.gateway.errors import ACCESS_DENIED, NOT_IMPLEMENTED, ClickHouseError, article
from sql.clickhouse_text import Token

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
    ("EXPORT", "PARTITION"), ("LANGUAGE",),
)  # fmt: skip
RESULTS: Final = frozenset({"SELECT", "WITH", "(", "SHOW", "DESCRIBE", "EXISTS", "EXPLAIN", "CHECK"})


def opening(found: Sequence[Token], words: Sequence[str]) -> tuple[str, ...]:
    """Return the keywords that a statement begins with, up to six; a bracket if it begins with one."""
    start = tuple(itertools.takewhile(bool, words[:6]))
    return start or (found[0].text,)


def check(role: Role, start: tuple[str, ...], words: Sequence[str]) -> None:
    """Raise ClickHouseError (497, or 48 for what chDB cannot do) unless ``role`` may run a statement of this kind.

    ``start``: its first keywords. ``words``: all its keywords, and "" for every other token.
    """
    if _begins(start, _UNSUPPORTED):
        text = "the local ClickHouse (chDB) has no users, roles, row policies, backups or transactions"
        raise ClickHouseError(NOT_IMPLEMENTED, f"{' '.join(start[:2])} is not supported: {text}")
    if not _begins(start, _ALLOWED[role]):
        raise denied(role, " ".join(start[:3]))
    for forbidden in _FORBIDDEN:
        if _contains(words, forbidden):
            raise denied(role, " ".join(forbidden))


def denied(role: Role, what: str) -> ClickHouseError:
    """Return the error for what a role may not do."""
    return ClickHouseError(ACCESS_DENIED, f"Not enough privileges: {article(role)} may not use {what}")


def _begins(start: tuple[str, ...], allowed: Sequence[str]) -> bool:
    return any(start[: len(words)] == words for words in map(tuple, (one.split() for one in allowed)))


def _contains(words: Sequence[str], sought: tuple[str, ...]) -> bool:
    return any(word == sought[0] and tuple(words[at : at + len(sought)]) == sought for at, word in enumerate(words))
