"""What the venues' frames say, read once more with the standard library alone: see ``contract.py``."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from hashlib import blake2b
from typing import Any, NamedTuple

SECOND = 1_000_000
SCALE = 10**12


class WrongError(Exception):
    """Why a record is rejected: a stable code."""


# --- values ---


def need(body: dict[str, Any], name: str) -> Any:
    if name not in body:
        raise WrongError("missing_field")
    return body[name]


def number(text: Any, *, zero: bool) -> int:
    """Return a decimal text's value times 1e12: up to 12 decimals, up to 1e15."""
    if not isinstance(text, str):
        raise WrongError("wrong_type")
    odd = not text.isascii() or "_" in text or text != text.strip() or text.lstrip("+-").startswith(".")
    if odd or len(text.lower().partition("e")[2].lstrip("+-")) > 3:
        raise WrongError("not_a_number")
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise WrongError("not_a_number") from None
    if not value.is_finite():
        raise WrongError("not_a_number")
    exact = Fraction(value)
    if exact < 0 or exact > 10**15 or (exact == 0 and not zero):
        raise WrongError("out_of_range")
    if exact * SCALE % 1:
        raise WrongError("too_precise")
    return int(exact * SCALE)


def price_and_size(price: Any, size: Any) -> tuple[int, int]:
    return number(price, zero=False), number(size, zero=False)


def worth(price: int, size: int) -> None:
    """Demand that a trade's price times size is below 1e16."""
    if Fraction(price * size, SCALE**2) >= 10**16:
        raise WrongError("out_of_range")


def count(body: dict[str, Any], name: str) -> int:
    """Return a number of the venue's: an integer of at most 63 bits."""
    value = need(body, name)
    if type(value) is not int:
        raise WrongError("wrong_type")
    if not 0 <= value < 2**63:
        raise WrongError("out_of_range")
    return value


def _micros(moment: datetime) -> int:
    return int(moment.timestamp()) * SECOND


_FIRST, _END = (_micros(datetime(year, 1, 1, tzinfo=UTC)) for year in (2009, 2100))


def plausible(micros: int) -> int:
    if not _FIRST <= micros < _END:
        raise WrongError("bad_time")
    return micros


def millis(value: Any) -> int:
    if type(value) is not int:
        raise WrongError("wrong_type")
    return plausible(value * 1_000)


def fraction(digits: str) -> int:
    """Return the µs of a second's decimals."""
    if digits[6:].strip("0"):
        raise WrongError("bad_time")
    return int(digits[:6].ljust(6, "0"))


def iso(value: Any) -> int:
    if not isinstance(value, str):
        raise WrongError("wrong_type")
    found = re.fullmatch(r"([0-9-]{10}T[0-9:]{8})(?:\.([0-9]{1,9}))?(Z|\+00:00)", value)
    try:
        moment = datetime.strptime(f"{found[1]}+0000", "%Y-%m-%dT%H:%M:%S%z") if found else None
    except ValueError:
        moment = None
    if not found or moment is None:
        raise WrongError("bad_time")
    return plausible(_micros(moment) + fraction(found[2] or ""))


def seconds(value: Any) -> int:
    if not isinstance(value, str):
        raise WrongError("wrong_type")
    found = re.fullmatch(r"([0-9]{1,12})(?:\.([0-9]{1,12}))?", value)
    if not found:
        raise WrongError("bad_time")
    return plausible(int(found[1]) * SECOND + fraction(found[2] or ""))


# --- frames ---


class Row(NamedTuple):
    """A trade, quote or revision by the names of its contract, without what every record has; numbers times 1e12."""

    time: int | None
    fields: dict[str, Any]


class Frame(NamedTuple):
    """What a payload is: its channel, the entity's name in its venue, its id there, its time, and what it says."""

    channel: str
    name: str
    own_id: str
    time: int | None
    body: Any


def digest(content: bytes) -> str:
    return blake2b(content, digest_size=16).hexdigest()


def _no_constant(text: str) -> Any:
    raise ValueError(text)


