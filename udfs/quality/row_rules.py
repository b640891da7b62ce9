"""Rules over kinds whose rows are rare: each row is judged by itself, by its exact numbers.

What fails leaves no trace in what others are compared with, as in ``udfs.quality.column_rules``.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from schemas.quality import Rule
from udfs.kernels.slices import Codes, Longs
from udfs.quality.checks import Number, violated
from udfs.quality.column_rules import reject, row_values
from udfs.quality.memory import Memory
from udfs.quality.verdicts import flag
from udfs.values.decimals import ONE
from udfs.values.rejects import Reject
from udfs.values.times import DAY, SECOND
from udfs.venues.facts import ActionFact, CloseFact, Fact
from udfs.venues.frames import RevisionRow
from udfs.wire.envelope import Envelopes
from udfs.wire.low_rate import LowRateRecord

Rare = RevisionRow | Fact
Numbers = dict[str, Number | None]
_MICRO = ONE // SECOND
#: Sessions begin in 1900, times that can be remembered in 1970.
_DAYS_BEFORE = 40_000


class RareGate:
    """The rules of one normalized topic."""

    def __init__(self, topic: str, rules: tuple[Rule, ...]) -> None:
        self._topic = topic
        self._failing = tuple(rule for rule in rules if rule.action == "fail")
        self._passing = tuple(rule for rule in rules if rule.action != "fail")
        self._remembers = any(rule.memory for rule in rules)

    def rejects(self, rows: Sequence[tuple[int, Rare]], received: Longs) -> dict[int, Reject]:
        """Return the records with a row that fails, each with the first rule that its first such row breaks."""
        found: dict[int, Reject] = {}
        for i, row in rows:
            values = numbers(row, int(received[i]))
            broken = next((rule for rule in self._failing if violated(rule, values)), None)
            if broken is not None:
                found.setdefault(i, reject(broken, values))
        return found

    def flags(
        self, env: Envelopes, rows: Sequence[tuple[int, Rare]], received: Longs, memory: Memory, entity: Codes
    ) -> list[LowRateRecord]:
        """Return the flags of the rows that passed, and remember them.

        Args:
            env: the batch, under the ids of its records.
            rows: which envelope each came in, in log order.
            received: when each envelope first came, µs.
            memory: of the shard.
            entity: the number of each envelope's entity.

        Raises:
            QualityStop: a rule says so.
        """
        if not (rows and self._passing):
            return []
        known = self._known(rows, received)
        if self._remembers:
            self._recall(known, rows, memory, entity)
        found = []
        for (i, row), values in zip(rows, known, strict=True):
            event_time = row.event_time if isinstance(row, RevisionRow) else int(env.event_time[i])
            who = env.entity_ids[i].decode(), env.event_ids[i].decode()
            found += [
                flag(self._topic, *who, event_time, rule, values).record()
                for rule in self._passing
                if violated(rule, values)
            ]
        return found

    def _known(self, rows: Sequence[tuple[int, Rare]], received: Longs) -> list[Numbers]:
        return [numbers(row, int(received[i])) for i, row in rows]

    def _recall(self, known: list[Numbers], rows: Sequence[tuple[int, Rare]], memory: Memory, entity: Codes) -> None:
        """Add the values of earlier sessions. A price is remembered to 12 decimals; the rest is cut off."""
        closes = [row for _, row in rows if isinstance(row, CloseFact)]
        times = np.array([(row.date + _DAYS_BEFORE) * DAY for row in closes], dtype=np.int64)
        prices = [divmod(int(Fraction(row.close) * ONE), ONE) for row in closes]
        whole, part = np.array(prices, dtype=np.int64).T
        which = entity[np.array([i for i, _ in rows], dtype=np.int64)]
        columns = memory.observe(int(which.max()) + 1, which, times, (whole, part))
        for n, values in enumerate(known):
            values.update(row_values(columns, n))


def numbers(row: Rare, received: int) -> Numbers:
    """Return what rules about content look at, as value·1e12; ``received`` is when the row first came, µs.

    What a source leaves out is None.
    """
    if isinstance(row, RevisionRow):
        lag, age = (received - row.event_time) * _MICRO, (row.event_time - row.trade_time) * _MICRO
        return {"price": row.price, "size": row.size, "lag": lag, "age": age}
    if isinstance(row, ActionFact):
        return {"amount": _scaled(row.amount), "ratio": row.ratio * ONE}
    close = _scaled(row.close)
    return {
        "close": close, "price": close, "volume": _scaled(row.volume),
        "published_adjusted_close": _scaled(row.published),
    }  # fmt: skip


def _scaled(text: str) -> Fraction | None:
    return Fraction(text) * ONE if text else None
