"""Coinbase Exchange: ``match`` and ``ticker``."""

from __future__ import annotations

import re
from typing import Any

from udfs.values import decimals
from udfs.values.rejects import Reject, shown
from udfs.values.times import from_iso
from udfs.venues.frames import (
    CONTROL,
    Frame,
    QuoteRow,
    TradeRow,
    decode,
    digest,
    instrument,
    need,
    own_number,
    whole_number,
)

# last_match is sent once after a subscription: the same print, under the same trade_id.
_CHANNELS = {"match": "match", "last_match": "match", "ticker": "ticker"}
_CONTROL = {"subscriptions", "heartbeat", "status", "error"}
_SYMBOL = re.compile(r"[0-9A-Z]{1,20}(?:-[0-9A-Z]{1,20}){1,3}", re.ASCII)
# The venue names the maker's side; ours is the taker's.
_AGGRESSOR = {"sell": "buy", "buy": "sell"}


def parse(payload: bytes) -> Frame:
    """Find a frame's identity.

    Raises:
        Reject: the frame is malformed or names no channel or instrument.
    """
    body = decode(payload)
    if not isinstance(body, dict):
        raise Reject("wrong_type", f"expected an object, got {shown(body)}")
    kind = need(body, "type")
    if not isinstance(kind, str):
        raise Reject("wrong_type", f"type: expected a message type, got {shown(kind)}")
    if kind in _CONTROL:
        return Frame(CONTROL, "", digest(payload), None, None)
    if kind not in _CHANNELS:
        raise Reject("unknown_channel", f"type: {shown(kind)}")
    channel = _CHANNELS[kind]
    symbol = instrument(need(body, "product_id"), "product_id", _SYMBOL)
    venue_id = whole_number(body, "trade_id" if channel == "match" else "sequence")
    return Frame(channel, symbol, venue_id, _time(body), body)


def _time(body: dict[str, Any]) -> int | None:
    try:
        return from_iso(body.get("time"), "time")
    except Reject:
        return None


def trades(frame: Frame) -> list[TradeRow]:
    """Read ``match`` frames.

    Raises:
        Reject: a field is missing, mistyped or out of range.
    """
    body = frame.body
    time = from_iso(need(body, "time"), "time")
    price = decimals.parse(need(body, "price"), "price", zero=False)
    size = decimals.parse(need(body, "size"), "size", zero=False)
    side = need(body, "side")
    if not isinstance(side, str) or side not in _AGGRESSOR:
        raise Reject("wrong_type", f"side: expected buy or sell, got {shown(side)}")
    decimals.check_notional(price, size)
    return [TradeRow(time, frame.venue_id, price, size, _AGGRESSOR[side])]


def quotes(frame: Frame) -> list[QuoteRow]:
    """Read ``ticker`` frames.

    Raises:
        Reject: a field is missing, mistyped or out of range.
    """
    body = frame.body
    time = from_iso(need(body, "time"), "time")
    return [
        QuoteRow(
            time,
            frame.venue_id,
            decimals.parse(need(body, "best_bid"), "best_bid", zero=False),
            decimals.parse(need(body, "best_bid_size"), "best_bid_size", zero=True),
            decimals.parse(need(body, "best_ask"), "best_ask", zero=False),
            decimals.parse(need(body, "best_ask_size"), "best_ask_size", zero=True),
        )
    ]


def numbers(frame: Frame) -> tuple[int, int] | None:
    """Return the trade id of a ``match``, the sequence number of a ``ticker``."""
    return own_number(frame)
