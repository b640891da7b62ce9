"""The window fold, plainly: lists of records per window, and the project's own words for what a bar is.

Records are dictionaries of the few fields that matter; ``trade`` and ``quote`` write them as the wire has them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from support.finishing import encode, finish_bar, finish_quote_bar

from schemas.catalog import INTERVALS
from schemas.contracts import contract
from udfs.wire.avro import write_decimal, write_long, write_text

DAY = 86_400_000_000
SECOND = 1_000_000
HORIZON, SKEW = 120 * SECOND, 5 * SECOND
KEEP = HORIZON + 2 * SKEW


class Trade(NamedTuple):
    entity: str
    time: int
    ingest: int
    seq: int
    trade_id: str
    price: int
    size: int
    side: str

    @property
    def order(self) -> tuple[int, int, int]:
        return self.time, self.ingest // DAY, self.seq

    def wire(self) -> bytes:
        fields = [write_text(self.trade_id), write_decimal(self.price, 28), write_decimal(self.size, 28)]
        return b"".join([*head("trade", self), *fields, write_text(self.side)])


class Quote(NamedTuple):
    entity: str
    time: int
    ingest: int
    seq: int
    values: tuple[int, int, int, int]

    @property
    def order(self) -> tuple[int, int, int]:
        return self.time, self.ingest // DAY, self.seq

    def wire(self) -> bytes:
        values = [write_decimal(value, 28) for value in self.values]
        return b"".join([*head("quote", self), write_text("u1"), *values])


class Revision(NamedTuple):
    """A cancel, or a correction: it has a price and a size. ``time`` is that of the trade, ``decided`` its own."""

    entity: str
    time: int
    ingest: int
    seq: int
    trade_id: str = "7"
    revision: int = 1
    decided: int = 0
    price: int = 0
    size: int = 0

    @property
    def kind(self) -> str:
        return "trade_correct" if self.price else "trade_cancel"

    @property
    def rank(self) -> tuple[int, int, int, int]:
        """By which the last one wins."""
        return self.revision, self.decided, self.ingest // DAY, self.seq

    def wire(self) -> bytes:
        fields = head(self.kind, self, sourced=False)
        fields += [write_text(self.trade_id), write_long(self.time), write_long(self.revision)]
        numbers = (self.price, self.size) if self.price else ()
        return b"".join([*fields, *(write_decimal(number, 28) for number in numbers)])


def head(name: str, record: Trade | Quote | Revision, *, sourced: bool = True) -> list[bytes]:
    """Write what records begin with."""
    event = record.decided if isinstance(record, Revision) else record.time
    venue, symbol = record.entity.split(":", 1)
    return [
        contract(name).header,
        write_text(f"{record.entity}:{record.seq}" * (1 + record.seq % 3)),
        write_text(record.entity),
        write_text(venue),
        write_text(symbol),
        write_long(event),
        *([write_text("venue")] if sourced else []),
        write_long(record.ingest),
        write_long(record.ingest // DAY),
        write_long(record.seq),
        write_text("source"),
        write_long(record.seq),
    ]


def decimal(scaled: int) -> Decimal:
    """Return value·1e12 as a decimal; arithmetic would round."""
    return Decimal((0, tuple(map(int, str(scaled))), -12))


def bar(key: tuple[str, str, int], trades: list[Trade], events: int | None = None) -> bytes:
    """Return the bar of a set of trades, by plain sums and the plain finishing.

    ``events``: how many there are with cancelled trades and revisions.
    """
    if not trades:
        return encode(finish_bar(*key, 0, None, None, None, None, (0, 0, 0, 0), events))

    def sort_key(trade: Trade) -> str:
        place = (100_000 + trade.ingest // DAY) * 10**12 + trade.seq
        return f"{trade.time:016d}{place}|{decimal(trade.price)}|{trade.trade_id}"

    def sums(chosen: list[Trade]) -> tuple[int, int]:
        return sum(trade.size for trade in chosen), sum(trade.price * trade.size for trade in chosen)

    keys = [sort_key(trade) for trade in trades]
    prices = [decimal(trade.price) for trade in trades]
    totals = (*sums(trades), *sums([trade for trade in trades if trade.side == "buy"]))
    extremes = (max(prices), min(prices))
    return encode(finish_bar(*key, len(trades), min(keys), max(keys), *extremes, totals, events))


def quote_bar(key: tuple[str, str, int], quotes: list[Quote]) -> bytes:
    """Return the quote bar of a set of quotes."""
    last = max(quotes, key=lambda quote: quote.order)
    place = (100_000 + last.ingest // DAY) * 10**12 + last.seq
    values = "|".join(str(decimal(value)) for value in last.values)
    return encode(finish_quote_bar(key[0], key[2], len(quotes), f"{last.time:016d}{place}|{values}"))


Key = tuple[str, str, int]


@dataclass
class Plain:
    """Takes records in log order; knows what each version of each window must be."""

    finish: Callable[..., bytes] = bar
    intervals: tuple[str, ...] = tuple(INTERVALS)
    windows: dict[Key, list[Trade | Quote]] = field(default_factory=dict)
    revised: set[Key] = field(default_factory=set)
    opened_none: int = 0
    _last: dict[tuple[str, int], int] = field(default_factory=dict)
    _max_ingest: dict[str, int] = field(default_factory=dict)
    _versions: dict[tuple[Key, int], bytes] = field(default_factory=dict)

    def add(self, record: Trade | Quote) -> None:
        scope = record.entity, record.ingest // DAY
        if record.seq <= self._last.get(scope, 0):
            return
        self._last[scope] = record.seq
        max_ingest = self._max_ingest[record.entity] = max(self._max_ingest.get(record.entity, -1), record.ingest)
        taken = 0
        for interval in self.intervals:
            length = INTERVALS[interval]
            start = record.time // length * length
            if start + length + KEEP > max_ingest:
                self.windows.setdefault((record.entity, interval, start), []).append(record)
                taken += 1
        self.opened_none += not taken

    def version(self, key: Key, count: int) -> bytes:
        """Return what the window said when it had so many records."""
        found = self._versions.get((key, count))
        if found is None:
            found = self._versions[key, count] = self.finish(key, self.windows[key][:count])
        return found
