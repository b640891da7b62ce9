"""Bars are functions of sets: any order of the same trades gives the same bytes, and they are what fractions say."""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from property.oracle import avro
from property.window_oracle import Quote, Trade

from schemas.catalog import INTERVALS
from udfs.kernels.slices import Slices
from udfs.windows.bar_objects import Bar, QuoteBar, read_bar, read_quote_bar
from udfs.windows.definition import BARS, QUOTE_BARS, Definition
from udfs.windows.partial import batch_fold, finished

START = 1_723_161_600_000_000
VALUES = st.integers(1, 10**27) | st.integers(1, 10**6) | st.sampled_from([1, 10**12, 10**27])


def _small(price: int, size: int) -> int:
    """Keep the notional within the contract, as the gate does."""
    return size if price * size < 10**40 else 10**12


TRADES = st.lists(
    st.builds(
        lambda time, price, size, side: (START + time, price, _small(price, size), side),
        st.integers(0, 999_999), VALUES, VALUES, st.sampled_from(["buy", "sell"]),
    ),
    min_size=1, max_size=12,
).map(lambda rows: [Trade("sim:X", row[0], START, n, f"id{n}", *row[1:]) for n, row in enumerate(rows, 1)])  # fmt: skip


def _fold(definition: Definition, records: list[Trade] | list[Quote]) -> list[bytes]:
    """Return the bars of the shortest window that all the records are in, and of the longer ones."""
    fold = batch_fold(definition)
    fold.fold(definition.topics[0], Slices.of([record.wire() for record in records]))
    values = [value for results in finished(fold) for value in results.wire().tolist()]
    assert len(values) == len(definition.lengths)
    return sorted(values)


@given(TRADES, st.randoms(use_true_random=False))
def test_bars_are_exact_and_of_no_order(trades: list[Trade], random: Random) -> None:
    values = _fold(BARS, trades)
    assert _fold(BARS, random.sample(trades, len(trades))) == values

    ordered = sorted(trades, key=lambda trade: trade.order)
    bought = [trade for trade in trades if trade.side == "buy"]
    volume = Fraction(sum(t.size for t in trades), 10**12)
    notional = sum((Fraction(t.price * t.size, 10**24) for t in trades), Fraction(0))
    for bar in map(read_bar, values):
        assert (bar.open, bar.close) == (ordered[0].price, ordered[-1].price)
        assert (bar.high, bar.low) == (max(t.price for t in trades), min(t.price for t in trades))
        assert (bar.first_trade_id, bar.last_trade_id) == (ordered[0].trade_id, ordered[-1].trade_id)
        assert (Fraction(bar.volume, 10**12), Fraction(bar.notional)) == (volume, notional)
        assert bar.vwap == round(notional / volume * 10**12)
        assert bar.buy_volume == sum(t.size for t in bought)
        assert Fraction(bar.buy_notional) == sum(Fraction(t.price * t.size, 10**24) for t in bought)
        assert bar.version == bar.trade_count == len(trades)
        assert bar.window_end - bar.window_start == INTERVALS[bar.interval]
        assert bar.window_start == START // INTERVALS[bar.interval] * INTERVALS[bar.interval]


def _avro(name: str, bar: Bar | QuoteBar, decimals: tuple[str, ...], version: int = 1) -> bytes:
    record = {field: getattr(bar, field) for field in type(bar).__slots__}
    with localcontext(prec=60):
        for field in decimals:
            record[field] = Decimal(record[field]).scaleb(-13 if field == "mid" else -12)
    return avro(name, record, version)


@given(TRADES)
def test_bars_are_what_fastavro_writes(trades: list[Trade]) -> None:
    decimals = ("open", "high", "low", "close", "volume", "vwap", "buy_volume")
    for value in _fold(BARS, trades):
        assert value == _avro("bar", read_bar(value), decimals)


@given(VALUES, st.just(0) | VALUES, VALUES, st.just(0) | VALUES)
def test_quote_bars_are_exact(bid: int, bid_size: int, ask: int, ask_size: int) -> None:
    last = Quote("sim:X", START + 5, START, 3, (bid, bid_size, ask, ask_size))
    earlier = [Quote("sim:X", START + 5, START, n, (1, 1, 1, 1)) for n in (1, 2)]
    (value,) = _fold(QUOTE_BARS, [last, *earlier])
    bar = read_quote_bar(value)
    depth = bid_size + ask_size
    assert (bar.bid_price, bar.bid_size, bar.ask_price, bar.ask_size) == (bid, bid_size, ask, ask_size)
    assert bar.spread == ask - bid
    assert Fraction(bar.mid, 10**13) == Fraction(bid + ask, 2 * 10**12)
    micro = Fraction(bid * ask_size + ask * bid_size, depth) if depth else Fraction(bid + ask, 2)
    assert bar.microprice == round(micro)
    assert bar.imbalance == (round(Fraction((bid_size - ask_size) * 10**12, depth)) if depth else 0)
    assert bar.version == bar.quote_count == 3
    decimals = ("bid_price", "bid_size", "ask_price", "ask_size", "spread", "mid", "microprice", "imbalance")
    assert value == _avro("quote_bar", bar, decimals)
