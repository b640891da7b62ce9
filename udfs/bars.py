"""What a finished bar says, as an object: for the words of a rule that one breaks."""

from __future__ import annotations

from dataclasses import dataclass

from udfs.times import DAY, SECOND

INTERVALS = {"1s": SECOND, "1m": 60 * SECOND, "5m": 300 * SECOND, "1h": 3_600 * SECOND, "1d": DAY}


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
