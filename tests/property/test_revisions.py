"""A bar is a function of the set of trades and revisions: their order never shows, and plain resolution agrees."""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from udfs.bars import Bar, finish_bar
from udfs.decimals import limbs

SECOND = 1_000_000
START = 1_723_161_600 * SECOND
EMPTY = (0, 0, 0, 0, 0, "0", 0, 0, "", "")
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["trade", "trade", "trade_cancel", "trade_correct", "trade_correct"]),
        st.integers(0, 4), st.integers(0, 2), st.integers(0, 2), st.integers(1, 9), st.integers(1, 9), st.booleans(),
    ),
    min_size=1, max_size=14, unique_by=lambda event: event[:2] if event[0] == "trade" else event,
)  # fmt: skip


def rows(events: list[tuple[Any, ...]]) -> list[dict[str, Any]]:
    """Return the keyed rows of one second, as ``sql/trades_keyed.sql`` and ``sql/revisions_keyed.sql`` define them."""
    out = []
    for kind, number, offset, _, price, size, bought in events:
        time = START + offset
        if kind != "trade":
            out.append({"revised_at": time, "sort_key": None, "price": None, "limbs": [0] * 7, "bought": 0})
            continue
        mine = [e for e in events if e[0] != "trade" and e[1:3] == (number, offset)]
        corrections = [(e[3], e[4], e[5], e[6]) for e in mine if e[0] == "trade_correct"]
        if any(e[0] == "trade_cancel" for e in mine):
            out.append({"revised_at": None, "sort_key": None, "price": None, "limbs": [0] * 7, "bought": int(bought)})
            continue
        last = max(corrections)[1:3] if corrections else (price, size)
        p, q = last[0] * 10**12, last[1] * 10**12
        key = f"{time:016}{19_944:06}{number:012}|{last[0]}|t{number}"
        parts = [*limbs(q, 3), *limbs(p * q, 4)]
        out.append({"revised_at": None, "sort_key": key, "price": p, "limbs": parts, "bought": int(bought)})
    return out


def reduce(found: list[dict[str, Any]]) -> Bar:
    """Reduce as ``sql/bars.sql`` does."""
    keys = [row["sort_key"] for row in found if row["sort_key"]]
    prices = [row["price"] for row in found if row["price"] is not None]
    with localcontext(prec=60):
        high, low = ((Decimal(f(prices)).scaleb(-12)) if prices else None for f in (max, min))
    sums = [sum(row["limbs"][k] for row in found) for k in range(7)]
    sums += [sum(row["bought"] * row["limbs"][k] for row in found) for k in range(7)]
    first, last = (min(keys), max(keys)) if keys else (None, None)
    return finish_bar("sim:X", "1s", START, len(keys), first, last, high, low, sums, len(found))


@given(EVENTS, st.randoms(use_true_random=False))
def test_order_never_shows_and_the_version_counts_everything(events: list[tuple[Any, ...]], random: Any) -> None:
    bar = reduce(rows(events))
    shuffled = list(events)
    random.shuffle(shuffled)
    assert reduce(rows(shuffled)).encode() == bar.encode()
    assert bar.version == len(events)

    trades = {e[1]: e for e in events if e[0] == "trade"}
    gone = {e[1:3] for e in events if e[0] == "trade_cancel"}
    live = sorted((e[2], n) for n, e in trades.items() if (n, e[2]) not in gone)
    assert bar.trade_count == len(live)
    if not live:
        fields = ("open", "high", "low", "close", "volume", "notional", "vwap", "trade_count")
        assert tuple(getattr(bar, name) for name in (*fields, "first_trade_id", "last_trade_id")) == EMPTY
        return
    final = {}
    for offset, n in live:
        better = [e[3:7] for e in events if e[0] == "trade_correct" and e[1:3] == (n, offset)]
        final[n] = (max(better)[1:3]) if better else trades[n][4:6]
    assert (bar.first_trade_id, bar.last_trade_id) == (f"t{live[0][1]}", f"t{live[-1][1]}")
    assert (bar.open, bar.close) == (final[live[0][1]][0] * 10**12, final[live[-1][1]][0] * 10**12)
    assert bar.volume == sum(size for _, size in final.values()) * 10**12
    assert Decimal(bar.notional) == sum(price * size for price, size in final.values())
    assert bar.high == max(price for price, _ in final.values()) * 10**12


@given(EVENTS, st.integers(0, 13))
def test_a_larger_set_has_a_higher_version(events: list[tuple[Any, ...]], cut: int) -> None:
    some = events[: 1 + cut % len(events)]
    assert reduce(rows(some)).version + len(events) - len(some) == reduce(rows(events)).version
