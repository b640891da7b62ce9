"""A Decimal out of an engine becomes an exact integer, or an error: never a rounded one."""

from __future__ import annotations

from decimal import Decimal, getcontext

import pytest

from udfs.wire.avro import unscaled


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1E-12", 1), ("60000.120000000000", 60_000_120_000_000_000), ("-0.5", -500_000_000_000), ("0", 0), ("0E+3", 0),
        ("1E+15", 10**27), ("9999999999999999.999999999999", 10**28 - 1),
    ],
)  # fmt: skip
def test_exact(text: str, expected: int) -> None:
    assert unscaled(Decimal(text), 12) == expected


@pytest.mark.parametrize("text", ["NaN", "sNaN", "Infinity", "-Infinity", "1E-13", "0.0000000000015", "1" * 300])
def test_never_rounded(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not finite|decimals"):
        unscaled(Decimal(text), 12)


def test_the_callers_context_does_not_matter() -> None:
    before = getcontext().prec
    getcontext().prec = 3
    try:
        assert unscaled(Decimal("12345.6789"), 12) == 12_345_678_900_000_000
    finally:
        getcontext().prec = before
