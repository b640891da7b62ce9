"""What the engine made of a text, kept: asking it takes as long as a small query, and clients send the same texts.

Texts that differ in simple literals alone are one shape. The engine reads the shape once, with marks in place of the
literals; a literal of the same kind is then put where its mark came out. What is judged and run is the whole text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from devstack.gateway.errors import ClickHouseError

T = TypeVar("T")

#: Literals that the engine writes as they came: plain strings, and integers that fit in 63 bits without leading zeros.
_LITERAL: Final = re.compile(rb"(?<![\w'])'[A-Za-z0-9 :._@/+-]*+'(?!')|(?<![\w.$'])(?:0|[1-9][0-9]{0,17})(?![\w.$'])")
#: Texts with other quotes, escapes or comments are read as they are.
_OTHER: Final = re.compile(rb"[\\`\"$#]|--|/\*|//")
_SHORT: Final = 4096
_MOST_LITERALS: Final = 64
_MOST: Final = 2048


@dataclass(frozen=True, slots=True)
class _Shape:
    """The canonical text between the literals, and which literal stands where."""

    parts: tuple[bytes, ...]
    order: tuple[int, ...]

    def fill(self, literals: list[bytes]) -> bytes:
        filled = [self.parts[0]]
        for at, part in zip(self.order, self.parts[1:], strict=True):
            filled += (literals[at], part)
        return b"".join(filled)


class Readings:
    """Canonical texts by text and by shape; the engine reads what is not known."""

    def __init__(self) -> None:
        self._texts: dict[bytes, bytes] = {}
        self._shapes: dict[bytes, _Shape | None] = {}

    def canonical(self, sql: bytes, read: Callable[[bytes], bytes]) -> bytes:
        """Return the engine's reading of ``sql``; ``read`` asks it, and raises ClickHouseError if there is none."""
        if len(sql) > _SHORT:
            return read(sql)
        known = self._texts.get(sql)
        if known is None:
            known = self._by_shape(sql, read) or read(sql)
            _keep(self._texts, sql, known)
        return known

    def _by_shape(self, sql: bytes, read: Callable[[bytes], bytes]) -> bytes | None:
        literals = _LITERAL.findall(sql)
        if not 0 < len(literals) <= _MOST_LITERALS or _OTHER.search(_LITERAL.sub(b"", sql)):
            return None
        key = _LITERAL.sub(lambda match: b"''" if match[0][:1] == b"'" else b"0", sql)
        if key not in self._shapes:
            _keep(self._shapes, key, _learn(sql, read))
        shape = self._shapes[key]
        return shape.fill(literals) if shape else None


def _learn(sql: bytes, read: Callable[[bytes], bytes]) -> _Shape | None:
    """Return the shape of a text; None if a mark does not come out as it went in."""
    marks: list[bytes] = []

    def mark(match: re.Match[bytes]) -> bytes:
        number = b"7%012d7" % len(marks)
        marks.append(b"'z%sz'" % number if match[0][:1] == b"'" else number)
        return marks[-1]

    marked = _LITERAL.sub(mark, sql)
    try:
        canonical = read(marked)
    except ClickHouseError:
        return None  # INTERVAL '1 day': the engine looks into the literal
    found = [(canonical.find(one), at) for at, one in enumerate(marks)]
    if any(place < 0 or canonical.count(marks[at]) != 1 for place, at in found):
        return None
    parts, order, end = [], [], 0
    for place, at in sorted(found):
        parts.append(canonical[end:place])
        order.append(at)
        end = place + len(marks[at])
    return _Shape((*parts, canonical[end:]), tuple(order))


def _keep(known: dict[bytes, T], key: bytes, value: T) -> None:
    if len(known) >= _MOST:
        known.clear()
    known[key] = value
