"""Reference data: ``{"channel", "symbol", "fields", …}`` around one untouched row of a file, every value as text.

``fields`` is either our own form (``action_id, revision, status, kind, ex_date, …`` or ``date, close, …``) or a row of
daily prices as yfinance writes it: ``Datetime, Close, Adj Close, Volume, Dividends, Stock Splits``. Such a row is up to
three frames, distinguished by ``channel`` and ``kind``; its closes and dividends are already adjusted for splits.
What a file cannot say comes from the collector: ``symbol``, ``currency``, ``revision``.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

import msgspec

from udfs.values import exact
from udfs.values.rejects import Reject, shown
from udfs.values.times import from_iso
from udfs.venues.facts import (
    ANNOUNCED,
    AS_TRADED,
    CANCELLED,
    DIVIDEND,
    SHARES,
    SPLIT_ADJUSTED,
    SYMBOL_CHANGE,
    ActionFact,
    CloseFact,
    Fact,
)
from udfs.venues.frames import Frame, decode, instrument, need

ACTION, CLOSE = "corporate_action", "daily_close"
#: What a source publishes as adjusted: it restates itself in every edition, with each later dividend, so that the fact
#: of the row is the same with another value here.
RESTATED = ("Adj Close", "published_adjusted_close")
_SYMBOL = re.compile(r"[0-9A-Z][0-9A-Z.\-]{0,29}", re.ASCII)
_ACTION_ID = re.compile(r"[^\s#@]{1,120}")
_CURRENCY = re.compile(r"[A-Za-z]{3,4}", re.ASCII)
_YAHOO_DATE = re.compile(r"(\d{4}-\d\d-\d\d)(?:[ T].{1,40})?", re.ASCII)


def parse(payload: bytes) -> Frame:
    """Find a frame's identity: the action or the session, and the revision. It has no event time of its own.

    Raises:
        Reject: the frame is malformed or names no channel, instrument, action or session.
    """
    body = decode(payload)
    if not isinstance(body, dict) or not isinstance(body.get("fields"), dict):
        raise Reject("wrong_type", f"expected an object with fields, got {shown(body)}")
    channel = need(body, "channel")
    if channel not in (ACTION, CLOSE):
        raise Reject("unknown_channel", f"channel: {shown(channel)}")
    symbol = instrument(need(body, "symbol"), "symbol", _SYMBOL)
    which = _action_id(body) if channel == ACTION else exact.day(_date(body), "date")
    return Frame(channel, symbol, f"{which}@{_revision(body)}", None, body)


def facts(frame: Frame) -> Fact:
    """Read the fact of a frame.

    Raises:
        Reject: a field is missing, mistyped or out of range.
    """
    body = frame.body
    if frame.channel == CLOSE:
        return _close(body)
    return _yahoo_action(body) if "kind" in body else _action(body)


def content(payload: bytes) -> bytes:
    """Return what a payload says apart from ``RESTATED``; whatever has none of it is returned as it is."""
    if not any(name.encode() in payload for name in RESTATED):
        return payload
    try:
        body = decode(payload)
    except Reject:
        return payload
    fields = body.get("fields") if isinstance(body, dict) else None
    if not isinstance(fields, dict) or fields.keys().isdisjoint(RESTATED):
        return payload
    kept = {name: value for name, value in fields.items() if name not in RESTATED}
    return msgspec.json.encode({**body, "fields": kept}, order="sorted")


# --- identity ---


def _optional(fields: dict[str, Any], name: str) -> Any:
    """Return a field's value; an empty cell is one that is not there."""
    value = fields.get(name)
    return None if value == "" else value


def _required(fields: dict[str, Any], name: str) -> Any:
    value = _optional(fields, name)
    if value is None:
        raise Reject("missing_field", f"{name} is missing or empty")
    return value


def _revision(body: dict[str, Any]) -> int:
    value = _optional(body["fields"], "revision")
    return exact.count(body.get("revision", "0") if value is None else value, "revision")


def _date(body: dict[str, Any]) -> Any:
    fields = body["fields"]
    if "Datetime" not in fields and "Date" not in fields:
        return _required(fields, "date")
    value = _required(fields, "Datetime" if "Datetime" in fields else "Date")
    match = _YAHOO_DATE.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise Reject("bad_time", f"Datetime: expected a date, got {shown(value)}")
    return match[1]


