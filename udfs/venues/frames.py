"""What every dialect yields, and the checks that all of them share."""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec

from udfs.values.rejects import Reject, shown

MAX_PAYLOAD = 1 << 20  # bytes
MAX_NESTING = 64
MAX_NUMBER = 1 << 62  # a venue's number from here on takes no part in finding gaps
UNASSIGNED = "unassigned"
CONTROL = "control"
_DECODER = msgspec.json.Decoder()
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


class Frame(NamedTuple):
    """The identity of one frame, and its decoded body.

    ``channel`` is ``unassigned`` or ``control`` when the frame belongs to no instrument (acks, heartbeats …);
    ``venue_id`` is the venue's own id as text, or a digest where the venue has none; ``event_time`` in µs, None when
    there is no usable one.
    """

    channel: str
    symbol: str
    venue_id: str
    event_time: int | None
    body: Any
    suffix: str = ""


class TradeRow(NamedTuple):
    """One print; price and size are scaled by 1e12, time in µs."""

    event_time: int
    venue_trade_id: str
    price: int
    size: int
    aggressor: str


class QuoteRow(NamedTuple):
    """Top of book; prices and sizes are scaled by 1e12, time in µs (None: the venue sends none)."""

    event_time: int | None
    venue_update_id: str
    bid_price: int
    bid_size: int
    ask_price: int
    ask_size: int


class RevisionRow(NamedTuple):
    """The venue takes a trade back, or gives it a new price and size (scaled by 1e12).

    A cancel has zeros there. The trade that is meant has this id and this time; times in µs.
    """

    event_time: int
    venue_trade_id: str
    trade_time: int
    revision: int
    price: int = 0
    size: int = 0


def digest(content: bytes) -> str:
    """Return the 128-bit BLAKE2b digest as hex."""
    return blake2b(content, digest_size=16).hexdigest()


def _too_deep(payload: bytes) -> bool:
    """Tell whether JSON nests deeper than 64.

    The decoder's own limit depends on how deep the calling engine's stack is, so it must never decide.
    """
    if payload.count(b"[") + payload.count(b"{") <= MAX_NESTING:
        return False
    bare = _STRINGS.sub(b"", payload) if b"\\" in payload else b"".join(payload.split(b'"')[::2])
    brackets = bare.translate(None, _NO_BRACKETS)
    for _ in range(MAX_NESTING):
        if not brackets:
            return False
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
    return bool(brackets)


def decode(payload: bytes) -> Any:
    """Decode a frame.

    Raises:
        Reject: ``payload_too_large``, ``empty_payload``, ``not_utf8`` or ``not_json``.
    """
    if len(payload) > MAX_PAYLOAD:
        raise Reject("payload_too_large", f"expected at most {MAX_PAYLOAD} bytes, got {len(payload)}")
    if not payload.strip():
        raise Reject("empty_payload", "expected a JSON frame, got nothing")
    if not payload.isascii():
        try:
            payload.decode()
        except UnicodeDecodeError as error:
            raise Reject("not_utf8", f"byte {error.start} is not UTF-8: {error.reason}") from None
    if _too_deep(payload):
        raise Reject("not_json", f"nested deeper than {MAX_NESTING}")
    try:
        return _DECODER.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise Reject("not_json", str(error)) from None


def need(body: dict[str, Any], field: str) -> Any:
    """Return a field that must be there.

    Raises:
        Reject: ``missing_field``.
    """
    try:
        return body[field]
    except KeyError:
        raise Reject("missing_field", f"{field} is missing") from None


def whole_number(body: dict[str, Any], field: str) -> str:
    """Return a non-negative 64-bit integer as canonical text.

    Raises:
        Reject: ``missing_field``, ``wrong_type`` or ``out_of_range``.
    """
    value = need(body, field)
    if type(value) is not int:
        raise Reject("wrong_type", f"{field}: expected an integer, got {shown(value)}")
    if not 0 <= value < 1 << 63:
        raise Reject("out_of_range", f"{field}: expected a non-negative 64-bit integer, got {shown(value)}")
    return str(value)


def own_number(frame: Frame) -> tuple[int, int] | None:
    """Return the venue's number of a frame that has one, as first and last."""
    number = int(frame.venue_id)
    return (number, number) if number < MAX_NUMBER else None


def instrument(value: Any, field: str, pattern: re.Pattern[str]) -> str:
    """Return an instrument name.

    Raises:
        Reject: ``wrong_type``, or ``unknown_symbol`` when the venue could not have such an instrument.
    """
    if not isinstance(value, str):
        raise Reject("wrong_type", f"{field}: expected an instrument name, got {shown(value)}")
    if not pattern.fullmatch(value):
        raise Reject("unknown_symbol", f"{field}: no instrument of this venue: {shown(value)}")
    return value
