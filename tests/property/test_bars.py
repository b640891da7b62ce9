"""Bars are functions of sets: any order of the same trades gives the same bytes, and they are what fractions say."""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from property.oracle import avro

from udfs.bars import INTERVALS, Bar, QuoteBar, finish_bar, finish_quote_bar, key_time
from udfs.decimals import limbs

START = 1_723_161_600_000_000
VALUES = st.integers(1, 10**27) | st.integers(1, 10**6) | st.sampled_from([1, 10**12, 10**27])


class Trade(NamedTuple):
    time: int
    seq: int
    price: int
    size: int
    bought: bool


def _text(scaled: int, form: int) -> str:
    """Print a decimal as one engine or the other does."""
    with localcontext(prec=60):
        value = Decimal(scaled).scaleb(-12)
        return [str(value), f"{value:f}", str(value.normalize())][form % 3]


def _small(price: int, size: int) -> int:
    """Keep the notional within the contract, as the gate does."""
    return size if price * size < 10**40 else 10**12


TRADES = st.lists(
    st.builds(
        lambda time, price, size, bought: (time, price, _small(price, size), bought),
        st.integers(0, 999_999), VALUES, VALUES, st.booleans(),
    ),
    min_size=1, max_size=12,
).map(lambda rows: [Trade(START + row[0], seq, *row[1:]) for seq, row in enumerate(rows, 1)])  # fmt: skip


def _reduce(trades: list[Trade], form: int) -> Bar:
    """Reduce as the SQL does: sums, counts and extremes only."""
    keys = [f"{t.time:016}{19_944:06}{t.seq:012}|{_text(t.price, form)}|id{t.seq}" for t in trades]
    sums = [0] * 14
    for trade in trades:
        parts = [*limbs(trade.size, 3), *limbs(trade.price * trade.size, 4)]
        for k, part in enumerate([*parts, *(part * trade.bought for part in parts)]):
            sums[k] += part
    with localcontext(prec=60):
        prices = [Decimal(trade.price).scaleb(-12) for trade in trades]
    return finish_bar("sim:X", "1s", START, len(trades), min(keys), max(keys), max(prices), min(prices), sums)


@given(TRADES, st.randoms(use_true_random=False), st.integers(0, 2))
def test_bars_are_exact_and_of_no_order(trades: list[Trade], random: object, form: int) -> None:
    if any(trade.price < 10**6 for trade in trades):
        form = 1 if form == 1 else 0
    bar = _reduce(trades, form)
    shuffled = list(trades)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert _reduce(shuffled, 1).encode() == bar.encode()

    ordered = sorted(trades)
    volume = Fraction(sum(t.size for t in trades), 10**12)
    notional = sum((Fraction(t.price * t.size, 10**24) for t in trades), Fraction(0))
    assert (bar.open, bar.close) == (ordered[0].price, ordered[-1].price)
    assert (bar.high, bar.low) == (max(t.price for t in trades), min(t.price for t in trades))
    assert (bar.first_trade_id, bar.last_trade_id) == (f"id{ordered[0].seq}", f"id{ordered[-1].seq}")
    assert (Fraction(bar.volume, 10**12), Fraction(bar.notional)) == (volume, notional)
    assert bar.vwap == round(notional / volume * 10**12)
    assert bar.buy_volume == sum(t.size for t in trades if t.bought)
    assert Fraction(bar.buy_notional) == sum(Fraction(t.price * t.size, 10**24) for t in trades if t.bought)
    assert bar.version == bar.trade_count == len(trades)
    assert bar.window_end - bar.window_start == INTERVALS["1s"]


def _avro(name: str, bar: Bar | QuoteBar, decimals: tuple[str, ...]) -> bytes:
    record = {field: getattr(bar, field) for field in type(bar).__slots__}
    with localcontext(prec=60):
        for field in decimals:
            record[field] = Decimal(record[field]).scaleb(-13 if field == "mid" else -12)
    return avro(name, record)


@given(TRADES)
def test_bars_are_what_fastavro_writes(trades: list[Trade]) -> None:
    bar = _reduce(trades, 1)
    decimals = ("open", "high", "low", "close", "volume", "vwap", "buy_volume")
    assert bar.encode() == _avro("bar", bar, decimals)
    assert bar.key() == b"sim:X"


@given(VALUES, st.just(0) | VALUES, VALUES, st.just(0) | VALUES, st.integers(0, 1))
def test_quote_bars_are_exact(bid: int, bid_size: int, ask: int, ask_size: int, form: int) -> None:
    parts = "|".join(_text(value, form) for value in (bid, bid_size, ask, ask_size))
    key = f"{START + 5:016}{19_944:06}{3:012}|{parts}"
    bar = finish_quote_bar("sim:X", START, 3, key)
    depth = bid_size + ask_size
    assert key_time(key) == START + 5
    assert (bar.bid_price, bar.bid_size, bar.ask_price, bar.ask_size) == (bid, bid_size, ask, ask_size)
    assert bar.spread == ask - bid
    assert Fraction(bar.mid, 10**13) == Fraction(bid + ask, 2 * 10**12)
    micro = Fraction(bid * ask_size + ask * bid_size, depth) if depth else Fraction(bid + ask, 2)
    assert bar.microprice == round(micro)
    assert bar.imbalance == (round(Fraction((bid_size - ask_size) * 10**12, depth)) if depth else 0)
    decimals = ("bid_price", "bid_size", "ask_price", "ask_size", "spread", "mid", "microprice", "imbalance")
    assert bar.encode() == _avro("quote_bar", bar, decimals)


@pytest.mark.parametrize("broken", range(14))
def test_a_null_sum_is_never_a_number(broken: int) -> None:
    sums: list[int | None] = [1] * 14
    sums[broken] = None
    key = f"{START:016}{19_944:06}{1:012}|1|9"
    with pytest.raises(ValueError, match="14 limb sums"):
        finish_bar("e", "1s", START, 1, key, key, Decimal(1), Decimal(1), sums)


@given(st.integers(10**38, 10**40))
def test_a_volume_that_does_not_fit_is_never_a_number(volume: int) -> None:
    sums = [*limbs(volume, 2), volume // 10**20, 1, 0, 0, 0, *[0] * 7]
    key = f"{START:016}{19_944:06}{1:012}|1|9"
    with pytest.raises(ValueError, match="does not fit"):
        finish_bar("e", "1s", START, 1, key, key, Decimal(1), Decimal(1), sums)
