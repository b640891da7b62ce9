"""Finished bars as objects, read out of their bytes: for the words of a rule that one breaks, and for tests."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.contracts import contract


@dataclass(frozen=True, slots=True)
class Bar:
    """One record of the ``bar`` contract: times in µs, decimals as value·1e12, notionals as plain text."""

    entity_id: str
    interval: str
    window_start: int
    window_end: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    notional: str
    vwap: int
    trade_count: int
    first_trade_id: str
    last_trade_id: str
    buy_volume: int
    buy_notional: str
    version: int
    last_trade_time: int | None = None


@dataclass(frozen=True, slots=True)
class QuoteBar:
    """One record of the ``quote_bar`` contract: times in µs, decimals as value·1e12 (``mid``: ·1e13)."""

    entity_id: str
    window_start: int
    window_end: int
    bid_price: int
    bid_size: int
    ask_price: int
    ask_size: int
    spread: int
    mid: int
    microprice: int
    imbalance: int
    quote_count: int
    version: int


class Reader:
    """Reads Avro fields in order."""

    def __init__(self, value: bytes) -> None:
        self._value = value
        self._place = 5  # behind the header

    def long(self) -> int:
        raw = shift = 0
        while True:
            byte = self._value[self._place]
            self._place += 1
            raw |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return (raw >> 1) ^ -(raw & 1)

    def bytes(self) -> bytes:
        size = self.long()
        self._place += size
        return self._value[self._place - size : self._place]

    def text(self) -> str:
        return self.bytes().decode()

    def decimal(self) -> int:
        return int.from_bytes(self.bytes(), "big", signed=True)


def read_bar(value: bytes) -> Bar:
    """Return the bar of a record of ``analytics.bar.v1``, of any version of its contract."""
    r = Reader(value)
    head = (r.text(), r.text(), r.long(), r.long(), r.decimal(), r.decimal(), r.decimal(), r.decimal(), r.decimal())
    rest = (r.text(), r.decimal(), r.long(), r.text(), r.text(), r.decimal(), r.text(), r.long())
    timed = value[:5] != contract("bar", 1).header
    return Bar(*head, *rest, r.long() if timed and r.long() else None)


def read_quote_bar(value: bytes) -> QuoteBar:
    """Return the quote bar of a record of ``analytics.quote_bar.v1``."""
    r = Reader(value)
    head = (r.text(), r.long(), r.long())
    book = (r.decimal(), r.decimal(), r.decimal(), r.decimal())
    derived = (r.decimal(), r.decimal(), r.decimal(), r.decimal())
    return QuoteBar(*head, *book, *derived, r.long(), r.long())
