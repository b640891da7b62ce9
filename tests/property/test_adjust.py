"""Adjusted series as functions of sets: exact, blind to order, and never the same version with another content."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from udfs.corporate_actions.adjust import adjust
from udfs.corporate_actions.history import Action, Close, History
from udfs.corporate_actions.lineage import Link, ancestors
from udfs.values.decimals import half_even

SCALE = 10**12
NAMES = ("v:A", "v:B", "v:C")
DAYS = st.integers(100, 112)
STATUS = ("announced", "announced", "cancelled")
KINDS = ("split", "reverse_split", "stock_dividend", "cash_dividend", "symbol_change")
RATIOS = {"split": Fraction(3), "reverse_split": Fraction(2, 7), "stock_dividend": Fraction(21, 20)}
Event = Action | Close


@st.composite
def actions(draw: st.DrawFn, kinds: tuple[str, ...] = KINDS) -> Action:
    kind = draw(st.sampled_from(kinds))
    entity = draw(st.sampled_from(NAMES))
    successor = draw(st.sampled_from([name for name in NAMES if name != entity])) if kind == "symbol_change" else ""
    amount = Fraction(draw(st.integers(1, 4000)), 1000) if kind == "cash_dividend" else Fraction(0)
    return Action(
        entity, draw(st.sampled_from("xyz")), draw(st.integers(0, 2)), draw(st.sampled_from(STATUS)), kind,
        draw(DAYS), RATIOS.get(kind, Fraction(1)), amount, draw(st.sampled_from(["", "USD", "HKD"])), successor,
        draw(st.integers(1, 50)),
    )  # fmt: skip


@st.composite
def closes(draw: st.DrawFn) -> Close:
    price = str(draw(st.integers(1, 9999)) / 1000)
    published = draw(st.sampled_from(["", price, "1.25"]))
    return Close(
        draw(st.sampled_from(NAMES)), draw(DAYS), draw(st.integers(0, 1)), price, draw(st.sampled_from(["", "700"])),
        published, draw(st.sampled_from(["", "USD"])), draw(st.sampled_from(["as_traded", "split_adjusted"])),
        draw(st.sampled_from("fg")), draw(st.integers(1, 50)),
    )  # fmt: skip


def identity(event: Event) -> tuple[Any, ...]:
    if isinstance(event, Action):
        return "action", event.entity_id, event.action_id, event.revision
    return "close", event.entity_id, event.date, event.revision


EVENTS = st.lists(st.one_of(actions(), closes(), closes()), max_size=30, unique_by=identity)


def rows(series: str, events: list[Event]) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Return the records of a series by key, given all events there are."""
    changes = [one for one in events if isinstance(one, Action) and one.kind == "symbol_change"]
    reach = ancestors([Link(one.entity_id, one.successor, one.ex_date) for one in changes])
    mine = [one for one in events if series in reach.get(one.entity_id, [one.entity_id])]
    history = History(
        series, [one for one in mine if isinstance(one, Action)], [one for one in mine if isinstance(one, Close)]
    )
    factors, bars = adjust(history)
    found = {("factor", row["ex_date"]): row for row in factors}
    found |= {("bar", row["date"], row["as_of"]): row for row in bars}
    assert len(found) == len(factors) + len(bars)
    return found


@given(events=EVENTS, data=st.data())
def test_the_order_of_events_does_not_matter(events: list[Event], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(events))
    for series in NAMES:
        assert list(rows(series, events).items()) == list(rows(series, shuffled).items())


@given(events=EVENTS, data=st.data())
def test_more_events_keep_every_key_and_change_a_record_only_under_a_higher_version(
    events: list[Event], data: st.DataObject
) -> None:
    fewer = [one for one in events if data.draw(st.booleans())]
    for series in NAMES:
        before, after = rows(series, fewer), rows(series, events)
        assert before.keys() <= after.keys()
        for key, row in before.items():
            assert after[key]["version"] >= row["version"], key
            assert after[key] == row or after[key]["version"] > row["version"], key


@given(events=EVENTS)
def test_a_bar_is_the_close_times_the_published_factors_rounded_once(events: list[Event]) -> None:
    for series in NAMES:
        found = rows(series, events)
        factors = [row for key, row in found.items() if key[0] == "factor"]
        for key, bar in found.items():
            if key[0] != "bar" or bar["status"] != "live":
                continue
            value = {"price": Fraction(bar["close"]), "total_return": Fraction(bar["close"])}
            value["size"] = Fraction(bar["volume"] or "0")
            for row in factors:
                if bar["date"] < row["ex_date"] <= bar["as_of"]:
                    for name in value:
                        value[name] *= Fraction(int(row[f"{name}_numerator"]), int(row[f"{name}_denominator"]))
            exact = {name: half_even(x.numerator * SCALE, x.denominator) for name, x in value.items()}
            assert exact["price"] == bar["adjusted_close"]
            assert exact["total_return"] == bar["total_return_close"]
            assert exact["size"] == bar["adjusted_volume"]


@given(
    prices=st.lists(st.integers(1, 9999), min_size=2, max_size=10),
    dividends=st.dictionaries(st.integers(1, 9), st.integers(1, 900), max_size=4),
    ratios=st.dictionaries(st.integers(1, 9), st.sampled_from([Fraction(3), Fraction(2, 7)]), max_size=3),
)
def test_conventions_are_the_contracts_recursions(
    prices: list[int], dividends: dict[int, int], ratios: dict[int, Fraction]
) -> None:
    """Both recursions, day by day, on closes as traded; dividends per share as it trades from the ex date on."""
    close = [Fraction(price, 100) for price in prices]
    paid = [Fraction(dividends.get(t, 0), 1000) for t in range(len(close))]
    split = [ratios.get(t, Fraction(1)) for t in range(len(close))]
    assume(all(paid[t] * split[t] < close[t - 1] for t in range(1, len(close))))
    price_adj, return_adj = [close[-1]], [close[-1]]
    factor = Fraction(1)
    for t in range(len(close) - 2, -1, -1):
        factor *= (1 - paid[t + 1] * split[t + 1] / close[t]) / split[t + 1]
        price_adj.insert(0, close[t] * factor)
        return_adj.insert(0, return_adj[0] * close[t] / ((close[t + 1] + paid[t + 1]) * split[t + 1]))
    known = [Close("v:A", t, 0, str(float(price)), "", "", "", "as_traded", "", 1) for t, price in enumerate(close)]
    events: list[Action] = []
    for t in range(1, len(close)):
        if paid[t]:
            events.append(Action("v:A", f"d{t}", 0, "announced", "cash_dividend", t, Fraction(1), paid[t], "", "", 1))
        if split[t] != 1:
            kind = "split" if split[t] > 1 else "reverse_split"
            events.append(Action("v:A", f"s{t}", 0, "announced", kind, t, split[t], Fraction(0), "", "", 1))
    newest: dict[int, dict[str, Any]] = {}
    for bar in adjust(History("v:A", events, known))[1]:
        if bar["date"] not in newest or bar["as_of"] > newest[bar["date"]]["as_of"]:
            newest[bar["date"]] = bar
    for t in range(len(close)):
        for name, exact in (("adjusted_close", price_adj[t]), ("total_return_close", return_adj[t])):
            assert newest[t][name] == half_even(exact.numerator * SCALE, exact.denominator), (t, name)
