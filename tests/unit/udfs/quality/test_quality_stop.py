"""The action *stop*: what is said, and that nothing of the block comes out, in either engine's hands."""

from decimal import Decimal

import pytest
from property.frames import MIDNIGHT, SECOND, binance_trade
from property.oracle import Raw, envelope
from support.finishing import finish_bar

from schemas.quality import default_quality, parse
from udfs.normalize.normalizer import Normalizer
from udfs.quality import QualityStop
from udfs.quality.finished import hold
from udfs.wire.envelope import decode

BARS = default_quality().of("analytics.bar.v1")


def log(*prices):
    rows = []
    for n, price in enumerate(prices, 1):
        time = MIDNIGHT + n * SECOND
        payload = binance_trade("A_1", n, time, price, "1")
        rows.append(
            envelope(Raw(f"sim:A_1:trade:{n}", "sim:A_1", "sim", "trade", time, "venue", time, "a", n, payload))
        )
    return decode(rows)[0]


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        ('type="range"\naction="stop"\nfield="price"\nmost="100"', "found 101, expected <= 100"),
        ('type="staleness"\naction="stop"\nlongest="500ms"', "found 1, expected <= 0.5"),
    ],
)
def test_a_fold_stops_with_the_rule_the_record_and_what_to_do(rule, found):
    fold = Normalizer("raw.sim.trade.v1", parse(f'["normalized.trade.v1".alarm]\n{rule}'))
    with pytest.raises(
        QualityStop, match=r"rule alarm of normalized\.trade\.v1 stops the job at sim:A_1:trade:2"
    ) as stop:
        fold.process(log("99", "101", "98"))
    assert found in str(stop.value)
    assert "polyglot submit" in str(stop.value)


def bar(**changed):
    key = f"{MIDNIGHT:016d}{'1' * 18}|5|7"
    sums = [10**12, 5 * 10**24, 0, 0]  # one trade of 1 at 5
    values = {"high": Decimal(5), "low": Decimal(5), **changed}
    return ("sim:A_1", "1s", MIDNIGHT, 1, key, key, values["high"], values["low"], sums)


def test_a_bar_as_it_should_be_holds():
    hold(BARS, finish_bar(*bar()))


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"low": Decimal("5.1"), "high": Decimal("5.2")}, "vwap_below_low"),
        ({"high": Decimal("4.9"), "low": Decimal("4.8")}, "vwap_above_high"),
        ({"high": Decimal(4), "low": Decimal(6)}, "low_above_high"),
    ],
)
def test_a_bar_that_cannot_be_stops_a_replay(changed, rule):
    with pytest.raises(QualityStop, match=f"rule {rule} of analytics.bar.v1 stops the job at sim:A_1 1s {MIDNIGHT}"):
        hold(BARS, finish_bar(*bar(**changed)))
