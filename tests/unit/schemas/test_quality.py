"""The rules' file: read into frozen objects, or refused with the rule's name."""

import dataclasses
from fractions import Fraction

import pytest

from schemas.quality import (
    Adjustment,
    Compare,
    Monotone,
    Outlier,
    QualityError,
    Range,
    Staleness,
    default_quality,
    load,
    parse,
)

TRADE = '["normalized.trade.v1".odd]\n'


def test_the_projects_own_rules_reject_nothing():
    rules = default_quality().rules
    assert {rule.action for rule in rules if rule.topic.startswith("normalized.")} == {"flag"}
    adjusted = {rule.topic for rule in rules if isinstance(rule, Adjustment)}
    assert adjusted == {"analytics.adjustment_factor.v1", "analytics.adjusted_bar.v1"}
    results = {rule.action for rule in rules if rule.topic.startswith("analytics.") and rule.topic not in adjusted}
    assert results == {"stop"}


def test_every_type_is_read_exactly():
    found = parse(
        TRADE + 'type="range"\naction="fail"\nfield="lag"\nleast="-1.5"\n'
        '["normalized.quote.v1".a]\ntype="compare"\naction="stop"\nleft="bid_price"\nmust_be="<"\nright="ask_price"\ntimes="1.25"\n'
        '["normalized.quote.v1".b]\ntype="monotone"\naction="flag"\ntolerance="5s"\n'
        '["normalized.quote.v1".c]\ntype="staleness"\naction="flag"\nlongest="2m"\n'
        '["normalized.quote.v1".d]\ntype="outlier"\naction="flag"\nmost_change="0.5"\n'
    )
    quote = "normalized.quote.v1"
    assert found.rules == (
        Range("normalized.trade.v1", "odd", "fail", "lag", -1_500_000_000_000, None),
        Compare(quote, "a", "stop", "bid_price", "<", "ask_price", 1_250),
        Monotone(quote, "b", "flag", 5_000_000),
        Staleness(quote, "c", "flag", 120_000_000),
        Outlier(quote, "d", "flag", 500),
    )
    assert found.of(quote) == found.rules[1:]
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.rules[0].action = "flag"


def test_the_limits_of_adjusted_series_are_declared_and_exact():
    found = default_quality()
    assert {(rule.name, rule.limit) for rule in found.rules if isinstance(rule, Adjustment)} == {
        ("dividend_out_of_line", Fraction(1, 10**6)), ("dividend_exceeds_close", Fraction(1)),
        ("currency_mismatch", None), ("out_of_range", Fraction(10**26)),
    }  # fmt: skip
    assert found.limit("dividend_out_of_line") == Fraction(1, 10**6)
    assert parse("").limit("dividend_out_of_line") is None


FACTOR = '["analytics.adjustment_factor.v1".dividend_exceeds_close]\ntype="adjustment"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = [", "not TOML"),
        ('topic = "x"', "expected tables"),
        ('["normalized.trade.v9".x]\ntype="range"', "rule normalized.trade.v9 x: no such topic"),
        ('["normalized.gaps.v1".x]\ntype="range"', "rules are for topics of trade, quote, trade_cancel, trade_correct"),
        ('["normalized.trade_cancel.v1".x]\ntype="range"\naction="flag"\nfield="price"\nleast="1"', "one of lag, age"),
        ('["normalized.trade_correct.v1".x]\ntype="outlier"\naction="flag"\nmost_change="1"', "for topics of trade,"),
        ('["normalized.daily_close.v1".x]\ntype="monotone"\naction="fail"\ntolerance="1d"', "only content may reject"),
        ('["raw.sim.trade.v1".x]\ntype="range"', "raw topics have no rules"),
        ('["normalized.trade.v1".Big]\ntype="range"', "lower case"),
        (TRADE + 'action="flag"', "type is missing"),
        (TRADE + 'type="regex"\naction="flag"', "type: expected one of range, compare"),
        (TRADE + 'type="range"\naction="drop"\nfield="price"\nleast="1"', "got 'drop'"),
        (TRADE + 'type="range"\naction="flag"\nfield="bid"\nleast="1"', "price, size, lag, got 'bid'"),
        (TRADE + 'type="range"\naction="flag"\nfield="price"', "least or most is missing"),
        (TRADE + 'type="range"\naction="flag"\nfield="price"\nleast="2"\nmost="1"', "least is above most"),
        (TRADE + 'type="range"\naction="flag"\nfield="price"\nleast=1.5', "least: expected a text, got 1.5"),
        (TRADE + 'type="range"\naction="flag"\nfield="price"\nleast="NaN"', "least: expected a decimal"),
        (TRADE + 'type="range"\naction="flag"\nfield="price"\nleast="1e-13"', "at most 12 decimals"),
        (TRADE + 'type="range"\naction="flag"\nfield="price"\nleast="1"\nmots="2"', "range has no mots"),
        (TRADE + 'type="compare"\naction="flag"\nleft="price"\nmust_be="=<"\nright="size"', "must_be: expected one of"),
        (TRADE + 'type="compare"\naction="flag"\nleft="price"\nmust_be="<"\nright="size"\ntimes="9.5"', "times: "),
        (TRADE + 'type="outlier"\naction="flag"\nmost_change="-0.5"', "most_change: expected 0 to 8"),
        (TRADE + 'type="staleness"\naction="flag"\nlongest="60"', "longest: a duration is"),
        (TRADE + 'type="staleness"\naction="flag"\nlongest="forever"', "longest: expected a duration"),
        (TRADE + 'type="monotone"\naction="fail"\ntolerance="5s"', "only content may reject"),
        ('["analytics.bar.v1".x]\ntype="monotone"\naction="stop"\ntolerance="5s"', "is for topics of trade, quote"),
        ('["analytics.bar.v1".x]\ntype="range"\naction="flag"\nfield="low"\nleast="1"', "the only action here is stop"),
        (FACTOR + 'action="stop"\nlimit="1"', "the only action here is flag"),
        (FACTOR + 'action="flag"', "limit is missing"),
        (FACTOR + 'action="flag"\nlimit="1.01"', "limit: expected 0 to 1, got '1.01'"),
        (FACTOR + 'action="flag"\nlimit="NaN"', "limit: expected a decimal"),
        (FACTOR.replace("exceeds_close", "odd") + 'action="flag"\nlimit="1"', "the kernel knows dividend_out_of_line"),
        (FACTOR.replace('adjustment"', 'range"') + 'action="flag"', "have the type adjustment"),
        (TRADE + 'type="adjustment"\naction="flag"\nlimit="1"', "have the type adjustment"),
        ('["analytics.quote_bar.v1".x]\ntype="range"\naction="stop"\nfield="mid"\nleast="1"', "field: expected one of"),
    ],
)  # fmt: skip
def test_what_cannot_be_right_is_refused_by_name(text, message):
    with pytest.raises(QualityError, match=message):
        parse(text)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(QualityError, match=r"missing\.toml cannot be read"):
        load(tmp_path / "missing.toml")
    (tmp_path / "bad.toml").write_text(TRADE + 'type="regex"')
    with pytest.raises(QualityError, match=r"bad\.toml: rule normalized\.trade\.v1 odd"):
        load(tmp_path / "bad.toml")
