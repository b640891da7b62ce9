"""Avro primitives in Confluent wire format, for records that are written one at a time."""

from __future__ import annotations

from decimal import Decimal


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
    if not value.is_finite():
        raise ValueError(f"{value} is not finite")
    sign, digits, exponent = value.as_tuple()
    number: int = int("".join(map(str, digits)))
    power = int(exponent) + places
    if power >= 0:
        number *= int(10**power)
    else:
        number, rest = divmod(number, 10**-power)
        if rest:
            raise ValueError(f"{value} has more than {places} decimals")
    return -number if sign else number
