"""Adjusted series by example: revisions, cancellations, late announcements, changes of symbol, quality rules."""

from __future__ import annotations

import dataclasses
from fractions import Fraction

import pytest

from schemas.catalog import ADJUSTED_BAR, FACTOR
from schemas.quality import ADJUSTMENTS, default_quality, parse
from udfs.corporate_actions.adjust import adjust
from udfs.corporate_actions.factors import OTHER_CURRENCY, OUT_OF_LINE, OUT_OF_RANGE, TOO_LARGE, Limits, factors, limits
from udfs.corporate_actions.history import Action, Close, History
from udfs.corporate_actions.lineage import BEGIN, END, Link, Stretch, ancestors, stretches

SCALE = 10**12


def close(date, price, entity="v:A", revision=0, known=1, **more):
    fields = {"volume": "", "published": "", "currency": "USD", "basis": "as_traded", "source": "f", **more}
    return Close(entity, date, revision, price, known=known, **fields)


def action(name, kind, ex_date, entity="v:A", revision=0, known=1, **more):
    fields = {"status": "announced", "ratio": Fraction(1), "amount": Fraction(0), "currency": "USD", "successor": ""}
    return Action(entity, name, revision, kind=kind, ex_date=ex_date, known=known, **{**fields, **more})


def dividend(name, ex_date, amount, **more):
    return action(name, "cash_dividend", ex_date, amount=Fraction(amount), **more)


def series(actions, closes, entity="v:A"):
    """Return adjusted closes by (date, as_of), and the bars and factors they are of."""
    found, bars = adjust(History(entity, actions, closes))
    values = {(bar["date"], bar["as_of"]): Fraction(bar["adjusted_close"], SCALE) for bar in bars}
    return values, {(bar["date"], bar["as_of"]): bar for bar in bars}, {row["ex_date"]: row for row in found}


WEEK = [close(1, "100"), close(2, "101"), close(3, "102"), close(4, "103")]


def test_without_actions_a_close_is_as_traded():
    values, bars, found = series([], WEEK)
    assert values == {(1, 1): 100, (2, 2): 101, (3, 3): 102, (4, 4): 103}
    assert {bar["version"] for bar in bars.values()} == {1}
    assert found == {}


def test_each_break_is_an_as_of():
    values, bars, found = series([dividend("a", 2, 1), dividend("b", 4, 2)], WEEK)
    one, two = 1 - Fraction(1, 100), 1 - Fraction(2, 102)
    assert values[1, 1] == 100
    assert values[1, 2] == 100 * one
    assert values[1, 4] == Fraction(round(100 * one * two * SCALE), SCALE)
    assert values[3, 4] == Fraction(round(102 * two * SCALE), SCALE)
    assert (2, 2) in values
    assert values[2, 2] == 101
    assert found[4]["price_numerator"] == "50"
    assert found[4]["price_denominator"] == "51"
    assert found[4]["previous_close"] == "102"
    assert bars[1, 4]["currency"] == "USD"


def test_an_action_takes_effect_with_the_first_close_on_or_after_its_ex_date():
    announced = dividend("a", 6, 1)
    assert series([announced], WEEK)[2] == {}
    values, _, found = series([announced], [*WEEK, close(7, "100")])
    assert set(found) == {6}
    assert values[4, 6] == 102


def test_sizes_go_the_other_way():
    closes = [close(1, "100", volume="7"), close(2, "33", volume="20")]
    _, bars, found = series([action("s", "split", 2, ratio=Fraction(3))], closes)
    assert bars[1, 2]["adjusted_close"] == 33_333_333_333_333  # rounded once, half to even
    assert bars[1, 2]["adjusted_volume"] == 21 * SCALE
    assert (found[2]["price_numerator"], found[2]["price_denominator"], found[2]["size_numerator"]) == ("1", "3", "3")


def test_a_source_that_adjusts_for_splits_itself_is_not_adjusted_twice():
    closes = [close(1, "100", basis="split_adjusted"), close(2, "99", basis="split_adjusted")]
    values, _, _ = series([action("s", "split", 2, ratio=Fraction(3)), dividend("d", 2, 1)], closes)
    assert values[1, 2] == 99


