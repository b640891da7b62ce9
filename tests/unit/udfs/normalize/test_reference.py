"""Reference data through the gate: what becomes a record, and each bad field that becomes a dead letter instead."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.reference import NOW, envelopes, fold, normalized, rows

from collectors.reference import Supplement, frames_of
from udfs.gate.assign import assign
from udfs.normalize.normalizer import Normalizer
from udfs.wire import envelope

SPLIT = {"action_id": "s", "kind": "split", "ex_date": "2024-05-03", "ratio": "3:2"}
DIVIDEND = {"action_id": "d", "kind": "cash_dividend", "ex_date": "2024-05-03", "amount": "0.125", "currency": "USD"}
CHANGE = {"action_id": "c", "kind": "symbol_change", "ex_date": "2024-05-03", "new_symbol": "NEW"}
CLOSE = {"date": "2024-05-02", "close": "10.50", "volume": "1e3"}
YAHOO = {"Datetime": "2022-04-26 00:00:00-04:00", "Close": "53.47999954223633", "Adj Close": "46.39545440673828",
         "Volume": "856700", "Dividends": "0.125", "Stock Splits": "0.0"}  # fmt: skip


def only(row: dict[str, str]) -> dict[str, Any]:
    (record,), rejected = normalized(rows(row))
    assert rejected == []
    return record


def test_an_action_is_a_record_with_exact_texts():
    record = only({**SPLIT, "announced_at": "2023-01-01T12:00:00Z", "revision": "2", "symbol": "ABC"})
    assert record == {
        "event_id": "reference:ABC:corporate_action:s@2", "entity_id": "reference:ABC", "venue": "reference",
        "symbol": "ABC", "event_time": NOW, "event_time_source": "ingest", "ingest_time": NOW, "ingest_date": 19675,
        "entity_seq": 1, "source_id": "test", "source_seq": 1, "action_id": "s", "revision": 2, "status": "announced",
        "kind": "split", "ex_date": 19846, "announced_time": 1_672_574_400_000_000, "ratio_numerator": "3",
        "ratio_denominator": "2", "amount": "0", "currency": "", "new_symbol": "",
    }  # fmt: skip


def test_a_close_is_a_record_with_canonical_texts():
    record = only(CLOSE)
    assert [record[name] for name in ("date", "close", "volume", "published_adjusted_close", "basis", "revision")] == [
        19845, "10.5", "1000", "", "as_traded", 0,
    ]  # fmt: skip


def test_a_price_row_is_a_close_and_its_actions():
    records, rejected = normalized(rows({**YAHOO, "Stock Splits": "0.5"}))
    assert rejected == []
    assert [(one.get("kind"), one.get("basis")) for one in records] == [
        (None, "split_adjusted"), ("cash_dividend", None), ("reverse_split", None),
    ]  # fmt: skip
    assert [one.get("action_id") for one in records] == [None, "cash_dividend:19108", "split:19108"]
    assert [one["amount"] for one in records[1:]] == ["0.125", "0"]
    assert records[0]["close"] == "53.47999954223633"
    assert {one["entity_id"] for one in records} == {"reference:X"}


def test_numbers_of_a_row_are_numbered_in_log_order_per_entity():
    records, _ = normalized(rows(CLOSE, {**CLOSE, "symbol": "Y"}, {**CLOSE, "date": "2024-05-03"}, CLOSE))
    assert [(one["symbol"], one["entity_seq"]) for one in records] == [("X", 1), ("Y", 1), ("X", 2)]


@pytest.mark.parametrize(
    ("row", "change", "reason"),
    [
        (SPLIT, {"action_id": ""}, "missing_field"),
        (SPLIT, {"action_id": "two words"}, "wrong_type"),
        (SPLIT, {"revision": "-1"}, "out_of_range"),
        (SPLIT, {"status": "maybe"}, "out_of_range"),
        (SPLIT, {"kind": "spin_off"}, "out_of_range"),
        (SPLIT, {"kind": ""}, "missing_field"),
        (SPLIT, {"ex_date": ""}, "missing_field"),
        (SPLIT, {"ex_date": "2024-02-30"}, "bad_time"),
        (SPLIT, {"ex_date": "03.05.2024"}, "bad_time"),
        (SPLIT, {"ex_date": "1824-05-03"}, "bad_time"),
        (SPLIT, {"announced_at": "yesterday"}, "bad_time"),
        (SPLIT, {"announced_at": "2024-05-01T00:00:00Z"}, "future"),
        (SPLIT, {"ratio": "0:1"}, "out_of_range"),
        (SPLIT, {"ratio": "1:0"}, "out_of_range"),
        (SPLIT, {"ratio": "2000000"}, "out_of_range"),
        (SPLIT, {"ratio": "two for one"}, "not_a_number"),
        (SPLIT, {"ratio": "1:2"}, "out_of_range"),
        (SPLIT, {"ratio": "1"}, "out_of_range"),
        (SPLIT, {"kind": "reverse_split"}, "out_of_range"),
        (DIVIDEND, {"amount": "0"}, "out_of_range"),
        (DIVIDEND, {"amount": "-1"}, "out_of_range"),
        (DIVIDEND, {"amount": "nan"}, "not_a_number"),
        (DIVIDEND, {"amount": "1e16"}, "out_of_range"),
        (DIVIDEND, {"amount": "0." + "0" * 31 + "1"}, "too_precise"),
        (DIVIDEND, {"currency": "US dollars"}, "wrong_type"),
        (CHANGE, {"new_symbol": ""}, "missing_field"),
        (CHANGE, {"new_symbol": "n e w"}, "unknown_symbol"),
        (CHANGE, {"new_symbol": "X"}, "out_of_range"),
        (CLOSE, {"close": ""}, "missing_field"),
        (CLOSE, {"close": "0"}, "out_of_range"),
        (CLOSE, {"close": "ten"}, "not_a_number"),
        (CLOSE, {"volume": "-1"}, "out_of_range"),
        (CLOSE, {"date": "2024-13-01"}, "bad_time"),
        (CLOSE, {"basis": "guessed"}, "out_of_range"),
        (CLOSE, {"symbol": "lower case"}, "unknown_symbol"),
        (YAHOO, {"Datetime": "26/04/2022", "Dividends": "0"}, "bad_time"),
        (YAHOO, {"Adj Close": "n/a", "Dividends": "0"}, "not_a_number"),
    ],
)  # fmt: skip
def test_a_bad_field_is_a_dead_letter_with_its_reason(row, change, reason):
    records, rejected = normalized(rows({**row, **change}))
    assert records == []
    assert [why for _, why in rejected] == [reason]


@pytest.mark.parametrize("cell", ["abc", "inf", "-0.5"])
def test_a_bad_dividend_in_a_price_row_does_not_take_the_close_with_it(cell):
    records, rejected = normalized(rows({**YAHOO, "Dividends": cell}))
    assert [one["close"] for one in records] == ["53.47999954223633"]
    assert len(rejected) == 1


@pytest.mark.parametrize("payload", [b"", b"{", b"[1]", b'{"fields":1}', b'{"fields":{},"channel":"x"}', b"\xff"])
def test_what_is_no_frame_is_a_dead_letter_of_no_entity(payload):
    records, rejected = normalized([payload])
    assert (records, [entity for entity, _ in rejected]) == ([], ["reference"])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.dictionaries(st.sampled_from([*SPLIT, *DIVIDEND, *CHANGE, *CLOSE, *YAHOO, "revision", "basis"]), JSON)


@given(fields=FIELDS, kind=JSON, channel=st.sampled_from(["corporate_action", "daily_close"]))
def test_whatever_the_fields_are_counts_balance(fields, kind, channel):
    body = {"channel": channel, "symbol": "X", "kind": kind, "fields": fields}
    for frame in (body, {name: value for name, value in body.items() if name != "kind"}):
        records, rejected = normalized([json.dumps(frame).encode()])
        assert len(records) + len(rejected) == 1


@given(
    order=st.lists(st.integers(0, 9), max_size=30),
    cuts=st.lists(st.integers(1, 5), min_size=1, max_size=30),
    saves=st.lists(st.integers(0, 3), min_size=30, max_size=30),
)
def test_records_do_not_depend_on_how_the_log_was_cut_and_saved(order, cuts, saves):
    days = [{**CLOSE, "date": f"2024-05-{n + 1:02}", "symbol": "XY"[n % 2]} for n in range(10)]
    log = []
    for seq, n in enumerate(order):
        (payload,) = frames_of(days[n], Supplement())
        who, then = assign("reference", payload), NOW + (seq % 3) * 86_400_000_000
        log.append(envelope.encode_one(
            who.event_id, who.entity_id, "reference", who.channel, then, "ingest", then, "s", seq, payload
        ))  # fmt: skip
    topic = "raw.reference.daily_close.v1"
    whole = [one.value for one in fold(topic, log).low_rate] if log else []
    kept, state, found, at = Normalizer(topic), [], [], 0
    for cut, save in zip(cuts * 30, saves * 30, strict=False):
        found += [one.value for one in kept.process(envelope.decode(log[at : at + cut])[0]).low_rate]
        at += cut
        if save == 1:
            state = [kept.snapshot()]
        elif save:
            state.append(kept.delta())
        if save == 3:
            kept = Normalizer.restore(topic, state)
    assert found == whole


def test_the_same_file_again_is_known_however_much_later():
    payloads = rows(*({**CLOSE, "date": f"2024-05-{n:02}"} for n in range(1, 29)))
    topic = "raw.reference.daily_close.v1"
    kept = Normalizer(topic)
    kept.process(envelope.decode(envelopes(payloads)[topic])[0])
    ten_years = 3653 * 86_400_000_000
    (later,) = envelopes(payloads, NOW + ten_years).values()
    again = kept.process(envelope.decode([value.replace(b"\x08test", b"\x08tes2") for value in later])[0])
    assert (again.duplicates, again.low_rate) == (len(payloads), [])


def test_a_ratio_is_a_fraction_in_lowest_terms():
    record = only({**SPLIT, "kind": "stock_dividend", "ratio": "1.05"})
    assert Fraction(int(record["ratio_numerator"]), int(record["ratio_denominator"])) == Fraction(21, 20)
    assert (record["ratio_numerator"], record["ratio_denominator"]) == ("21", "20")
