"""A topic's rules over accepted rows: which rows fail, which pass with a flag, and when to stop.

*fail* and the other rules about content look at a row alone. Rules with memory look at the rows that passed, in log
order, so that a rejected row leaves no trace in what others are compared with.
"""

from __future__ import annotations

from schemas.quality import Compare, Range, Rule
from udfs.kernels.slices import Longs
from udfs.quality.checks import Columns, Number, Pair, Values, evaluate, expected, observed
from udfs.quality.memory import seconds
from udfs.values.decimals import ONE
from udfs.values.rejects import Reject

#: A kind's decimals, in the order of its batch's numbers; the first is its price.
DECIMALS = {"trade": ("price", "size"), "quote": ("bid_price", "bid_size", "ask_price", "ask_size")}


class QualityGate:
    """The rules of one normalized kind."""

    def __init__(self, kind: str, rules: tuple[Rule, ...]) -> None:
        self._decimals = DECIMALS.get(kind, ())
        self._failing = tuple(rule for rule in rules if rule.action == "fail")
        self._passing = tuple(rule for rule in rules if rule.action != "fail")
        self._lag = any(_looks_at(rule, "lag") for rule in rules)
        self.remembers = any(rule.memory for rule in rules)

    def columns(self, numbers: Longs, time: Longs, ingest_time: Longs) -> dict[str, Pair]:
        """Return the columns that rules about content look at."""
        found = {name: (numbers[2 * k], numbers[2 * k + 1]) for k, name in enumerate(self._decimals)}
        if self._decimals:
            found["price"] = found[self._decimals[0]]
        if self._lag:
            found["lag"] = seconds(ingest_time - time)
        return found

    def rejects(self, columns: Columns) -> dict[int, Reject]:
        """Return the rows that fail, each with the first rule it breaks."""
        found: dict[int, Reject] = {}
        for rule in self._failing:
            for row in evaluate(rule, columns).nonzero()[0].tolist():
                if row not in found:
                    found[row] = reject(rule, row_values(columns, row))
        return found

    def flagged(self, columns: Columns) -> list[tuple[int, Rule, Values]]:
        """Return the rows that a rule flags or stops at, in log order, and within a row in the order of the rules."""
        found: list[tuple[int, int, Rule]] = []
        for place, rule in enumerate(self._passing):
            found += [(row, place, rule) for row in evaluate(rule, columns).nonzero()[0].tolist()]
        return [(row, rule, row_values(columns, row)) for row, _, rule in sorted(found, key=lambda one: one[:2])]


def reject(rule: Rule, values: Values) -> Reject:
    """Return the verdict of a rule on a row that breaks it."""
    detail = f"{_field(rule)}: expected {expected(rule, values)}, got {observed(rule, values)}"
    return Reject(f"quality.{rule.name}", detail)


def _looks_at(rule: Rule, column: str) -> bool:
    if isinstance(rule, Compare):
        return column in (rule.left, rule.right)
    return isinstance(rule, Range) and rule.field == column


def _field(rule: Rule) -> str:
    return rule.field if isinstance(rule, Range) else rule.left if isinstance(rule, Compare) else "price"


def row_values(columns: Columns, row: int) -> dict[str, Number | None]:
    """Return one row's values, as value·1e12."""
    values: dict[str, Number | None] = {
        name: int(whole[row]) * ONE + int(part[row]) for name, (whole, part) in columns.items()
    }
    if "previous_close" in columns and columns["previous_close"][0][row] < 0:
        values["previous_close"] = None
    return values
