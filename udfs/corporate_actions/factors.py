"""Factors of the actions of one ex date, exact and by both conventions, and the quality rules of dividends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache

from schemas.quality import Quality, default_quality
from udfs.corporate_actions.history import Action, Close, History
from udfs.venues.facts import AS_TRADED, DIVIDEND, SHARES

ONE = Fraction(1)
#: Quality rules. The first speaks only; with the other two, the dividends in question are left out.
OUT_OF_LINE, TOO_LARGE, OTHER_CURRENCY = "dividend_out_of_line", "dividend_exceeds_close", "currency_mismatch"
#: The rule of ``udfs.corporate_actions.adjust``.
OUT_OF_RANGE = "out_of_range"


@dataclass(frozen=True)
class Limits:
    """The limits that ``quality.toml`` gives the rules of adjusted series.

    ``out_of_line`` is a part of the factor, ``exceeds`` a part of the close, ``out_of_range`` an adjusted value.
    """

    out_of_line: Fraction
    exceeds: Fraction
    out_of_range: Fraction


@lru_cache(maxsize=8)
def limits(quality: Quality | None = None) -> Limits:
    """Return the limits of a file of rules; what it does not declare is as in ``schemas/quality.toml``."""

    def limit(name: str) -> Fraction:
        found = quality.limit(name) if quality else None
        found = default_quality().limit(name) if found is None else found
        if found is None:
            raise LookupError(f"schemas/quality.toml has no {name}")
        return found

    return Limits(limit(OUT_OF_LINE), limit(TOO_LARGE), limit(OUT_OF_RANGE))


@dataclass(frozen=True)
class Break:
    """An ex date in effect; ``previous`` is the last session before it, None when there is none."""

    ex_date: int
    applied: tuple[Action, ...] = ()
    previous: Close | None = None
    dividend: Fraction = Fraction(0)
    price: Fraction = ONE
    total_return: Fraction = ONE
    size: Fraction = ONE
    rules: tuple[str, ...] = ()


def break_of(history: History, ex_date: int, allowed: Limits) -> Break:
    """Return the break at an ex date."""
    before = [date for date in history.traded if date < ex_date]
    actions = tuple(sorted(one for one in history.live if one.ex_date == ex_date and history.applies(one)))
    actions = tuple(one for one in actions if one.kind in (*SHARES, DIVIDEND))
    if not before:
        return Break(ex_date, actions)
    return factors(ex_date, actions, history.traded[before[-1]], history.traded.get(ex_date), allowed)


def factors(ex_date: int, actions: Sequence[Action], previous: Close, current: Close | None, allowed: Limits) -> Break:
    """Return the factors of actions with the closes around them.

    Dividends are per share as it trades from the ex date on. A source that adjusts for splits itself has done so to
    closes and dividends alike, so its splits have nothing left to do.
    """
    size = ONE
    for action in actions:
        if action.kind in SHARES and previous.basis == AS_TRADED:
            size *= action.ratio
    close = Fraction(previous.close)
    dividends = [one for one in actions if one.kind == DIVIDEND]
    payable, rules = _payable(dividends, previous, Fraction(close, size) * allowed.exceeds)
    price = Fraction(1, size)
    for action in payable:
        price *= 1 - Fraction(action.amount * size, close)
    total = sum((one.amount for one in payable), Fraction(0))
    after = Fraction(current.close) if current else Fraction(close, size) - total
    found = Break(
        ex_date,
        applied=tuple(one for one in actions if one.kind in SHARES or one in payable),
        previous=previous,
        dividend=total,
        price=price,
        total_return=Fraction(after, (after + total) * size),
        size=size,
        rules=rules,
    )
    if payable and current and dividend_out_of_line(price, previous, current, allowed.out_of_line):
        return replace(found, rules=tuple(sorted((*found.rules, OUT_OF_LINE))))
    return found


def _payable(dividends: list[Action], previous: Close, most: Fraction) -> tuple[list[Action], tuple[str, ...]]:
    """Return the dividends that can have been paid on a share, below `most`, and the rules that the others broke."""
    same = [one for one in dividends if one.currency == previous.currency or not (one.currency and previous.currency)]
    rules = [OTHER_CURRENCY] if len(same) < len(dividends) else []
    if sum((one.amount for one in same), Fraction(0)) >= most:
        return [], tuple(sorted([*rules, *([TOO_LARGE] if same else [])]))
    return same, tuple(rules)


def dividend_out_of_line(price: Fraction, previous: Close, current: Close, most: Fraction) -> bool:
    """Tell whether the source's own adjusted closes imply another factor than its dividend gives.

    Pure: the factor, the previous close and that of the ex date, each with what the source publishes as adjusted, in
    one and the same file: every file is adjusted for what was known when it was made. It may differ by `most`, a part
    of the factor.
    """
    if not (previous.published and current.published and previous.source == current.source):
        return False
    implied = Fraction(
        Fraction(previous.published) * Fraction(current.close), Fraction(previous.close) * Fraction(current.published)
    )
    return abs(Fraction(implied, price) - 1) > most
