"""Binance spot, USD-M and COIN-M futures, and the simulator: bare frames and combined streams.

The simulator alone also cancels and corrects trades, as equities feeds do; Binance has no such messages.
"""

from __future__ import annotations

import re
from typing import Any

from udfs.values import decimals
from udfs.values.rejects import Reject, shown
from udfs.values.times import from_millis
from udfs.venues.frames import (
    MAX_NUMBER,
    UNASSIGNED,
    Frame,
    QuoteRow,
    RevisionRow,
    TradeRow,
    decode,
    digest,
    instrument,
    need,
    own_number,
    whole_number,
)

AGGREGATE = "@agg"
_CHANNELS = {
    "trade": "trade",
    "aggTrade": "agg_trade",
    "bookTicker": "book_ticker",
    "depthUpdate": "depth",
    "tradeCancel": "trade_cancel",
    "tradeCorrect": "trade_correct",
}
# Upper case, digits and any letters of scripts without case (Binance lists some); never ':' '@' '#' or blanks.
_SYMBOL = re.compile(r"(?:[^\W_a-z]|_){1,40}")


def parse(payload: bytes) -> Frame:
    """Find a frame's identity.

    Raises:
        Reject: the frame is malformed or names no channel or instrument.
    """
    body = decode(payload)
    if isinstance(body, dict) and "stream" in body and "data" in body:
        body = body["data"]
    if not isinstance(body, dict):
        raise Reject("wrong_type", f"expected an object, got {shown(body)}")
    channel = _channel(body)
    if channel == UNASSIGNED:
        return Frame(UNASSIGNED, "", digest(payload), None, None)
    symbol = instrument(need(body, "s"), "s", _SYMBOL)
    return Frame(
        channel, symbol, _venue_id(body, channel), _time(body), body, AGGREGATE if channel == "agg_trade" else ""
    )


def _channel(body: dict[str, Any]) -> str:
    name = body.get("e")
    if name is None and "e" not in body:
        if "lastUpdateId" in body or "result" in body or "error" in body:
            return UNASSIGNED  # depth snapshot, acknowledgement: known, of no instrument
        if "u" in body and "b" in body and "a" in body:
            return "book_ticker"  # spot sends no name
        raise Reject("unknown_channel", "the frame names no event")
    if not isinstance(name, str):
        raise Reject("wrong_type", f"e: expected an event name, got {shown(name)}")
    if name not in _CHANNELS:
        raise Reject("unknown_channel", f"e: {shown(name)}")
    return _CHANNELS[name]


def _venue_id(body: dict[str, Any], channel: str) -> str:
    if channel == "trade":
        return whole_number(body, "t")
    if channel == "agg_trade":
        return whole_number(body, "a")
    if channel in ("trade_cancel", "trade_correct"):
        return whole_number(body, "i")
    if channel == "depth":
        return f"{whole_number(body, 'U')}-{whole_number(body, 'u')}"
    return whole_number(body, "u")


def _time(body: dict[str, Any]) -> int | None:
    try:
        return _venue_time(body)
    except Reject:
        return None


def _venue_time(body: dict[str, Any]) -> int | None:
    """Return the transaction time, else the event time, in µs; None when the frame has neither.

    Raises:
        Reject: ``wrong_type`` or ``bad_time``.
    """
    for field in ("T", "E"):
        if field in body:
            return from_millis(body[field], field)
    return None


def trades(frame: Frame) -> list[TradeRow]:
    """Read ``trade`` and ``aggTrade`` frames.

    Raises:
        Reject: a field is missing, mistyped or out of range.
    """
    body = frame.body
    time = from_millis(need(body, "T"), "T")
    price = decimals.parse(need(body, "p"), "p", zero=False)
    size = decimals.parse(need(body, "q"), "q", zero=False)
    maker_bought = need(body, "m")
    if not isinstance(maker_bought, bool):
        raise Reject("wrong_type", f"m: expected true or false, got {shown(maker_bought)}")
    decimals.check_notional(price, size)
    return [TradeRow(time, frame.venue_id, price, size, "sell" if maker_bought else "buy")]


def quotes(frame: Frame) -> list[QuoteRow]:
    """Read ``bookTicker`` frames.

    Raises:
        Reject: a field is missing, mistyped or out of range.
    """
    body = frame.body
    time = _venue_time(body)
    return [
        QuoteRow(
            time,
            frame.venue_id,
            decimals.parse(need(body, "b"), "b", zero=False),
            decimals.parse(need(body, "B"), "B", zero=True),
            decimals.parse(need(body, "a"), "a", zero=False),
            decimals.parse(need(body, "A"), "A", zero=True),
        )
    ]


def numbers(frame: Frame) -> tuple[int, int] | None:
    """Return the numbers that a frame carries: trade id, aggregate trade id, or the update ids of a depth frame.

    A depth frame of the futures follows the one that ends with ``pu``; on spot it follows the one that ends before
    ``U``.
    """
    if frame.channel != "depth":
        return own_number(frame)
    first, last = frame.body["U"], frame.body["u"]
    if type(before := frame.body.get("pu")) is int and before >= 0:
        first = before + 1
    return (first, last) if first <= last < MAX_NUMBER else None


def revisions(frame: Frame) -> list[RevisionRow]:
    """Read ``tradeCancel`` and ``tradeCorrect`` frames.

    Raises:
        Reject: a field is missing, mistyped or out of range, or the trade is later than its revision.
    """
    body = frame.body
    time = from_millis(need(body, "T"), "T")
    trade_id = whole_number(body, "t")
    trade_time = from_millis(need(body, "O"), "O")
    if trade_time > time:
        raise Reject("bad_time", f"O: the trade is later than its revision, {trade_time} > {time}")
    revision = int(whole_number(body, "r"))
    if frame.channel == "trade_cancel":
        return [RevisionRow(time, trade_id, trade_time, revision)]
    price = decimals.parse(need(body, "p"), "p", zero=False)
    size = decimals.parse(need(body, "q"), "q", zero=False)
    decimals.check_notional(price, size)
    return [RevisionRow(time, trade_id, trade_time, revision, price, size)]
