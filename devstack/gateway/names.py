"""The lists of names that a statement may call: functions, types, codecs, indexes, table functions and engines.

They are files in `lists/`, one name a line, in lower case or as the engine writes it. `functions.txt` has the functions
of the pinned engine that compute from their arguments alone: ``system.functions`` of chDB 4.4.0 without those that read
files, models or certificates, ask other servers, show addresses of the process, or call a language model. A test
compares it with the engine: a new function is a decision.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final


def _read(name: str) -> frozenset[str]:
    return frozenset((Path(__file__).parent / "lists" / f"{name}.txt").read_text(encoding="utf-8").lower().split())


_FUNCTIONS: Final = _read("functions")
#: Types with arguments, codecs, skip indexes, layouts and other words that the engine writes with a bracket.
_SYNTAX: Final = _read("syntax")
#: Table functions that make rows from their arguments or read tables of this engine.
_TABLE_FUNCTIONS: Final = _read("table_functions")
#: Table functions with a column list in a literal; it may have expressions, which the engine computes.
STRUCTURED: Final = frozenset({"values", "format", "null", "generaterandom"})
#: Those that read a table past what another setting or view says about it.
ADMIN_FUNCTIONS: Final = frozenset({"merge", "dictionary", "mergetreeindex", "mergetreeprojection"})
#: Table functions that reach files, programs and other servers: refused however they are written.
REACHING: Final = _read("reaching")
#: Functions of the engine that are on no list. A bare name may stand for a function too: ``arrayMap(file, …)``.
REFUSED: Final = _read("refused")
#: Engines of temporary tables, for those who make no others: they reach no other table.
TEMPORARY_ENGINES: Final = frozenset({"memory", "log", "tinylog", "stripelog", "mergetree", "set", "join", "null"})
#: Engines of tables and databases that keep their data in the engine's own folder, or keep none.
ENGINES: Final = _read("engines")
_COMBINATORS: Final = (
    "simplestate", "ordefault", "distinct", "resample", "foreach", "argmax", "argmin", "ornull", "tuple", "merge",
    "state", "array", "null", "map", "if",
)  # fmt: skip


def is_allowed(name: str) -> bool:
    """Return whether anybody may call ``name`` (lower case): a function, also with combinators, a type, a codec …"""
    if name in _FUNCTIONS or name in _SYNTAX or name in _TABLE_FUNCTIONS:
        return True
    # quantileIf, sumOrNullState …: what is left without its combinators must be on the list.
    return any(
        name.endswith(combinator) and len(name) > len(combinator) and is_allowed(name.removesuffix(combinator))
        for combinator in _COMBINATORS
    )
