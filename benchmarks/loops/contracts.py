"""Contracts for fastavro, and exact decimals, as the same-work loop uses them."""

from __future__ import annotations

from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import Any

from fastavro import parse_schema

from schemas.contracts import Contract

PLACES = Decimal("1e-12")
LARGEST, NOTIONAL_END = Decimal(10) ** 15, Decimal(10) ** 16
#: Raises where a number has more than 12 decimals, or more than 28 digits with them.
EXACT = Context(prec=28, traps=[Inexact, InvalidOperation])
WIDE = Context(prec=60)
LIMB = 10**10


class RejectedError(Exception):
    """The gate's no, with its reason."""


def schema(found: Contract) -> Any:
    """Return a contract for fastavro with times and dates as the integers that they are."""
    fields = [
        {**field, "type": field["type"]["type"]} if "timestamp" in str(field["type"]) or "date" in str(field["type"])
        else field
        for field in found.schema["fields"]
    ]  # fmt: skip
    return parse_schema({**found.schema, "fields": fields})


def number(value: object, *, zero: bool = False) -> Decimal:
    """Return a price or size, exactly.

    Raises:
        RejectedError: it is none, or not between 0 and 1e15 with at most 12 decimals.
    """
    if not isinstance(value, str):
        raise RejectedError("wrong_type")
    try:
        found = Decimal(value).quantize(PLACES, context=EXACT)
        if 0 < found <= LARGEST or (zero and found == 0):
            return found
    except (InvalidOperation, Inexact):
        raise RejectedError("not_a_number_that_fits") from None
    raise RejectedError("out_of_range")


def product(price: Decimal, size: Decimal) -> Decimal:
    """Return the notional, exactly.

    Raises:
        RejectedError: it is 1e16 or more.
    """
    if (found := WIDE.multiply(price, size)) >= NOTIONAL_END:
        raise RejectedError("out_of_range")
    return found


def limbs(name: str, exact: Decimal, places: int, count: int) -> dict[str, int]:
    """Return the parts of an exact sum, ten digits each, as the contract has them."""
    whole = int(exact.scaleb(places, WIDE))
    return {f"{name}_l{i}": whole // LIMB**i % LIMB for i in range(count)}
