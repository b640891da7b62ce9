"""Which symbols one series has traded under: changes of symbol link entities, so that a series goes on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

#: Days since 1970-01-01 before and after every date of reference data.
BEGIN, END = -(10**6), 10**6


class Link(NamedTuple):
    """``before`` goes on as ``after`` from ``ex_date`` on."""

    before: str
    after: str
    ex_date: int


class Stretch(NamedTuple):
    """The series traded as ``entity_id`` on dates ``first <= date < end``."""

    entity_id: str
    first: int
    end: int


def stretches(series: str, links: Iterable[Link]) -> list[Stretch]:
    """Return what a series consists of, newest first.

    A series has one predecessor at a time: of several, the one whose change is the latest; of several on one date, the
    first by name. Dates fall from link to link, so symbols that come back cannot loop.
    """
    known = sorted(set(links), key=lambda link: (-link.ex_date, link.before))
    found: list[Stretch] = []
    entity, end = series, END
    while True:
        link = next((one for one in known if one.after == entity and one.ex_date < end), None)
        found.append(Stretch(entity, BEGIN if link is None else link.ex_date, end))
        if link is None:
            return found
        entity, end = link.before, link.ex_date


def ancestors(links: Sequence[Link]) -> dict[str, list[str]]:
    """Return for each entity the series that its events may shape: its own, and those of its successors."""
    after: dict[str, list[str]] = {}
    for link in sorted(set(links)):
        after.setdefault(link.before, []).append(link.after)
    return {entity: _reached(entity, after) for entity in after}


def _reached(entity: str, after: dict[str, list[str]]) -> list[str]:
    found, at = [entity], 0
    while at < len(found):
        found += [other for other in dict.fromkeys(after.get(found[at], [])) if other not in found]
        at += 1
    return found
