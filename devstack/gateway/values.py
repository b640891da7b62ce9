"""Rows in the format Values, which may be expressions: ``(1, now()), (2, file('/etc/passwd'))``.

The engine computes them only where it is told to. It is, if all rows were seen before: they are literals (which need it
too, as ``'2'`` for a number does), or were judged like a query.
"""

from __future__ import annotations

import re
from typing import Final

#: For every connection: rows are literals. The table function format() and tables that come with a request, too.
LITERALS: Final = {
    "input_format_values_interpret_expressions": "0",
    "input_format_values_deduce_templates_of_expressions": "0",
}
#: For rows that were seen.
EXPRESSIONS: Final = dict.fromkeys(LITERALS, "1")

#: Closed strings with escapes of one letter. After a backslash and an x the format takes two bytes, whatever they are.
_STRING: Final = rb"'(?:[^'\\]++|\\['\"\\/abefnrtv0N`]|'')*+'"
#: And numbers, brackets of tuples, arrays and maps, and the words that are values. No part is tried twice.
_PLAIN: Final = re.compile(
    rb"(?:[\s(),\[\]{}:;.0-9+-]++|NULL|TRUE|FALSE|NAN|INF|E(?=[+-]?[0-9])|" + _STRING + rb")*+", re.IGNORECASE
)
_STRINGS: Final = re.compile(_STRING)
#: Nothing that hides a part of the text from one of two readers: no comment, heredoc, quoted name or other escape.
_OPEN: Final = re.compile(rb"(?:[^'\"`#$\\/-]++|-(?!-)|/(?![*/])|" + _STRING + rb")*+")
#: An operator, or a comment.
_MORE: Final = re.compile(rb"[0-9)\]}.'+-]\s*+[+-]")


def are_literals(rows: bytes) -> bool:
    """Return whether rows are literals; False if they may be more. Takes time linear in their size."""
    return _PLAIN.fullmatch(rows) is not None and _MORE.search(_STRINGS.sub(b"''", rows)) is None


def have_one_reading(rows: bytes) -> bool:
    """Return whether SQL, which judges rows, and the format, which reads them, see the same parts.

    The format looks for the end of an array in a Dynamic column by its bracket, and takes ``[ /* ]`` for one; in SQL a
    comment, a heredoc or a quoted name goes on behind it. Of strings only those with escapes of one letter are known.
    """
    return _OPEN.fullmatch(rows) is not None
