"""Exact numbers and dates of reference data: texts in, canonical texts and fractions out, nothing rounded.

Unlike a price on the hot path such a number may have more than 12 decimals: published closes often are 32-bit floats,
written out.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from fractions import Fraction

from udfs.values.rejects import Reject, shown

MAX_DECIMALS = 30
LARGEST = Fraction(10**15)
_NUMBER = re.compile(r"[+-]?\d{1,40}(?:\.\d{0,40})?(?:[eE][+-]?\d{1,2})?", re.ASCII)
_RATIO = re.compile(r"(\d{1,12}(?:\.\d{1,12})?)(?:[:/](\d{1,12}(?:\.\d{1,12})?))?", re.ASCII)
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII)
_RATIO_LIMIT = 1_000_000
_EPOCH = date(1970, 1, 1).toordinal()
_FIRST, _LAST = date(1900, 1, 1).toordinal(), date(2100, 1, 1).toordinal()


def plain(value: Decimal) -> str:
    """Return plain decimal text without an exponent and trailing zeros."""
    text = f"{value:f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"


def decimal_text(value: object, field: str, *, zero: bool) -> str:
    """Return the canonical text of a decimal text in [0, 1e15] with at most 30 decimals.

    Raises:
        Reject: ``wrong_type``, ``not_a_number``, ``out_of_range`` or ``too_precise``.
    """
    if not isinstance(value, str):
        raise Reject("wrong_type", f"{field}: expected a decimal as text, got {shown(value)}")
    if not _NUMBER.fullmatch(value):
        raise Reject("not_a_number", f"{field}: expected a finite decimal, got {shown(value)}")
    number = Fraction(value)
    if number < 0 or number > LARGEST or (number == 0 and not zero):
        wanted = "0 <= x" if zero else "0 < x"
        raise Reject("out_of_range", f"{field}: expected {wanted} <= 1e15, got {shown(value)}")
    if (number * 10**MAX_DECIMALS).denominator != 1:
        raise Reject("too_precise", f"{field}: expected at most {MAX_DECIMALS} decimals, got {shown(value)}")
    return plain(Decimal(value)) if number else "0"


def ratio(value: object, field: str) -> Fraction:
    """Return the fraction of ``after:before``, ``after/before`` or one number.

    Raises:
        Reject: ``wrong_type``, ``not_a_number`` or ``out_of_range`` (beyond one in a million either way).
    """
    if not isinstance(value, str):
        raise Reject("wrong_type", f"{field}: expected a ratio as text, got {shown(value)}")
    match = _RATIO.fullmatch(value)
    if not match:
        raise Reject("not_a_number", f"{field}: expected after:before or a number, got {shown(value)}")
    after, before = Fraction(match[1]), Fraction(match[2] or "1")
    if not (before and Fraction(1, _RATIO_LIMIT) <= Fraction(after, before) <= _RATIO_LIMIT):
        raise Reject("out_of_range", f"{field}: expected a ratio between 1e-6 and 1e6, got {shown(value)}")
    return Fraction(after, before)


def day(value: object, field: str) -> int:
    """Return days since 1970-01-01 of an ISO date in 1900..2099.

    Raises:
        Reject: ``wrong_type`` or ``bad_time``.
    """
    if not isinstance(value, str):
        raise Reject("wrong_type", f"{field}: expected an ISO date as text, got {shown(value)}")
    match = _DATE.fullmatch(value)
    if not match:
        raise Reject("bad_time", f"{field}: expected YYYY-MM-DD, got {shown(value)}")
    try:
        found = date(int(match[1]), int(match[2]), int(match[3])).toordinal()
    except ValueError:
        raise Reject("bad_time", f"{field}: no such date: {shown(value)}") from None
    if not _FIRST <= found < _LAST:
        raise Reject("bad_time", f"{field}: expected a date in 1900..2099, got {shown(value)}")
    return found - _EPOCH


def count(value: object, field: str) -> int:
    """Return a small whole number from its text.

    Raises:
        Reject: ``wrong_type`` or ``out_of_range``.
    """
    if not isinstance(value, str):
        raise Reject("wrong_type", f"{field}: expected a whole number as text, got {shown(value)}")
    if not (value.isascii() and value.isdigit() and len(value) <= 9):
        raise Reject("out_of_range", f"{field}: expected 0 to 999999999, got {shown(value)}")
    return int(value)


def split(name: str, value: Fraction) -> dict[str, str]:
    """Return a rational as the two texts that contracts carry."""
    return {f"{name}_numerator": str(value.numerator), f"{name}_denominator": str(value.denominator)}
