"""Decimals and times: exact, or rejected with the right reason; judged by decimal.Decimal and fractions.Fraction."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation, localcontext
from fractions import Fraction

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from property.frames import MIDNIGHT, NUMBERS, binance_trade
from property.oracle import Raw, envelope, read

from udfs.normalize.normalizer import Normalizer
from udfs.values import decimals, times
from udfs.values.rejects import Reject
from udfs.wire.envelope import decode

TOPIC = "raw.sim.trade.v1"
_DIGITS = st.integers(0, 10**18).map(str)
PLAIN = st.one_of(
    st.sampled_from(NUMBERS),
    st.builds(lambda whole, part: f"{whole}.{part}", _DIGITS, st.integers(0, 10**14).map(str)),
    st.builds(lambda zeros, part: f"0.{'0' * zeros}{part}", st.integers(0, 13), st.integers(1, 999)),
    st.builds(lambda n, places: f"{Decimal(n).scaleb(-places):f}", st.integers(1, 10**27), st.integers(0, 14)),
)
ANY = PLAIN | st.text("0123456789.eE+-_ ", max_size=12) | st.decimals(allow_nan=True).map(str)


def expected(text: str, *, zero: bool) -> tuple[str, int]:
    """Say what the contract wants of a number's text: (reason, value·1e12)."""
    if not text.isascii() or "_" in text or text != text.strip() or text.startswith((".", "+.", "-.")):
        return "not_a_number", 0
    try:
        value = Decimal(text)
    except InvalidOperation:
        return "not_a_number", 0
    if not value.is_finite() or len(text.lower().partition("e")[2].lstrip("+-")) > 3:
        return "not_a_number", 0
    exact = Fraction(value)
    if exact < 0 or exact > 10**15 or (exact == 0 and not zero):
        return "out_of_range", 0
    if exact * 10**12 % 1:
        return "too_precise", 0
    return "", int(exact * 10**12)


@given(ANY, st.booleans())
@example(text="1000000000000000.1000000000001", zero=False)  # wrong in both ways: too large is named
@example(text="1000000000000000.0000000000001", zero=False)
@example(text="999999999999999.9999999999999", zero=False)
def test_text_to_scaled_integer(text: str, zero: bool) -> None:
    reason, scaled = expected(text, zero=zero)
    if reason:
        with pytest.raises(Reject) as caught:
            decimals.parse(text, "p", zero=zero)
        # 1e15 and a bit is both too large and too precise; the larger fault is named
        assert caught.value.reason == reason
    else:
        assert decimals.parse(text, "p", zero=zero) == scaled


@given(PLAIN, PLAIN)
def test_trades_are_exact_or_rejected(price: str, size: str) -> None:
    payload = binance_trade("BTCUSDT", 7, MIDNIGHT, price, size)
    raw = Raw("sim:BTCUSDT:trade:7", "sim:BTCUSDT", "sim", "trade", MIDNIGHT, "venue", MIDNIGHT, "s", 1, payload)
    envelopes, _, _ = decode([envelope(raw)])
    got = Normalizer(TOPIC).process(envelopes)
    (bad_price, p), (bad_size, q) = expected(price, zero=False), expected(size, zero=False)
    reason = bad_price or bad_size or ("out_of_range" if p * q >= 10**40 else "")
    if reason:
        assert [letter.reason for letter in got.dead_letters] == [reason]
        return
    record = read("trade", got.trades.encode()[0])
    with localcontext(prec=100):
        assert record["price"] == Decimal(price)
        assert record["size"] == Decimal(size)


@given(st.integers(-(10**40), 10**40), st.integers(1, 10**30))
def test_half_even_rounds_once(numerator: int, denominator: int) -> None:
    assert decimals.half_even(numerator, denominator) == round(Fraction(numerator, denominator))


@given(st.integers(-(10**45), 10**45), st.integers(1, 24))
def test_plain_text_is_exact_and_shortest(value: int, places: int) -> None:
    text = decimals.plain(value, places)
    assert Fraction(text) == Fraction(value, 10**places)
    assert "e" not in text.lower()
    assert "." not in text or not text.endswith(("0", "."))


@given(st.datetimes(datetime(2009, 1, 1), datetime(2099, 12, 31, 23, 59, 59, 999_999)), st.integers(0, 9))  # noqa: DTZ001
def test_times_are_exact_or_rejected(moment: datetime, digits: int) -> None:
    aware = moment.replace(tzinfo=UTC)
    micros = int(Fraction(int(aware.timestamp())) * 10**6) + aware.microsecond
    fraction = f"{aware.microsecond:06}000"[:digits]
    kept = micros - aware.microsecond + int(fraction.ljust(6, "0")[:6])
    text = f"{moment:%Y-%m-%dT%H:%M:%S}" + (f".{fraction}" if fraction else "") + "Z"
    assert times.from_iso(text, "time") == kept
    assert times.from_seconds(f"{kept // 10**6}.{kept % 10**6:06}", "time") == kept
    assert times.from_millis(kept // 1000, "T") == kept // 1000 * 1000
    with pytest.raises(Reject, match="bad_time"):
        times.from_iso(f"{moment:%Y-%m-%dT%H:%M:%S}.{aware.microsecond:06}001Z", "time")


@given(st.integers(-(1 << 62), 1 << 62))
def test_implausible_times_are_rejected(number: int) -> None:
    assume(not times.plausible(number * 1_000))
    with pytest.raises(Reject, match="bad_time"):
        times.from_millis(json.loads(str(number)), "T")


@given(st.integers(-(10**30), 10**30) | st.integers(-9, 9), st.integers(1, 10))
@example(5, 2)
@example(-5, 2)
def test_quotients_are_rounded_half_to_even(numerator: int, denominator: int) -> None:
    assert decimals.half_even(numerator, denominator) == round(Fraction(numerator, denominator))
