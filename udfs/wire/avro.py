"""Avro primitives in Confluent wire format, for records that are written one at a time."""

from __future__ import annotations

from decimal import Context, Decimal, Inexact, InvalidOperation

_EXACT = Context(prec=200, traps=[Inexact, InvalidOperation])


def write_long(number: int) -> bytes:
    """Return a zigzag varint (also Avro's int, date and timestamp).

    Raises:
        OverflowError: it does not fit 64 bits.
    """
    if not -(1 << 63) <= number < 1 << 63:
        raise OverflowError(f"{number} does not fit an Avro long")
    rest = (number << 1) ^ (number >> 63)
    if rest < 0x80:
        return bytes((rest,))
    out = bytearray()
    while rest >= 0x80:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def write_bytes(content: bytes) -> bytes:
    """Return Avro bytes (or a string's UTF-8): length, then content."""
    return write_long(len(content)) + content


def write_text(text: str) -> bytes:
    """Return an Avro string."""
    content = text.encode()
    return write_long(len(content)) + content


def write_decimal(unscaled: int, precision: int) -> bytes:
    """Return an Avro decimal over bytes: the unscaled integer, big-endian two's complement, as short as it goes.

    Raises:
        ValueError: it has more digits than the contract's precision.
    """
    if abs(unscaled) >= 10**precision:
        raise ValueError(f"{unscaled} has more than {precision} digits")
    return write_bytes(unscaled.to_bytes((unscaled.bit_length() + 8) >> 3, "big", signed=True))


def unscaled(value: Decimal, places: int) -> int:
    """Return value·10**places.

    Raises:
        ValueError: not finite, or it has more decimals.
    """
    try:
        scaled = value.scaleb(places, _EXACT)
        number = int(scaled)
    except (ArithmeticError, ValueError):
        raise ValueError(f"{value} is not finite, or too long") from None
    if number != scaled:
        raise ValueError(f"{value} has more than {places} decimals")
    return number
