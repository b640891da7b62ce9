"""Kraken WebSocket v1: ``[channel number, data, "trade" | "spread", pair]``; one trade frame holds many prints."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from udfs.values import decimals
from udfs.values.rejects import Reject, shown
from udfs.values.times import from_seconds
from udfs.venues.frames import CONTROL, Frame, QuoteRow, TradeRow, decode, digest, instrument

_CHANNELS = {"trade", "spread"}
_SYMBOL = re.compile(r"[0-9A-Z.]{1,20}/[0-9A-Z.]{1,20}", re.ASCII)
_SIDES = {"b": "buy", "s": "sell"}  # of the taker


def parse(payload: bytes) -> Frame:
    """Find a frame's identity: the venue has no ids, so it is a digest of the data (not of the channel number).

    Raises:
        Reject: the frame is malformed or names no channel or instrument.
    """
    body = decode(payload)
    if isinstance(body, dict):
        if not isinstance(body.get("event"), str):
            raise Reject("unknown_channel", "the message names no event")
        return Frame(CONTROL, "", digest(payload), None, None)
    if not isinstance(body, list):
        raise Reject("wrong_type", f"expected an array, got {shown(body)}")
    if len(body) != 4:
        raise Reject("missing_field", f"expected 4 elements, got {len(body)}")
    _, data, channel, pair = body
    if not isinstance(channel, str):
        raise Reject("wrong_type", f"channel: expected a name, got {shown(channel)}")
    if channel not in _CHANNELS:
        raise Reject("unknown_channel", f"channel: {shown(channel)}")
    symbol = instrument(pair, "pair", _SYMBOL)
    if not isinstance(data, list):
        raise Reject("wrong_type", f"data: expected an array, got {shown(data)}")
    return Frame(channel, symbol, digest(msgspec.json.encode(data)), _time(channel, data), data)


def _time(channel: str, data: list[Any]) -> int | None:
    """Return the newest time in the frame."""
    try:
        if channel == "spread":
            return from_seconds(data[2], "timestamp")
        return max(from_seconds(_print(trade)[2], "time") for trade in data)
    except (Reject, IndexError, ValueError):
        return None


def _print(trade: Any) -> list[Any]:
    if not isinstance(trade, list):
        raise Reject("wrong_type", f"trade: expected an array, got {shown(trade)}")
    if len(trade) < 4:
        raise Reject("missing_field", f"trade: expected price, volume, time, side; got {len(trade)} elements")
    return trade


def _trade(trade: Any) -> TradeRow:
    price_text, size_text, time_text, side, *_ = _print(trade)
    time = from_seconds(time_text, "time")
    price = decimals.parse(price_text, "price", zero=False)
    size = decimals.parse(size_text, "volume", zero=False)
    if not isinstance(side, str) or side not in _SIDES:
        raise Reject("wrong_type", f"side: expected b or s, got {shown(side)}")
    decimals.check_notional(price, size)
    return TradeRow(time, "", price, size, _SIDES[side])


def trades(frame: Frame) -> list[TradeRow]:
    """Read ``trade`` frames: one row per print, all or none.

    Raises:
        Reject: a field is missing, mistyped or out of range, or there is no print.
    """
    if not frame.body:
        raise Reject("missing_field", "expected at least one trade")
    return [_trade(trade) for trade in frame.body]


def quotes(frame: Frame) -> list[QuoteRow]:
    """Read ``spread`` frames: ``[bid, ask, timestamp, bid volume, ask volume]``.

    Raises:
        Reject: a field is missing, mistyped or out of range.
    """
    data = frame.body
    if len(data) < 5:
        raise Reject("missing_field", f"expected bid, ask, timestamp, two volumes; got {len(data)} elements")
    bid, ask, time, bid_size, ask_size, *_ = data
    return [
        QuoteRow(
            from_seconds(time, "timestamp"),
            "",
            decimals.parse(bid, "bid", zero=False),
            decimals.parse(bid_size, "bid volume", zero=True),
            decimals.parse(ask, "ask", zero=False),
            decimals.parse(ask_size, "ask volume", zero=True),
        )
    ]
