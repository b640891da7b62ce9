"""Published adjusted closes, reproduced from what was published with them; the wrong dividend found by name."""

from datetime import date
from fractions import Fraction

import pytest
from support.captures import capture
from support.reference import SCALE, file_frames, history, latest_bars, normalized

from collectors.reference import Supplement
from udfs.corporate_actions.adjust import adjust
from udfs.corporate_actions.factors import OUT_OF_LINE

#: The inputs are 32-bit floats, written out.
TOLERANCE = Fraction(3, 10**7)
GOOD = {
    "CALM-1d-no-bad-divs.csv": (662, 10),
    "EWG-1d-no-bad-divs.csv": (662, 5),
    "3988-HK-1d-bad-div-fixed.csv": (647, 3),
}
BAD = "3988-HK-1d-bad-div.csv"


def records(name):
    return normalized(file_frames(capture(name, "adjustments"), Supplement(symbol="X")))


@pytest.mark.parametrize("name", GOOD)
def test_published_adjusted_closes_are_reproduced(name):
    found, _ = records(name)
    closes = {one["date"]: one for one in found if "close" in one}
    sessions, dividends = GOOD[name]
    assert (len(closes), len(found) - len(closes)) == (sessions, dividends)
    bars = latest_bars(history("reference:X", found))
    assert bars.keys() == closes.keys()
    for day, bar in bars.items():
        published = Fraction(closes[day]["published_adjusted_close"])
        assert abs(Fraction(bar["adjusted_close"], SCALE) / published - 1) < TOLERANCE, day


@pytest.mark.parametrize("name", GOOD)
def test_the_other_convention_is_another_series(name):
    found, _ = records(name)
    bars = latest_bars(history("reference:X", found))
    worst = max(abs(Fraction(bar["total_return_close"], bar["adjusted_close"]) - 1) for bar in bars.values())
    assert Fraction(1, 1000) < worst < Fraction(1, 100)


@pytest.mark.parametrize("name", GOOD)
def test_no_rule_speaks_about_a_good_file(name):
    factors, bars = adjust(history("reference:X", records(name)[0]))
    assert {row["rules"] for row in (*factors, *bars)} == {""}


def test_the_wrong_dividend_is_found_by_name_and_date():
    factors, bars = adjust(history("reference:X", records(BAD)[0]))
    spoken = [(row["ex_date"], row["rules"]) for row in factors if row["rules"]]
    bad = (date(2024, 7, 8) - date(1970, 1, 1)).days
    assert spoken == [(bad, OUT_OF_LINE)]
    assert {bar["as_of"] for bar in bars if bar["rules"]} == {bad}
    assert all(bar["date"] < bad for bar in bars if bar["rules"])


@pytest.mark.parametrize("name", [BAD, "3988-HK-1d-bad-div-fixed.csv"])
def test_the_session_without_a_close_is_a_dead_letter(name):
    assert records(name)[1] == [("reference:X", "missing_field")]
