"""``system.processes`` as its readers expect it: with the query ids of clients, and statements without our FIFOs.

chDB gives each statement an id of its own and no way to set it. The id that a client chose travels in a setting that no
client may change; where a statement reads the table, a subquery puts it back.
"""

from __future__ import annotations

import re
from typing import Final

#: A setting without effect here (the query cache is off), which the engine shows in ``system.processes``.
SETTING: Final = "query_cache_tag"
_MARKER_LENGTH: Final = 16
_TABLE: Final = re.compile(
    rb"""
      '(?:[^'\\]|\\.)*+' | `(?:[^`\\]|\\.)*+`
    | (?P<before>\b(?:FROM|JOIN)\ )(?P<table>system\.processes)\b(?!\.|\()(?P<alias>\ AS\b)?
    """,
    re.VERBOSE | re.DOTALL,
)
_READ: Final = (
    f"(SELECT * REPLACE (substring(Settings['{SETTING}'], {_MARKER_LENGTH + 1}) AS query_id, "
    "replaceRegexpOne(query, ' INTO OUTFILE \\'[^\\']*\\' TRUNCATE ', ' ') AS query) "
    f"FROM system.processes WHERE Settings['{SETTING}'] != '')"
).encode()


def tag(marker: str, query_id: str) -> str:
    """Return the setting's value for a statement; ``marker`` has 16 characters."""
    return marker + query_id


def condition(marker: str) -> str:
    """Return the condition that finds a statement by its marker."""
    return f"startsWith(Settings['{SETTING}'], '{marker}')"


def with_client_ids(canonical: bytes) -> bytes:
    """Return a statement that reads ``system.processes`` with its clients' query ids; others as they are."""
    if b"system.processes" not in canonical:
        return canonical
    return _TABLE.sub(_replaced, canonical)


def _replaced(match: re.Match[bytes]) -> bytes:
    if not match["table"]:
        return match[0]
    return match["before"] + _READ + (match["alias"] or b" AS processes")
