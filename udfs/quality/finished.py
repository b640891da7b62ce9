"""Rules over finished results, one record at a time."""

from __future__ import annotations

from typing import Any

from schemas.quality import Compare, Range, Rule
from udfs.quality.checks import expected, observed, violated
from udfs.quality.stop import QualityStop

_LABEL = ("entity_id", "interval", "window_start")


def hold(rules: tuple[Rule, ...], record: Any) -> None:
    """Check a record, whose attributes are value·1e12, by rules about content.

    A bar whose trades are all cancelled has no content: its zeros are no prices.

    Raises:
        QualityStop: it breaks one; results have no other action.
    """
    for rule in rules if getattr(record, "trade_count", 1) else ():
        values = {name: getattr(record, name) for name in _names(rule)}
        if violated(rule, values):
            label = " ".join(str(getattr(record, name)) for name in _LABEL if hasattr(record, name))
            raise QualityStop(rule, label, observed(rule, values), expected(rule, values))


def _names(rule: Rule) -> tuple[str, ...]:
    if isinstance(rule, Compare):
        return rule.left, rule.right
    return (rule.field,) if isinstance(rule, Range) else ()
