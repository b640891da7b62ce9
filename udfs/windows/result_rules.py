# mypy: disable-error-code="return-value,assignment,no-any-return"
"""Data-quality rules over finished records: a kernel compares columns, the rest is judged record by record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from schemas.quality import Compare, Range, Rule
from udfs.kernels.jit import I64, LONG, inlined, kernel
from udfs.kernels.slices import Longs
from udfs.quality.finished import hold
from udfs.windows.kernels.results import Column, Results
from udfs.windows.kernels.words import U, below

#: A comparison: words of the left side, order, words of the right side (-1: the constant behind it, low and high).
OP = 7
LEFT, LEFT_WORDS, ORDER, RIGHT, RIGHT_WORDS, LOW, HIGH = range(OP)
_ORDERS = {"<": 0, "<=": 1, ">": 2, ">=": 3, "==": 4}
_NUMBER_BITS = 127


@inlined
def _wide(facts: Longs, place: int, words: int) -> tuple[int, int]:
    """Return a column's two words; those of a long are ·1e12 already, or no rule names it."""
    low = facts[place]
    return np.uint64(low), facts[place + 1] if words == 2 else low >> 63


@kernel(LONG, I64, LONG, LONG, LONG, I64)
def first_broken(facts: Longs, width: int, records: int, counted: int, ops: Longs) -> int:
    """Return the first record that breaks a comparison, or -1; one without events (word ``counted``) breaks none."""
    for i in range(records):
        f = i * width
        if facts[f + counted] == 0:
            continue
        for k in range(0, len(ops), OP):
            a0, a1 = _wide(facts, f + ops[k + LEFT], ops[k + LEFT_WORDS])
            if ops[k + RIGHT] < 0:
                b0, b1 = np.uint64(ops[k + LOW]), ops[k + HIGH]
            else:
                b0, b1 = _wide(facts, f + ops[k + RIGHT], ops[k + RIGHT_WORDS])
            flip = U(1) << U(63)  # signed upper words compare as unsigned ones with the sign turned
            less = below(a0, np.uint64(a1) ^ flip, b0, np.uint64(b1) ^ flip)
            equal = a0 == b0 and a1 == b1
            order = ops[k + ORDER]
            holds = less
            if order == 1:
                holds = less or equal
            elif order == 2:
                holds = not (less or equal)
            elif order == 3:
                holds = not less
            elif order == 4:
                holds = equal
            if not holds:
                return i
    return -1


class Checks:
    """The rules of one output topic, compiled where they compare columns as they are."""

    def __init__(self, rules: tuple[Rule, ...], columns: Mapping[str, Column], counted: str) -> None:
        self._rules = rules
        self._counted = columns[counted].word
        ops = [_compiled(rule, columns) for rule in rules]
        self._plain = any(op is None for op in ops)
        self._ops: Longs = np.array([part for op in ops if op for part in op], dtype=np.int64).ravel()

    def hold(self, results: Results, record: Callable[[int], Any]) -> None:
        """Hold records against the rules; ``record`` gives one as its object.

        Raises:
            QualityStop: one breaks a rule.
        """
        if self._plain:
            for i in range(len(results)):
                hold(self._rules, record(i))
        elif len(self._ops) and len(results):
            facts = results.facts
            broken = first_broken(facts.ravel(), facts.shape[1], len(facts), self._counted, self._ops)
            if broken >= 0:
                hold(self._rules, record(broken))
                raise AssertionError("a rule means one thing in a kernel and another in Python")


def _compiled(rule: Rule, columns: Mapping[str, Column]) -> list[list[int]] | None:
    """Return a rule as comparisons; None: it is something else."""
    if isinstance(rule, Compare) and rule.times == 1000 and rule.must_be in _ORDERS:
        left, right = columns.get(rule.left), columns.get(rule.right)
        if left and right:
            return [[left.word, left.words, _ORDERS[rule.must_be], right.word, right.words, 0, 0]]
    if isinstance(rule, Range) and (column := columns.get(rule.field)):
        bounds = [(">=", rule.least), ("<=", rule.most)]
        given = [(order, bound) for order, bound in bounds if bound is not None]
        if all(abs(bound) < 1 << _NUMBER_BITS for _, bound in given):
            return [[column.word, column.words, _ORDERS[order], -1, 0, *_words(bound)] for order, bound in given]
    return None


def _words(number: int) -> tuple[int, int]:
    low = number & ((1 << 64) - 1)
    return low - (1 << 64 if low >> 63 else 0), number >> 64