def _action_id(body: dict[str, Any]) -> str:
    if "kind" in body:  # a price row's actions have no ids: one dividend and one split a day
        return f"{body['kind']}:{exact.day(_date(body), 'date')}"
    value = _required(body["fields"], "action_id")
    if not isinstance(value, str) or not _ACTION_ID.fullmatch(value):
        raise Reject("wrong_type", f"action_id: expected an id without blanks, # and @, got {shown(value)}")
    return value


# --- facts ---


def _currency(body: dict[str, Any]) -> str:
    value = _optional(body["fields"], "currency") or body.get("currency") or ""
    if value and not (isinstance(value, str) and _CURRENCY.fullmatch(value)):
        raise Reject("wrong_type", f"currency: expected a code of 3 or 4 letters, got {shown(value)}")
    return str(value)


def _close(body: dict[str, Any]) -> CloseFact:
    fields = body["fields"]
    yahoo = "Close" in fields
    close, volume, published = (
        ("Close", "Volume", "Adj Close") if yahoo else ("close", "volume", "published_adjusted_close")
    )
    basis = SPLIT_ADJUSTED if yahoo else _one_of(fields, "basis", (AS_TRADED, SPLIT_ADJUSTED), AS_TRADED)
    return CloseFact(
        date=exact.day(_date(body), "date"),
        revision=_revision(body),
        close=exact.decimal_text(_required(fields, close), close, zero=False),
        volume=_maybe(fields, volume, zero=True),
        published=_maybe(fields, published, zero=False),
        currency=_currency(body),
        basis=basis,
    )


def _maybe(fields: dict[str, Any], name: str, *, zero: bool) -> str:
    value = _optional(fields, name)
    return "" if value is None else exact.decimal_text(value, name, zero=zero)


def _one_of(fields: dict[str, Any], name: str, allowed: tuple[str, ...], default: str = "") -> str:
    value = _optional(fields, name) or default or _required(fields, name)
    if value not in allowed:
        raise Reject("out_of_range", f"{name}: expected {', '.join(allowed)}, got {shown(value)}")
    return str(value)


def _yahoo_action(body: dict[str, Any]) -> ActionFact:
    fields, ratio, amount = body["fields"], Fraction(1), "0"
    kind = _one_of(body, "kind", (DIVIDEND, "split"))
    if kind == DIVIDEND:
        amount = exact.decimal_text(_required(fields, "Dividends"), "Dividends", zero=False)
    else:
        ratio = exact.ratio(_required(fields, "Stock Splits"), "Stock Splits")
        kind = "split" if ratio > 1 else "reverse_split"
    return ActionFact(
        _action_id(body), _revision(body), ANNOUNCED, kind, exact.day(_date(body), "date"), None, ratio, amount,
        _currency(body), "",
    )  # fmt: skip


def _action(body: dict[str, Any]) -> ActionFact:
    fields, ratio, amount, successor = body["fields"], Fraction(1), "0", ""
    kind = _one_of(fields, "kind", (*SHARES, DIVIDEND, SYMBOL_CHANGE))
    if kind == DIVIDEND:
        amount = exact.decimal_text(_required(fields, "amount"), "amount", zero=False)
    elif kind == SYMBOL_CHANGE:
        successor = instrument(_required(fields, "new_symbol"), "new_symbol", _SYMBOL)
        if successor == body["symbol"]:
            raise Reject("out_of_range", "new_symbol: expected another symbol")
    else:
        ratio = exact.ratio(_required(fields, "ratio"), "ratio")
        if (ratio < 1) != (kind == "reverse_split") or ratio == 1:
            want = "below" if kind == "reverse_split" else "above"
            raise Reject("out_of_range", f"ratio: expected {want} 1 for a {kind}, got {ratio}")
    announced = _optional(fields, "announced_at")
    return ActionFact(
        action_id=_action_id(body),
        revision=_revision(body),
        status=_one_of(fields, "status", (ANNOUNCED, CANCELLED), ANNOUNCED),
        kind=kind,
        ex_date=exact.day(_required(fields, "ex_date"), "ex_date"),
        announced_time=None if announced is None else from_iso(announced, "announced_at"),
        ratio=ratio,
        amount=amount,
        currency=_currency(body),
        new_symbol=successor,
    )
