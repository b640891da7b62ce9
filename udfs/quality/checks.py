"""Each rule type, twice: over columns of a batch, and over one record's integers.

Columns are pairs of int64 arrays, whole and part: value·1e12 = whole·1e12 + part, 0 <= part < 1e12. One record's
values are plain integers, value·1e12, or fractions of such where a source has more decimals. Durations are seconds.
Both forms are exact, and a property holds them together.

Names besides the record's own columns: ``price``, what *outlier* looks at; ``previous_close`` (whole < 0, or None:
there is none yet); ``behind`` and ``silence``, see ``udfs.quality.memory``.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from schemas.quality import SCALE, Compare, Monotone, Order, Outlier, Range, Rule, Staleness
from udfs.kernels.slices import Longs
from udfs.values.decimals import ONE, plain
from udfs.values.exact import MAX_DECIMALS

Pair = tuple[Longs, Longs]
Columns = Mapping[str, Pair]
Number = int | Fraction
Values = Mapping[str, Number | None]
Mask = npt.NDArray[np.bool_]
_MICROS = ONE // 1_000_000  # of a second, in value·1e12
_FINE = 10 ** (MAX_DECIMALS - SCALE)


def evaluate(rule: Rule, columns: Columns) -> Mask:
    """Return which records break a rule."""
    if isinstance(rule, Outlier):
        price, close = columns["price"], columns["previous_close"]
        most, least = 1_000 + rule.most_change, max(1_000 - rule.most_change, 0)
        known: Mask = close[0] >= 0
        if not known.any():
            return known
        return known & (_above(price, close, most) | _below(price, close, least))
    if isinstance(rule, Compare):
        return ~_holds(rule.must_be, columns[rule.left], columns[rule.right], rule.times)
    field, least_value, most_value = _interval(rule)
    whole, part = columns[field]
    broken: Mask = np.zeros(len(whole), dtype=bool)
    if least_value is not None:
        w, p = divmod(least_value, ONE)
        broken |= (whole < w) | ((whole == w) & (part < p))
    if most_value is not None:
        w, p = divmod(most_value, ONE)
        broken |= (whole > w) | ((whole == w) & (part > p))
    return broken


def violated(rule: Rule, values: Values) -> bool:
    """Tell whether one record breaks a rule; a value that is None breaks none."""
    if isinstance(rule, Outlier):
        price, close = values["price"], values["previous_close"]
        if price is None or close is None:
            return False
        change = price - close
        return max(change, -change) * 1_000 > rule.most_change * close
    if isinstance(rule, Compare):
        left, right = values[rule.left], values[rule.right]
        if left is None or right is None:
            return False
        return not _ORDERS[rule.must_be]((left * 1_000 > right * rule.times) - (left * 1_000 < right * rule.times))
    field, least, most = _interval(rule)
    value = values[field]
    if value is None:
        return False
    return (least is not None and value < least) or (most is not None and value > most)


def observed(rule: Rule, values: Values) -> str:
    """Return the value that a rule looks at, as plain decimal text."""
    name = rule.left if isinstance(rule, Compare) else "price" if isinstance(rule, Outlier) else _interval(rule)[0]
    return _text(values[name])


def expected(rule: Rule, values: Values) -> str:
    """Return the value that the rule expects there."""
    if isinstance(rule, Outlier):
        return f"within {plain(rule.most_change, 3)} of {_text(values['previous_close'])}"
    if isinstance(rule, Compare):
        times = "" if rule.times == 1_000 else f"{plain(rule.times, 3)} * "
        return f"{rule.must_be} {times}{rule.right} {_text(values[rule.right])}"
    _, least, most = _interval(rule)
    bounds = [f">= {plain(least, SCALE)}"] if least is not None else []
    return " and ".join(bounds + ([f"<= {plain(most, SCALE)}"] if most is not None else []))


def _interval(rule: Rule) -> tuple[str, int | None, int | None]:
    """Return (column, least, most) of a rule about one column."""
    if isinstance(rule, Monotone):
        return "behind", None, rule.tolerance * _MICROS
    if isinstance(rule, Staleness):
        return "silence", None, rule.longest * _MICROS
    if isinstance(rule, Range):
        return rule.field, rule.least, rule.most
    raise TypeError(f"no such rule: {rule}")


def _text(value: Number | None) -> str:
    if value is None:
        return "nothing"
    fine = value * _FINE
    return plain(int(fine), MAX_DECIMALS) if fine.denominator == 1 else str(Fraction(value, ONE))


#: Whether an order holds, given the sign of left minus right.
_ORDERS = {
    "<": lambda sign: sign < 0,
    "<=": lambda sign: sign <= 0,
    "==": lambda sign: sign == 0,
    "!=": lambda sign: sign != 0,
    ">=": lambda sign: sign >= 0,
    ">": lambda sign: sign > 0,
}


def _holds(order: Order, left: Pair, right: Pair, times: int) -> Mask:
    if order == "<=":
        return ~_above(left, right, times)
    if order == ">=":
        return ~_below(left, right, times)
    if order == "<":
        return _below(left, right, times)
    if order == ">":
        return _above(left, right, times)
    equal = ~_above(left, right, times) & ~_below(left, right, times)
    return equal if order == "==" else ~equal


def _above(left: Pair, right: Pair, times: int) -> Mask:
    """Return where left > times·right."""
    (lw, lp), (rw, rp) = _scaled(left, right, times)
    above: Mask = (lw > rw) | ((lw == rw) & (lp > rp))
    return above


def _below(left: Pair, right: Pair, times: int) -> Mask:
    (lw, lp), (rw, rp) = _scaled(left, right, times)
    below: Mask = (lw < rw) | ((lw == rw) & (lp < rp))
    return below


def _scaled(left: Pair, right: Pair, times: int) -> tuple[Pair, Pair]:
    """Return 1000·left and times·right; whole numbers stay below 9e18, since values end at 1e15 and times at 9000."""
    return (left, right) if times == 1_000 else (_multiplied(left, 1_000), _multiplied(right, times))


def _multiplied(pair: Pair, factor: int) -> Pair:
    whole, part = pair
    product = part * factor
    carry = product // ONE
    return whole * factor + carry, product - carry * ONE
