"""Exact decimals as integers: a price or size is held as value·1e12, a notional as value·1e24."""

from __future__ import annotations

import re

from udfs.values.rejects import Reject, shown

PLACES = 12
ONE = 10**PLACES
LARGEST = 10**15 * ONE  # the largest price or size, inclusive
NOTIONAL_END = 10**16 * ONE * ONE  # the smallest notional that does not fit
_NUMBER = re.compile(r"([+-]?)(\d+)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?", re.ASCII)


def parse(value: object, field: str, *, zero: bool) -> int:
    """Return value·1e12 of a decimal text.

    Args:
        value: what the venue sent.
        field: its name, for the detail.
        zero: whether 0 is allowed.

    Raises:
        Reject: ``wrong_type``, ``not_a_number``, ``out_of_range`` or ``too_precise``.
    """
    if not isinstance(value, str):
        raise Reject("wrong_type", f"{field}: expected a decimal as text, got {shown(value)}")
    match = _NUMBER.fullmatch(value)
    if not match:
        raise Reject("not_a_number", f"{field}: expected a finite decimal, got {shown(value)}")
    sign, whole, fraction, exponent = match.groups()
    digits = (whole + (fraction or "")).lstrip("0")
    if not digits:
        if zero:
            return 0
        raise Reject("out_of_range", f"{field}: expected > 0, got {shown(value)}")
    if sign == "-":
        raise Reject("out_of_range", f"{field}: expected >= 0, got {shown(value)}")
    power = int(exponent or 0) - len(fraction or "") + PLACES  # value·1e12 = digits·10**power
    if len(digits) + power > len(str(LARGEST)):
        raise Reject("out_of_range", f"{field}: expected <= 1e15, got {shown(value)}")
    if power < 0:
        digits, rest = (digits[:power], digits[power:]) if -power < len(digits) else ("", digits)
        if rest.strip("0") and int(digits or "0") < LARGEST:  # above it, being too large is the fault that is named
            raise Reject("too_precise", f"{field}: expected at most 12 decimals, got {shown(value)}")
        scaled, above = int(digits or "0"), bool(rest.strip("0"))
    else:
        scaled, above = int(digits) * 10**power, False
    if scaled > LARGEST or (scaled == LARGEST and above):
        raise Reject("out_of_range", f"{field}: expected <= 1e15, got {shown(value)}")
    return scaled


def check_notional(price: int, size: int) -> None:
    """Reject a price and a size whose product is out of bounds.

    Raises:
        Reject: ``out_of_range``, when it is 1e16 or more.
    """
    product = price * size
    if product >= NOTIONAL_END:
        raise Reject("out_of_range", f"price * size: expected < 1e16, got {product // (ONE * ONE)}")


def half_even(numerator: int, denominator: int) -> int:
    """Return numerator / denominator rounded half to even; the denominator is positive."""
    quotient, rest = divmod(numerator, denominator)
    if 2 * rest > denominator or (2 * rest == denominator and quotient & 1):
        quotient += 1
    return quotient


def plain(value: int, places: int) -> str:
    """Return value / 10**places as plain decimal text without trailing zeros."""
    sign = "-" if value < 0 else ""
    digits = str(abs(value)).rjust(places + 1, "0")
    fraction = digits[-places:].rstrip("0")
    return f"{sign}{digits[:-places]}{'.' + fraction if fraction else ''}"