def parsed(payload: bytes) -> Any:
    if len(payload) > 2**20:
        raise WrongError("payload_too_large")
    if not payload.strip():
        raise WrongError("empty_payload")
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        raise WrongError("not_utf8") from None
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise WrongError("not_json") from None


def symbol(value: Any, *, good: Any) -> str:
    if not isinstance(value, str):
        raise WrongError("wrong_type")
    if not good(value):
        raise WrongError("unknown_symbol")
    return value


def _or_none(read: Any, value: Any) -> int | None:
    try:
        return int(read(value))
    except WrongError:
        return None


def _binance_symbol(text: str) -> bool:
    return 1 <= len(text) <= 40 and all(c == "_" or (c.isalnum() and not "a" <= c <= "z") for c in text)


#: Event → channel and the fields of its id.
_BINANCE = {
    "trade": ("trade", ("t",)), "aggTrade": ("agg_trade", ("a",)), "bookTicker": ("book_ticker", ("u",)),
    "depthUpdate": ("depth", ("U", "u")), "tradeCancel": ("trade_cancel", ("i",)),
    "tradeCorrect": ("trade_correct", ("i",)),
}  # fmt: skip


def binance(payload: bytes) -> Frame:
    body = parsed(payload)
    if isinstance(body, dict) and {"stream", "data"} <= body.keys():
        body = body["data"]
    if not isinstance(body, dict):
        raise WrongError("wrong_type")
    if "e" not in body:
        if body.keys() & {"lastUpdateId", "result", "error"}:
            return Frame("unassigned", "", digest(payload), None, None)
        if not {"u", "b", "a"} <= body.keys():
            raise WrongError("unknown_channel")
    event = body.get("e", "bookTicker")
    if not isinstance(event, str):
        raise WrongError("wrong_type")
    if event not in _BINANCE:
        raise WrongError("unknown_channel")
    channel, ids = _BINANCE[event]
    name = symbol(need(body, "s"), good=_binance_symbol) + ("@agg" if channel == "agg_trade" else "")
    own_id = "-".join(str(count(body, field)) for field in ids)
    time = next((_or_none(millis, body[field]) for field in ("T", "E") if field in body), None)
    return Frame(channel, name, own_id, time, body)


def coinbase(payload: bytes) -> Frame:
    body = parsed(payload)
    if not isinstance(body, dict):
        raise WrongError("wrong_type")
    kind = need(body, "type")
    if not isinstance(kind, str):
        raise WrongError("wrong_type")
    if kind in ("subscriptions", "heartbeat", "status", "error"):
        return Frame("control", "", digest(payload), None, None)
    if kind not in ("match", "last_match", "ticker"):
        raise WrongError("unknown_channel")
    channel = "ticker" if kind == "ticker" else "match"
    name = symbol(
        need(body, "product_id"), good=lambda text: re.fullmatch("[0-9A-Z]{1,20}(-[0-9A-Z]{1,20}){1,3}", text)
    )
    own_id = str(count(body, "sequence" if channel == "ticker" else "trade_id"))
    return Frame(channel, name, own_id, _or_none(iso, body.get("time")), body)


def kraken(payload: bytes) -> Frame:
    body = parsed(payload)
    if isinstance(body, dict):
        if not isinstance(body.get("event"), str):
            raise WrongError("unknown_channel")
        return Frame("control", "", digest(payload), None, None)
    if not isinstance(body, list):
        raise WrongError("wrong_type")
    if len(body) != 4:
        raise WrongError("missing_field")
    _, data, channel, pair = body
    if not isinstance(channel, str):
        raise WrongError("wrong_type")
    if channel not in ("trade", "spread"):
        raise WrongError("unknown_channel")
    name = symbol(pair, good=lambda text: re.fullmatch("[0-9A-Z.]{1,20}/[0-9A-Z.]{1,20}", text))
    if not isinstance(data, list):
        raise WrongError("wrong_type")
    own_id = digest(json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode())
    return Frame(channel, name, own_id, _newest(channel, data), data)


