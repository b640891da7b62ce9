"""Accepted rows, merged in log order: those of the compiled scanner, by record, and those of the gate, one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from udfs.kernels.scanning import NUMBERS
from udfs.kernels.slices import Bits, Longs
from udfs.values.decimals import ONE
from udfs.venues.frames import QuoteRow, TradeRow


@dataclass(slots=True)
class Accepted:
    """Rows in log order: see ``udfs.rows.batches.Rows``; where a quote's ``flag`` is 1, its time is not set."""

    rows: Longs
    part: Longs
    time: Longs
    numbers: Longs
    flag: Bits

    def keep(self, which: Longs) -> Accepted:
        """Return some of the rows, in this order."""
        numbers = np.ascontiguousarray(self.numbers[:, which])
        return Accepted(self.rows[which], self.part[which], self.time[which], numbers, self.flag[which])


class Table:
    """Columns by record, for the scanner, and rows of the gate besides."""

    def __init__(self, records: int) -> None:
        self.time: Longs = np.empty(records, dtype=np.int64)
        self.numbers: Longs = np.empty((NUMBERS, records), dtype=np.int64)
        self.flag: Bits = np.empty(records, dtype=np.int8)
        self._slow: list[tuple[int, int, list[int]]] = []

    def add(self, record: int, rows: Sequence[TradeRow | QuoteRow]) -> None:
        """Add what the gate accepted of one record."""
        for part, row in enumerate(rows):
            values = _trade(row) if isinstance(row, TradeRow) else _quote(row)
            self._slow.append((record, part if len(rows) > 1 else -1, values))

    def rows(self, scanned: Any) -> Accepted:
        """Return all rows in log order; ``scanned`` says which records the scanner has filled."""
        if not self._slow and scanned.all():
            rows = np.arange(len(self.time))
            part = np.full(len(rows), -1, dtype=np.int64)
            return Accepted(rows, part, self.time, self.numbers, self.flag)
        rows = np.flatnonzero(scanned)
        part = np.full(len(rows), -1, dtype=np.int64)
        time, flag = self.time[rows], self.flag[rows]
        numbers = self.numbers[:, rows]
        if self._slow:
            values = np.array([row[2] for row in self._slow], dtype=np.int64).T
            rows = np.concatenate([rows, [row[0] for row in self._slow]])
            part = np.concatenate([part, [row[1] for row in self._slow]])
            order = np.argsort(rows, kind="stable")
            rows, part = rows[order], part[order]
            time = np.concatenate([time, values[0]])[order]
            flag = np.concatenate([flag, values[1].astype(np.int8)])[order]
            numbers = np.concatenate([numbers, values[2:]], axis=1)[:, order]
        return Accepted(rows, part, time, np.ascontiguousarray(numbers), flag)


def _halves(*values: int) -> list[int]:
    return [half for value in values for half in divmod(value, ONE)]


def _trade(row: TradeRow) -> list[int]:
    flag = {"buy": 1, "sell": -1}[row.aggressor]
    return [row.event_time, flag, *_halves(row.price, row.size, 0, 0)]


def _quote(row: QuoteRow) -> list[int]:
    decimals = _halves(row.bid_price, row.bid_size, row.ask_price, row.ask_size)
    timeless = row.event_time is None
    return [0 if row.event_time is None else row.event_time, int(timeless), *decimals]
