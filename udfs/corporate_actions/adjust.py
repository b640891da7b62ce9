"""Adjusted series: a function of the *set* of actions and closes that are known about one series (law 5).

An action takes effect with the first close on or after its ex date. Each ex date in effect is a break: what was traded
before it is multiplied by its factor. A value as of a break is the as-traded value times the factors of all breaks
behind its session up to that one, rounded once, at the very end, half to even to 12 decimals.

Versions. A record's contributing events are

- the announcements, all revisions, of every action that was ever in effect behind the session up to ``as_of``, and of
  every change of symbol;
- the closes, all revisions, from the session up to ``as_of`` (for a factor: all up to its ex date);
- and that an announcement has taken effect, once for each.

Each of these sets only grows, and a record is a function of them, so equal versions mean equal records.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from udfs.corporate_actions.factors import ONE, OUT_OF_RANGE, Break, Limits, break_of, limits
from udfs.corporate_actions.history import Close, History
from udfs.values.decimals import ONE as SCALE
from udfs.values.decimals import half_even
from udfs.values.exact import split
from udfs.venues.facts import SYMBOL_CHANGE

Row = dict[str, Any]
Group = tuple[str, str]


@dataclass(frozen=True)
class Basis:
    """The size of a set of events, and the newest of their ingest times (µs)."""

    events: int = 0
    known: int = 0

    def and_(self, other: Basis) -> Basis:
        """Return the sum of two disjoint sets of events."""
        return Basis(self.events + other.events, max(self.known, other.known))


@dataclass(frozen=True)
class Reach:
    """The breaks from one on up to another: their factors multiplied, and the announcements behind them."""

    as_of: int
    price: Fraction
    total_return: Fraction
    size: Fraction
    rules: tuple[str, ...]
    basis: Basis


def adjust(history: History, allowed: Limits | None = None) -> tuple[list[Row], list[Row]]:
    """Return the records of a series: its factors by ex date, and its bars by session and ``as_of``.

    ``allowed`` are the limits of the quality rules; by default those of ``schemas/quality.toml``.
    """
    allowed = allowed or limits()
    breaks = [break_of(history, ex_date, allowed) for ex_date in sorted({one.ex_date for one in history.in_effect})]
    reaches = [list(_reaches(history, breaks[i:])) for i in range(len(breaks))]
    by_date = _closes_by_date(history)
    factors = [_factor(history, one, reaches[i][0].basis, by_date) for i, one in enumerate(breaks)]
    return factors, list(
        _bars(history, [one.ex_date for one in breaks], reaches, by_date, allowed.out_of_range * SCALE)
    )


def _closes_by_date(history: History) -> dict[int, Basis]:
    found: dict[int, Basis] = {}
    for close in sorted(history.closes, key=lambda one: one.date):
        found[close.date] = found.get(close.date, Basis()).and_(Basis(1, close.known))
    return found


def _announced(history: History, groups: dict[Group, None]) -> Basis:
    known = [one.known for group in groups for one in history.groups[group]]
    return Basis(len(known), max(known, default=0))


def _reaches(history: History, breaks: list[Break]) -> Iterator[Reach]:
    """Yield the product of the factors from the first of these breaks up to each of them."""
    groups = _links(history)
    price, total_return, size, rules, effects = ONE, ONE, ONE, dict[str, None](), 0
    for one in breaks:
        price, total_return, size = price * one.price, total_return * one.total_return, size * one.size
        rules |= dict.fromkeys(one.rules)
        here = [action for action in history.in_effect if action.ex_date == one.ex_date]
        groups |= dict.fromkeys(action.group for action in here)
        effects += len(here)
        basis = _announced(history, groups).and_(Basis(effects))
        yield Reach(one.ex_date, price, total_return, size, tuple(sorted(rules)), basis)


def _links(history: History) -> dict[Group, None]:
    """Return the actions that were ever said to be a change of symbol."""
    return {
        group: None for group, revisions in history.groups.items() if any(r.kind == SYMBOL_CHANGE for r in revisions)
    }


def _factor(history: History, one: Break, announced: Basis, by_date: dict[int, Basis]) -> Row:
    basis = announced
    for date, closes in by_date.items():
        if date <= one.ex_date:
            basis = basis.and_(closes)
    return {
        "entity_id": history.series,
        "ex_date": one.ex_date,
        "action_ids": ",".join(sorted(action.action_id for action in one.applied)),
        "previous_date": one.previous.date if one.previous else one.ex_date,
        "previous_close": one.previous.close if one.previous else "",
        "dividend": str(one.dividend),
        **split("price", one.price),
        **split("total_return", one.total_return),
        **split("size", one.size),
        "rules": ",".join(one.rules),
        "known_from": basis.known,
        "version": basis.events,
    }


def _bars(
    history: History, ex_dates: list[int], reaches: list[list[Reach]], by_date: dict[int, Basis], end: Fraction
) -> Iterator[Row]:
    """Yield the bars, newest session first, so that the closes up to each break add up on the way."""
    links = _announced(history, _links(history))
    up_to = [Basis() for _ in ex_dates]
    for date, closes in sorted(by_date.items(), reverse=True):
        up_to = [one.and_(closes) if ex_date >= date else one for ex_date, one in zip(ex_dates, up_to, strict=True)]
        close = history.traded.get(date)
        yield _bar(history.series, date, close, Reach(date, ONE, ONE, ONE, (), links), closes, end)
        first = bisect_right(ex_dates, date)
        for k, reach in enumerate(reaches[first] if first < len(reaches) else ()):
            yield _bar(history.series, date, close, reach, up_to[first + k], end)


def _bar(series: str, date: int, close: Close | None, reach: Reach, closes: Basis, end: Fraction) -> Row:
    basis = closes.and_(reach.basis)
    numbers = _numbers(close, reach, end) if close else None
    rules = reach.rules if close else ()  # they may have spoken about closes that are older than this session
    if close and numbers is None:
        close, rules = None, tuple(sorted((*rules, OUT_OF_RANGE)))
    adjusted, total_return, volume = numbers or (0, 0, 0)
    return {
        "entity_id": series,
        "date": date,
        "as_of": reach.as_of,
        "source_entity_id": close.entity_id if close else "",
        "status": "live" if close else "withdrawn",
        "currency": close.currency if close else "",
        "basis": close.basis if close else "",
        "close": close.close if close else "",
        "adjusted_close": adjusted,
        "total_return_close": total_return,
        "volume": close.volume if close else "",
        "adjusted_volume": volume,
        "rules": ",".join(rules),
        "known_from": basis.known,
        "version": basis.events,
    }


def _numbers(close: Close, reach: Reach, end: Fraction) -> tuple[int, int, int] | None:
    """Return adjusted close, total-return close and volume, each rounded once; None where one reaches `end`."""
    price, volume = Fraction(close.close), Fraction(close.volume or "0")
    found = tuple(
        rounded(value, factor)
        for value, factor in ((price, reach.price), (price, reach.total_return), (volume, reach.size))
    )
    return (found[0], found[1], found[2]) if max(found) < end else None


def rounded(value: Fraction, factor: Fraction) -> int:
    """Return value·factor·1e12, rounded half to even: the only rounding there is."""
    return half_even(value.numerator * factor.numerator * SCALE, value.denominator * factor.denominator)