def test_a_dividend_on_the_day_of_a_split_is_per_share_after_it():
    values, _, _ = series([action("s", "split", 2, ratio=Fraction(2)), dividend("d", 2, 1)], WEEK)
    assert values[1, 2] == 49  # 100 / 2 - 1


def test_a_correction_and_a_cancellation_are_higher_versions():
    first, second = dividend("a", 2, 1), dividend("a", 2, "0.5", revision=1, known=9)
    gone = dividend("a", 2, "0.5", revision=2, known=10, status="cancelled")
    seen = [series(events, WEEK) for events in ([first], [first, second], [first, second, gone])]
    assert [values[1, 2] for values, _, _ in seen] == [99, Fraction("99.5"), 100]
    assert [bars[1, 2]["version"] for _, bars, _ in seen] == [4, 6, 8]  # 2 closes; each announcement, and its effect
    assert [bars[1, 2]["known_from"] for _, bars, _ in seen] == [1, 9, 10]
    assert [found[2]["action_ids"] for _, _, found in seen] == ["a", "a", ""]


def test_a_moved_action_leaves_its_old_break_without_an_effect():
    values, _, found = series([dividend("a", 2, 1), dividend("a", 3, 1, revision=1)], WEEK)
    assert set(found) == {2, 3}
    assert values[1, 2] == 100
    assert values[1, 3] == Fraction(round(100 * (1 - Fraction(1, 101)) * SCALE), SCALE)


def test_a_corrected_close_restates_what_it_is_behind():
    before, after = (
        series([dividend("a", 2, 1)], WEEK),
        series([dividend("a", 2, 1)], [*WEEK, close(1, "50", revision=1)]),
    )
    assert (before[0][1, 2], after[0][1, 2]) == (99, 49)
    assert after[1][1, 2]["version"] > before[1][1, 2]["version"]
    assert after[1][3, 3] == before[1][3, 3]


def test_a_series_goes_on_under_its_new_symbol():
    closes = [close(1, "100"), close(2, "101"), close(3, "102", entity="v:B"), close(4, "103", entity="v:B")]
    change = action("c", "symbol_change", 3, successor="v:B")
    values, bars, _ = series([change, dividend("d", 4, 2, entity="v:B")], closes, "v:B")
    assert sorted({date for date, _ in values}) == [1, 2, 3, 4]
    assert values[1, 4] == Fraction(round(100 * (1 - Fraction(2, 102)) * SCALE), SCALE)
    assert [bars[day, day]["source_entity_id"] for day in (1, 2, 3, 4)] == ["v:A", "v:A", "v:B", "v:B"]
    assert {bar["entity_id"] for bar in bars.values()} == {"v:B"}


def test_a_cancelled_change_of_symbol_withdraws_the_sessions():
    closes = [close(1, "100"), close(3, "102", entity="v:B")]
    change = action("c", "symbol_change", 3, successor="v:B")
    _, before, _ = series([change], closes, "v:B")
    _, after, _ = series([change, change._replace(revision=1, status="cancelled")], closes, "v:B")
    assert before.keys() == after.keys()
    assert (before[1, 1]["status"], after[1, 1]["status"]) == ("live", "withdrawn")
    assert after[1, 1]["version"] > before[1, 1]["version"]
    assert (after[1, 1]["close"], after[1, 1]["adjusted_close"]) == ("", 0)


def test_stretches_follow_changes_back_and_symbols_may_come_back():
    links = [Link("A", "B", 10), Link("B", "A", 20)]
    assert stretches("A", links) == [Stretch("A", 20, END), Stretch("B", 10, 20), Stretch("A", BEGIN, 10)]
    assert stretches("B", links) == [Stretch("B", 10, END), Stretch("A", BEGIN, 10)]
    assert stretches("C", [*links, Link("A", "C", 5), Link("B", "C", 5)])[1] == Stretch("A", BEGIN, 5)
    assert ancestors([*links, Link("B", "C", 30)]) == {"A": ["A", "B", "C"], "B": ["B", "A", "C"]}