def _newest(channel: str, data: list[Any]) -> int | None:
    try:
        if channel == "spread":
            return seconds(data[2])
        return max(seconds(kraken_print(one)[2]) for one in data)
    except (WrongError, IndexError, ValueError):
        return None


def kraken_print(one: Any) -> list[Any]:
    if not isinstance(one, list):
        raise WrongError("wrong_type")
    if len(one) < 4:
        raise WrongError("missing_field")
    return one


FRAMES = {"binance": binance, "coinbase": coinbase, "kraken": kraken}


# --- what frames say ---


def _trade(time: int, number_text: str, price: int, size: int, aggressor: str) -> Row:
    worth(price, size)
    return Row(time, {"venue_trade_id": number_text, "price": price, "size": size, "aggressor": aggressor})


def _side(value: Any, sides: dict[Any, str]) -> str:
    if type(value) not in {type(side) for side in sides} or value not in sides:
        raise WrongError("wrong_type")
    return sides[value]


def _quote(time: int | None, number_text: str, *values: Any) -> Row:
    """Take bid, bid size, ask and ask size."""
    fields = ("bid_price", "bid_size", "ask_price", "ask_size")
    read = [number(value, zero=field.endswith("size")) for field, value in zip(fields, values, strict=True)]
    return Row(time, {"venue_update_id": number_text, **dict(zip(fields, read, strict=True))})


def _needed(body: dict[str, Any], *names: str) -> Any:
    """Return the values of fields one by one: the first that is missing or wrong is the fault that is named."""
    return (need(body, name) for name in names)


def rows(kind: str, dialect: str, frame: Frame) -> list[Row]:
    """Return what a frame says, of a kind."""
    body = frame.body
    if dialect == "kraken":
        return _kraken_rows(kind, body)
    if kind == "trade" and dialect == "coinbase":
        time = iso(need(body, "time"))
        price, size = price_and_size(*_needed(body, "price", "size"))
        sides = {"sell": "buy", "buy": "sell"}  # the maker's
        return [_trade(time, frame.own_id, price, size, _side(need(body, "side"), sides))]
    if kind == "trade":
        time = millis(need(body, "T"))
        price, size = price_and_size(*_needed(body, "p", "q"))
        return [_trade(time, frame.own_id, price, size, _side(need(body, "m"), {True: "sell", False: "buy"}))]
    if kind == "quote":
        if dialect == "coinbase":
            names = ("best_bid", "best_bid_size", "best_ask", "best_ask_size")
            return [_quote(iso(need(body, "time")), frame.own_id, *_needed(body, *names))]
        time = next((millis(body[field]) for field in ("T", "E") if field in body), None)
        return [_quote(time, frame.own_id, *_needed(body, "b", "B", "a", "A"))]
    return [_revision(frame)]


def _kraken_rows(kind: str, data: list[Any]) -> list[Row]:
    if kind == "quote":
        if len(data) < 5:
            raise WrongError("missing_field")
        bid, ask, time, bid_size, ask_size, *_ = data
        return [_quote(seconds(time), "", bid, bid_size, ask, ask_size)]
    if not data:
        raise WrongError("missing_field")
    found = []
    for one in data:
        price, size, time, side, *_ = kraken_print(one)
        at = seconds(time)
        found.append(_trade(at, "", *price_and_size(price, size), _side(side, {"b": "buy", "s": "sell"})))
    return found


def _revision(frame: Frame) -> Row:
    body = frame.body
    time, trade_id, trade_time = millis(need(body, "T")), count(body, "t"), millis(need(body, "O"))
    if trade_time > time:
        raise WrongError("bad_time")
    found = {"venue_trade_id": str(trade_id), "trade_time": trade_time, "revision": count(body, "r")}
    if frame.channel == "trade_cancel":
        return Row(time, {**found, "price": 0, "size": 0})
    price, size = price_and_size(*_needed(body, "p", "q"))
    worth(price, size)
    return Row(time, {**found, "price": price, "size": size})
