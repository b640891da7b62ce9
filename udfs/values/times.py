"""Event and ingest times: microseconds since 1970-01-01 UTC, and what is plausible for them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from schemas.catalog import DAY, SECOND
from udfs.values.rejects import Reject, shown

__all__ = [
    "DAY",
    "EARLIEST",
    "LATEST",
    "SECOND",
    "date_text",
    "day_of",
    "from_iso",
    "from_millis",
    "from_seconds",
    "plausible",
]

EARLIEST = 1_230_768_000 * SECOND  # 2009-01-01: no venue of ours has data before it
LATEST = 4_102_444_800 * SECOND  # 2100-01-01
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|\+00:00)", re.ASCII)
_SECONDS = re.compile(r"(\d{1,12})(?:\.(\d{1,12}))?", re.ASCII)


def plausible(micros: int) -> bool:
    """Tell whether a time lies in [2009, 2100)."""
    return EARLIEST <= micros < LATEST


def day_of(micros: int) -> int:
    """Return the UTC date as days since 1970-01-01."""
    return micros // DAY


def date_text(day: int) -> str:
    """Return ``YYYY-MM-DD`` of a day number."""
    return (_EPOCH + timedelta(days=day)).strftime("%Y-%m-%d")


def from_millis(value: object, field: str) -> int:
    """Return µs of an integer in milliseconds.

    Raises:
        Reject: not an integer, or implausible (mostly a wrong unit).
    """
    if type(value) is not int:
        raise Reject("wrong_type", f"{field}: expected milliseconds as an integer, got {shown(value)}")
    micros = value * 1_000
    if not plausible(micros):
        raise Reject("bad_time", f"{field}: expected milliseconds in 2009..2100, got {shown(value)}")
    return micros


def _fraction(digits: str | None, field: str, value: str) -> int:
    digits = (digits or "").ljust(6, "0")
    if digits[6:].strip("0"):
        raise Reject("bad_time", f"{field}: finer than a microsecond: {shown(value)}")
    return int(digits[:6])


def from_iso(value: object, field: str) -> int:
    """Return µs of an ISO 8601 text in UTC.

    Raises:
        Reject: not such a text, finer than a microsecond, or implausible.
    """
    if not isinstance(value, str):
        raise Reject("wrong_type", f"{field}: expected an ISO 8601 text, got {shown(value)}")
    match = _ISO.fullmatch(value)
    if not match:
        raise Reject("bad_time", f"{field}: expected ISO 8601 in UTC, got {shown(value)}")
    try:
        moment = datetime(*(int(part) for part in match.groups()[:6]), tzinfo=UTC)  # type: ignore[misc, arg-type]
    except ValueError:
        raise Reject("bad_time", f"{field}: no such date or time: {shown(value)}") from None
    micros = (moment - _EPOCH) // timedelta(microseconds=1) + _fraction(match[7], field, value)
    if not plausible(micros):
        raise Reject("bad_time", f"{field}: expected a time in 2009..2100, got {shown(value)}")
    return micros


def from_seconds(value: object, field: str) -> int:
    """Return µs of a decimal text in seconds.

    Raises:
        Reject: not such a text, finer than a microsecond, or implausible.
    """
    if not isinstance(value, str):
        raise Reject("wrong_type", f"{field}: expected seconds as text, got {shown(value)}")
    match = _SECONDS.fullmatch(value)
    if not match:
        raise Reject("bad_time", f"{field}: expected seconds, got {shown(value)}")
    micros = int(match[1]) * SECOND + _fraction(match[2], field, value)
    if not plausible(micros):
        raise Reject("bad_time", f"{field}: expected seconds in 2009..2100, got {shown(value)}")
    return micros