@pytest.mark.parametrize(
    ("published", "speaks"), [(("99", "101"), False), (("100", "101"), True), (("", "101"), False), (("99", ""), False)]
)
def test_a_dividend_is_out_of_line_with_what_the_source_publishes(published, speaks):
    before, after = (
        close(day, price, published=p) for day, price, p in zip((1, 2), ("100", "101"), published, strict=True)
    )
    found = factors(2, [dividend("d", 2, 1)], before, after, limits())
    assert (OUT_OF_LINE in found.rules) == speaks
    assert found.price == Fraction(99, 100)  # it speaks, and lets pass


def test_closes_of_two_files_are_not_compared():
    before, after = close(1, "100", published="100", source="old"), close(2, "101", published="101", source="new")
    assert factors(2, [dividend("d", 2, 1)], before, after, limits()).rules == ()


def test_a_dividend_of_more_than_the_share_is_left_out():
    values, bars, found = series([dividend("a", 2, 100), dividend("b", 3, 1)], WEEK)
    assert (found[2]["rules"], found[2]["action_ids"], values[1, 2]) == (TOO_LARGE, "", 100)
    assert bars[1, 3]["rules"] == TOO_LARGE
    assert bars[2, 3]["rules"] == ""


def test_a_dividend_in_another_currency_is_left_out():
    values, _, found = series([dividend("a", 2, 1, currency="HKD"), dividend("b", 2, 2)], WEEK)
    assert (found[2]["rules"], found[2]["action_ids"], values[1, 2]) == (OTHER_CURRENCY, "b", 98)


def test_what_has_no_room_is_withdrawn_and_says_so():
    splits = [action(f"r{n}", "reverse_split", 2, ratio=Fraction(1, 10**6)) for n in range(5)]
    _, bars, _ = series(splits, WEEK)
    assert (bars[1, 2]["status"], bars[1, 2]["rules"]) == ("withdrawn", "out_of_range")
    assert bars[1, 1]["status"] == "live"


def test_the_rules_go_by_the_limits_that_are_declared():
    odd = close(2, "101", published="101.0002")
    allowed = dataclasses.replace(limits(), out_of_line=Fraction(3, 10**6))
    found = [
        factors(2, [dividend("d", 2, 1)], close(1, "100", published="99"), odd, one).rules
        for one in (limits(), allowed)
    ]
    assert found == [(OUT_OF_LINE,), ()]
    half = dataclasses.replace(limits(), exceeds=Fraction(1, 2), out_of_range=Fraction(101))
    factor, bars = adjust(History("v:A", [dividend("a", 2, 50)], WEEK), half)
    assert (factor[0]["rules"], factor[0]["price_numerator"]) == (TOO_LARGE, "1")
    said = {(bar["date"], bar["as_of"]): (bar["status"], bar["rules"]) for bar in bars}
    assert said[1, 2] == ("live", TOO_LARGE)
    assert said[2, 2] == ("withdrawn", OUT_OF_RANGE)


def test_the_kernels_and_the_declared_rules_have_the_same_names():
    assert ADJUSTMENTS[FACTOR].keys() == {OUT_OF_LINE, TOO_LARGE, OTHER_CURRENCY}
    assert ADJUSTMENTS[ADJUSTED_BAR].keys() == {OUT_OF_RANGE}
    assert {rule.name for rule in default_quality().rules if rule.topic.startswith("analytics.adjust")} == {
        OUT_OF_LINE, TOO_LARGE, OTHER_CURRENCY, OUT_OF_RANGE,
    }  # fmt: skip


def test_a_file_of_rules_that_declares_no_limit_has_the_projects():
    text = '["analytics.adjustment_factor.v1".dividend_exceeds_close]\ntype="adjustment"\naction="flag"\nlimit="0.5"'
    assert limits(parse(text)) == dataclasses.replace(limits(), exceeds=Fraction(1, 2))
    assert limits(parse("")) == limits() == Limits(Fraction(1, 10**6), Fraction(1), Fraction(10**26))
