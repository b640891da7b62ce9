"""Data-quality rules: vectors, one record at a time, and a plain oracle agree; cutting and saving change nothing."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from property.frames import logs
from property.oracle import Outcome, Raw, cut, envelope, fold, read

from schemas.quality import Compare, Monotone, Outlier, Quality, Range, Rule, Staleness, parse
from udfs.normalize import gaps
from udfs.normalize.normalizer import Normalizer
from udfs.quality import evaluate, violated
from udfs.values.decimals import ONE
from udfs.wire.envelope import decode

DAY = 86_400_000_000
SECOND = 1_000_000
TRADES = """
["normalized.trade.v1".price]
type = "range"
action = "fail"
field = "price"
least = "0.5"
most = "999999999999999.9"

["normalized.trade.v1".odd]
type = "compare"
action = "fail"
left = "size"
must_be = "!="
right = "price"
times = "2"

["normalized.trade.v1".lag]
type = "range"
action = "flag"
field = "lag"
least = "-1"
most = "100"

["normalized.trade.v1".bigger]
type = "compare"
action = "flag"
left = "price"
must_be = ">"
right = "size"
times = "8.999"
"""
QUOTES = TRADES.replace("trade", "quote").replace('"price"', '"bid_price"').replace('"size"', '"ask_size"')
MEMORY = """
["normalized.{0}.v1".backwards]
type = "monotone"
action = "flag"
tolerance = "1s"

["normalized.{0}.v1".silence]
type = "staleness"
action = "flag"
longest = "30s"

