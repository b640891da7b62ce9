"""Bars in plain Python, an oracle of the fold's kernels: from exact sums to what a bar says, and its bytes."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

from schemas.catalog import INTERVALS
from schemas.contracts import contract
from udfs.values.decimals import ONE, PLACES, half_even, plain
from udfs.values.times import SECOND
from udfs.windows.bar_objects import Bar, QuoteBar
from udfs.wire.avro import unscaled, write_decimal, write_long, write_text

_BAR = contract("bar", 1).header
_QUOTE_BAR = contract("quote_bar").header
_VALUE = 28  # digits of a price or size
_SUM = 38  # digits of a volume


def encode(bar: Bar | QuoteBar) -> bytes:
    """Return the Kafka value.

    Raises:
        ValueError: a decimal is wider than its contract.
    """
    return _encode_bar(bar) if isinstance(bar, Bar) else _encode_quote_bar(bar)


def _encode_bar(bar: Bar) -> bytes:
    return b"".join(
        (
            _BAR,
            write_text(bar.entity_id),
            write_text(bar.interval),
            write_long(bar.window_start),
            write_long(bar.window_end),
            write_decimal(bar.open, _VALUE),
            write_decimal(bar.high, _VALUE),
            write_decimal(bar.low, _VALUE),
            write_decimal(bar.close, _VALUE),
            write_decimal(bar.volume, _SUM),
            write_text(bar.notional),
            write_decimal(bar.vwap, _VALUE),
            write_long(bar.trade_count),
            write_text(bar.first_trade_id),
            write_text(bar.last_trade_id),
            write_decimal(bar.buy_volume, _SUM),
            write_text(bar.buy_notional),
            write_long(bar.version),
        )
    )


def _encode_quote_bar(bar: QuoteBar) -> bytes:
    return b"".join(
        (
            _QUOTE_BAR,
            write_text(bar.entity_id),
            write_long(bar.window_start),
            write_long(bar.window_end),
            write_decimal(bar.bid_price, _VALUE),
            write_decimal(bar.bid_size, _VALUE),
            write_decimal(bar.ask_price, _VALUE),
            write_decimal(bar.ask_size, _VALUE),
            write_decimal(bar.spread, _VALUE),
            write_decimal(bar.mid, _VALUE + 1),
            write_decimal(bar.microprice, _VALUE),
            write_decimal(bar.imbalance, _VALUE),
            write_long(bar.quote_count),
            write_long(bar.version),
        )
    )


def _scaled(text: str) -> int:
    try:
        return unscaled(Decimal(text), PLACES)
    except InvalidOperation:
        raise ValueError(f"{text!r} is not a decimal") from None


def _extreme(value: Decimal | None, name: str) -> int:
    if value is None:
        raise ValueError(f"{name} is null: the engine's decimal overflowed, or the window is empty")
    return unscaled(value, PLACES)


def key_time(key: str) -> int:
    """Return the event time, µs, that a sort key begins with."""
    return int(key[:16])


def _trade_key(key: str | None) -> tuple[int, str]:
    """Split ``<34 digits of time and sequence>|<price>|<venue trade id>``."""
    if key is None:
        raise ValueError("a window with trades has no sort key")
    _, price, trade_id = key.split("|", 2)
    return _scaled(price), trade_id


def finish_bar(
    entity_id: str,
    interval: str,
    window_start: int,
    trade_count: int,
    open_key: str | None,
    close_key: str | None,
    high: Decimal | None,
    low: Decimal | None,
    sums: Sequence[int],
    version: int | None = None,
) -> Bar:
    """Derive a bar; one whose trades are all cancelled has zeros in every column but the version.

    Args:
        entity_id: the entity.
        interval: one of ``INTERVALS``.
        window_start: µs UTC, inclusive.
        trade_count: trades in the window that are not cancelled.
        open_key: smallest sort key ``<time><ingest day><sequence>|<price>|<venue trade id>``; None without a trade.
        close_key: largest sort key.
        high: largest price.
        low: smallest price.
        sums: of sizes, of notionals, and both of those that the taker bought; ·1e12 and ·1e24.
        version: contributing events, revisions and cancelled trades among them, at least 1; None: the trades.

    Raises:
        ValueError: something is null, malformed or wider than the contract: never a wrong number.
    """
    version = trade_count if version is None else version
    if not 0 <= trade_count <= version or version < 1:
        raise ValueError(f"expected at least one event, and no more trades than events: {trade_count} of {version}")
    volume, notional, buy_volume, buy_notional = sums
    if trade_count == 0:
        return _empty_bar(entity_id, interval, window_start, sums, version)
    if volume <= 0 or volume >= 10**_SUM:
        raise ValueError(f"volume {plain(volume, PLACES)} does not fit the contract")
    opened, first_id = _trade_key(open_key)
    closed, last_id = _trade_key(close_key)
    return Bar(
        entity_id=entity_id,
        interval=interval,
        window_start=window_start,
        window_end=window_start + INTERVALS[interval],
        open=opened,
        high=_extreme(high, "high"),
        low=_extreme(low, "low"),
        close=closed,
        volume=volume,
        notional=plain(notional, 2 * PLACES),
        vwap=half_even(notional, volume),
        trade_count=trade_count,
        first_trade_id=first_id,
        last_trade_id=last_id,
        buy_volume=buy_volume,
        buy_notional=plain(buy_notional, 2 * PLACES),
        version=version,
    )


def _empty_bar(entity_id: str, interval: str, window_start: int, sums: Sequence[int], version: int) -> Bar:
    """Return the bar of a window whose trades are all cancelled: its key and version replace what was there before."""
    if any(sums):
        raise ValueError(f"no trades, but sums of {sums}")
    end = window_start + INTERVALS[interval]
    return Bar(entity_id, interval, window_start, end, 0, 0, 0, 0, 0, "0", 0, 0, "", "", 0, "0", version)


def finish_quote_bar(entity_id: str, window_start: int, quote_count: int, close_key: str) -> QuoteBar:
    """Derive the quote bar of one second from its last quote.

    Args:
        entity_id: the entity.
        window_start: µs UTC, inclusive.
        quote_count: quotes in the window, at least 1.
        close_key: largest sort key ``<time><ingest day><sequence>|<bid price>|<bid size>|<ask price>|<ask size>``.

    Raises:
        ValueError: something is malformed.
    """
    if quote_count < 1:
        raise ValueError(f"expected at least one quote, got {quote_count}")
    bid, bid_size, ask, ask_size = (_scaled(part) for part in close_key.split("|")[1:])
    depth = bid_size + ask_size
    return QuoteBar(
        entity_id=entity_id,
        window_start=window_start,
        window_end=window_start + SECOND,
        bid_price=bid,
        bid_size=bid_size,
        ask_price=ask,
        ask_size=ask_size,
        spread=ask - bid,
        mid=(bid + ask) * 5,
        microprice=half_even(bid * ask_size + ask * bid_size, depth) if depth else half_even(bid + ask, 2),
        imbalance=half_even((bid_size - ask_size) * ONE, depth) if depth else 0,
        quote_count=quote_count,
        version=quote_count,
    )