["normalized.{0}.v1".jump]
type = "outlier"
action = "flag"
most_change = "0.125"
"""
RULES = {"trade": parse(TRADES + MEMORY.format("trade")), "quote": parse(QUOTES + MEMORY.format("quote"))}
ORDERS = {
    "<": operator.lt, "<=": operator.le, "==": operator.eq, "!=": operator.ne, ">=": operator.ge, ">": operator.gt,
}  # fmt: skip
CUTS = st.lists(st.integers(0, 12), max_size=12)
SAVES = st.lists(st.integers(0, 3), max_size=12)
TOPICS = [
    "raw.sim.trade.v1", "raw.binance_usdm.book_ticker.v1", "raw.binance_spot.book_ticker.v1", "raw.kraken.trade.v1",
    "raw.kraken.spread.v1",
]  # fmt: skip


def plain(rule: Rule, record: dict[str, Any]) -> bool:
    """Judge one record by exact fractions; `record` has the columns, and times of memory in seconds."""
    if isinstance(rule, Range):
        value = Fraction(record[rule.field])
        return (rule.least is not None and value * ONE < rule.least) or (
            rule.most is not None and value * ONE > rule.most
        )
    if isinstance(rule, Compare):
        return not ORDERS[rule.must_be](
            Fraction(record[rule.left]), Fraction(record[rule.right]) * Fraction(rule.times, 1000)
        )
    if isinstance(rule, Monotone):
        return record["behind"] > rule.tolerance
    if isinstance(rule, Staleness):
        return record["silence"] > rule.longest
    assert isinstance(rule, Outlier)
    close = record["previous_close"]
    return close is not None and abs(Fraction(record["price"]) - close) > Fraction(rule.most_change, 1000) * close


def seen(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return records with what memory says of them: from all earlier ones of the entity, kept as they are."""
    told = []
    for n, record in enumerate(records):
        time, price = record["event_time"], Fraction(record.get("price", record.get("bid_price")))
        past = [one for one in records[:n] if one["entity_id"] == record["entity_id"]]
        newest = max((one["event_time"] for one in past), default=None)
        today = max(time, newest or 0) // DAY
        days = [one for one in past if one["event_time"] // DAY < today]
        last = max(enumerate(days), key=lambda one: (one[1]["event_time"], one[0]), default=(0, None))[1]
        close = None if last is None or time // DAY != today else Fraction(last.get("price", last.get("bid_price")))
        told.append({
            **record, "price": price, "previous_close": close, "lag": Fraction(record["ingest_time"] - time, SECOND),
            "behind": max((newest or 0) - time, 0), "silence": 0 if newest is None else max(time - newest, 0),
        })  # fmt: skip
    return told


def oracle(topic: str, log: Sequence[Raw], quality: Quality) -> tuple[Outcome, list[tuple[str, str, str]]]:
    """Return what the log becomes, and its flags as (event id, rule, entity)."""
    failing = [rule for rule in quality.rules if rule.action == "fail"]
    marking = [rule for rule in quality.rules if rule.action == "flag"]

    def broken(record: dict[str, Any]) -> str:
        return next((rule.name for rule in failing if plain(rule, record)), "")

    out = fold(topic, log, broken)
    return out, [
        (r["event_id"], rule.name, r["entity_id"]) for r in seen(out.rows) for rule in marking if plain(rule, r)
    ]


@pytest.mark.parametrize("topic", TOPICS)
@given(data=st.data())
def test_flags_and_rejects_equal_the_oracle_however_the_log_is_cut_and_saved(topic: str, data: st.DataObject) -> None:
    log = data.draw(logs(topic))
    quality = RULES["quote" if "spread" in topic or "book" in topic else "trade"]
    saves, kept, fresh = data.draw(SAVES), [], Normalizer(topic, quality)
    values, dead, flags = [], [], []
    for n, part in enumerate(cut(log, data.draw(CUTS))):
        got = fresh.process(decode([envelope(raw) for raw in part])[0])
        assert len(part) == got.frames + got.duplicates + len(got.dead_letters) + got.not_normalized
        values += (got.trades if len(got.trades) else got.quotes).encode()
        dead += [(letter.dead_letter_id, letter.reason) for letter in got.dead_letters]
        for record in got.low_rate:
            if record.topic == gaps.TOPIC:
                continue  # test_gaps.py has those
            flag = read("quality_flag", record.value)
            assert (record.topic, record.key.decode()) == ("quality.normalization.v1", flag["entity_id"])
            flags.append((flag["event_id"], flag["rule"], flag["entity_id"]))
        how = saves[n] if n < len(saves) else 3
        if how == 1:
            kept = [fresh.snapshot()]
        elif how != 3:
            kept.append(fresh.delta())
        if how == 2:
            fresh = Normalizer.restore(topic, kept, quality)
    plainly, marked = oracle(topic, log, quality)
    assert (values, dead, flags) == (plainly.values, plainly.dead, marked)


AMOUNTS = st.one_of(
    st.integers(0, 10**27), st.integers(0, 3 * ONE), st.sampled_from([0, 1, ONE - 1, ONE, ONE + 1, 500 * ONE, 10**27])
)
ANY_RULES = [
    *(
        parse(f'["normalized.quote.v1".r]\ntype="compare"\naction="flag"\nleft="bid_price"\nmust_be="{order}"\n'
              f'right="ask_price"\ntimes="{times}"').rules[0]
        for order in ORDERS for times in ("1", "0.001", "1.5", "9", "0")
    ),
    *(
        parse(f'["normalized.quote.v1".r]\ntype="outlier"\naction="flag"\nmost_change="{change}"').rules[0]
        for change in ("0", "0.001", "0.5", "1", "8")
    ),
    parse('["normalized.quote.v1".r]\ntype="range"\naction="flag"\nfield="price"\nleast="1"\nmost="500"'.replace(
        '"price"', '"bid_price"')).rules[0],
]  # fmt: skip


@given(st.lists(st.tuples(AMOUNTS, AMOUNTS), min_size=1, max_size=20), st.sampled_from(ANY_RULES))
def test_columns_and_single_records_are_judged_alike(pairs: list[tuple[int, int]], rule: Rule) -> None:
    bids, asks = (np.array([divmod(pair[k], ONE) for pair in pairs], dtype=np.int64).T for k in (0, 1))
    columns = {
        "bid_price": (bids[0], bids[1]), "price": (bids[0], bids[1]), "ask_price": (asks[0], asks[1]),
        "previous_close": (asks[0], asks[1]),
    }  # fmt: skip
    one_by_one = [
        violated(rule, {"bid_price": bid, "price": bid, "ask_price": ask, "previous_close": ask}) for bid, ask in pairs
    ]
    exact = [
        plain(rule, {
            "bid_price": Fraction(bid, ONE), "price": Fraction(bid, ONE), "ask_price": Fraction(ask, ONE),
            "previous_close": Fraction(ask, ONE),
        })
        for bid, ask in pairs
    ]  # fmt: skip
    assert evaluate(rule, columns).tolist() == one_by_one == exact


def test_the_rules_of_these_tests_reject_and_mark() -> None:
    """Hold the properties against logs in which every rule has something to say."""
    from property.frames import MIDNIGHT, binance_trade

    def raw(number: int, time: int, price: str, size: str = "1") -> Raw:
        return Raw(f"sim:A_1:trade:{number}", "sim:A_1", "sim", "trade", time, "venue", time, "a", number,
                   binance_trade("A_1", number, time, price, size))  # fmt: skip

    log = [
        raw(1, MIDNIGHT - 50 * SECOND, "100"), raw(2, MIDNIGHT - 10 * SECOND, "104"), raw(3, MIDNIGHT, "90"),
        raw(4, MIDNIGHT - 2 * SECOND, "110"), raw(5, MIDNIGHT + SECOND, "97"), raw(6, MIDNIGHT + SECOND, "0.4"),
        raw(7, MIDNIGHT + SECOND, "96.25"), raw(8, MIDNIGHT + SECOND, "96.24", "10.7"), raw(9, MIDNIGHT, "97", "194"),
    ]  # fmt: skip
    out, flags = oracle("raw.sim.trade.v1", log, RULES["trade"])
    assert out.dead == [("sim:A_1:trade:6", "quality.price"), ("sim:A_1:trade:9", "quality.odd")]
    assert [(event.rsplit(":", 1)[1], rule) for event, rule, _ in flags] == [
        ("2", "silence"), ("3", "jump"), ("4", "backwards"), ("8", "bigger"), ("8", "jump"),
    ]  # fmt: skip
    got = Normalizer("raw.sim.trade.v1", RULES["trade"]).process(decode([envelope(one) for one in log])[0])
    found = [read("quality_flag", record.value) for record in got.low_rate]
    assert [(flag["event_id"], flag["rule"], flag["entity_id"]) for flag in found] == flags
    assert [(flag["observed"], flag["expected"]) for flag in found] == [
        ("40", "<= 30"), ("90", "within 0.125 of 104"), ("2", "<= 1"), ("96.24", "> 8.999 * size 10.7"),
        ("96.24", "within 0.125 of 110"),
    ]  # fmt: skip
    assert got.dead_letters[1].detail == "size: expected != 2 * price 97, got 194"
    assert Decimal("96.25") == Decimal(110) * (1 - Decimal("0.125"))
