"""Rules of cancels, corrections and reference data: rejected, marked, stopped at, as trades and quotes are."""

from __future__ import annotations

import json
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.reference import NOW, envelopes, read, rows

from schemas.quality import Quality, default_quality, parse
from udfs.gate.assign import assign
from udfs.gate.resubmitted import Verdicts, redriven
from udfs.normalize.normalizer import Normalized, Normalizer
from udfs.quality import QualityStop
from udfs.quality.flags import TOPIC as FLAGS
from udfs.values.rejects import Reject
from udfs.wire import envelope
from udfs.wire.envelope import encode_one

CLOSES, ACTIONS = "raw.reference.daily_close.v1", "raw.reference.corporate_action.v1"
CANCEL = {"e": "tradeCancel", "E": 0, "T": NOW // 1000, "s": "A", "i": 7, "t": 5, "O": NOW // 1000 - 500, "r": 1}
CORRECT = {**CANCEL, "e": "tradeCorrect", "p": "10", "q": "2"}


def rule(kind: str, text: str, action: str = "flag", name: str = "odd") -> str:
    return f'["normalized.{kind}.v1".{name}]\naction = "{action}"\n{text}\n'


def closes(*found: tuple[str, str], **more: str) -> list[bytes]:
    return envelopes(rows(*({"date": date, "close": close, **more} for date, close in found)))[CLOSES]


def actions(*found: dict[str, str]) -> list[bytes]:
    return envelopes(rows(*found))[ACTIONS]


def revision(body: dict[str, Any], **change: Any) -> list[bytes]:
    """Return one cancel or correction, received half a second after its own time."""
    payload = json.dumps({**body, **change}, separators=(",", ":")).encode()
    who = assign("sim", payload)
    assert who.event_time is not None
    received = who.event_time + 500_000
    return [
        encode_one(
            who.event_id, who.entity_id, "sim", who.channel, who.event_time, "venue", received, "run", 1, payload
        )
    ]


def fold(topic: str, values: list[bytes], quality: Quality) -> Normalized:
    found = Normalizer(topic, quality).process(envelope.decode(values)[0])
    assert len(values) == found.frames + found.duplicates + len(found.dead_letters) + found.not_normalized
    return found


def flags(found: Normalized) -> list[tuple[str, str, str, str]]:
    """Return the flags as (event id without what is common, rule, observed, expected)."""
    told = [read(record) for record in found.low_rate if record.topic == FLAGS]
    return [(one["event_id"].split(":", 3)[-1], one["rule"], one["observed"], one["expected"]) for one in told]


def others(found: Normalized) -> list[dict[str, Any]]:
    return [read(record) for record in found.low_rate if record.topic != FLAGS]


def test_a_close_that_fails_is_a_dead_letter_and_takes_no_number() -> None:
    quality = parse(rule("daily_close", 'type="range"\nfield="close"\nmost="100"', "fail", "too_dear"))
    days = closes(("2024-05-01", "99.5"), ("2024-05-02", "100.00000000000001"), ("2024-05-03", "100"))
    found = fold(CLOSES, days, quality)
    (letter,) = found.dead_letters
    assert (letter.reason, letter.contract, letter.record) == ("quality.too_dear", "daily_close.v1", days[1])
    assert letter.detail == "close: expected <= 100, got 100.00000000000001"
    assert [(one["close"], one["entity_seq"]) for one in others(found)] == [("99.5", 1), ("100", 2)]


def test_numbers_that_the_source_leaves_out_break_no_rule() -> None:
    quality = parse(
        rule("daily_close", 'type="compare"\nleft="published_adjusted_close"\nmust_be="<="\nright="close"')
        + rule("daily_close", 'type="range"\nfield="volume"\nleast="1"', name="no_volume")
    )
    assert flags(fold(CLOSES, closes(("2024-05-01", "5")), quality)) == []
    both = closes(("2024-05-01", "5"), volume="0", published_adjusted_close="5.1")
    assert flags(fold(CLOSES, both, quality)) == [
        ("19844@0", "odd", "5.1", "<= close 5"),
        ("19844@0", "no_volume", "0", ">= 1"),
    ]


def test_a_close_is_held_against_earlier_sessions_not_against_when_it_was_fed() -> None:
    quality = default_quality()
    days = closes(
        ("1962-01-02", "100"), ("1962-01-03", "149"), ("1962-01-04", "60"), ("1962-02-01", "61"), ("1962-01-05", "1")
    )
    assert [one[1:] for one in flags(fold(CLOSES, days, quality))] == [
        ("price_jump", "60", "within 0.5 of 149"),
        ("silence", str(28 * 86_400), f"<= {15 * 86_400}"),
    ]
    backwards = parse(rule("daily_close", 'type="monotone"\ntolerance="1d"'))
    assert [one[1:] for one in flags(fold(CLOSES, days, backwards))] == [("odd", str(27 * 86_400), "<= 86400")]


def test_a_close_that_fails_is_not_remembered() -> None:
    quality = parse(
        rule("daily_close", 'type="range"\nfield="close"\nmost="1000"', "fail", "too_dear")
        + rule("daily_close", 'type="outlier"\nmost_change="0.5"', name="jump")
    )
    found = fold(CLOSES, closes(("2024-05-01", "10"), ("2024-05-02", "5000"), ("2024-05-03", "11")), quality)
    assert (len(found.dead_letters), flags(found)) == (1, [])


@pytest.mark.parametrize("action", ["fail", "flag", "stop"])
def test_an_action_is_judged_by_its_exact_ratio(action: str) -> None:
    quality = parse(rule("corporate_action", 'type="range"\nfield="ratio"\nleast="0.334"', action))
    values = actions(
        {"action_id": "a", "kind": "reverse_split", "ex_date": "2024-05-03", "ratio": "1:3"},
        {"action_id": "b", "kind": "split", "ex_date": "2024-05-03", "ratio": "2:1"},
    )
    if action == "stop":
        with pytest.raises(QualityStop, match=r"odd of normalized\.corporate_action\.v1 stops the job at reference:X:"):
            fold(ACTIONS, values, quality)
        return
    found = fold(ACTIONS, values, quality)
    assert [one["action_id"] for one in others(found)] == (["b"] if action == "fail" else ["a", "b"])
    assert [letter.detail for letter in found.dead_letters] == (
        ["ratio: expected >= 0.334, got 1/3"] if action == "fail" else []
    )
    assert flags(found) == ([("a@0", "odd", "1/3", ">= 0.334")] if action == "flag" else [])


def test_the_projects_rules_mark_a_ratio_out_of_line() -> None:
    split = {"action_id": "a", "kind": "split", "ex_date": "2024-05-03"}
    assert flags(fold(ACTIONS, actions({**split, "ratio": "1000"}), default_quality())) == []
    found = fold(ACTIONS, actions({**split, "ratio": "1001"}), default_quality())
    assert flags(found) == [("a@0", "ratio_out_of_line", "1001", ">= 0.001 and <= 1000")]


@pytest.mark.parametrize(("body", "channel"), [(CANCEL, "trade_cancel"), (CORRECT, "trade_correct")])
def test_a_revision_is_marked_when_it_comes_a_week_after_its_trade(body: dict[str, Any], channel: str) -> None:
    topic = f"raw.sim.{channel}.v1"
    week = 7 * 86_400_000
    assert flags(fold(topic, revision(body, O=NOW // 1000 - week), default_quality())) == []
    found = fold(topic, revision(body, O=NOW // 1000 - week - 250), default_quality())
    assert flags(found) == [("7", "revised_late", "604800.25", "<= 604800")]
    (flag,) = [read(record) for record in found.low_rate if record.topic == FLAGS]
    assert (flag["topic"], flag["entity_id"], flag["event_time"]) == (f"normalized.{channel}.v1", "sim:A", NOW)
    late = parse(rule(channel, 'type="range"\nfield="lag"\nmost="0.4"', "fail", "slow"))
    (letter,) = fold(topic, revision(body), late).dead_letters
    assert (letter.reason, letter.detail) == ("quality.slow", "lag: expected <= 0.4, got 0.5")


def test_a_correction_has_a_price_and_a_size() -> None:
    quality = parse(
        rule("trade_correct", 'type="compare"\nleft="price"\nmust_be="<="\nright="size"\ntimes="4"', "stop")
    )
    with pytest.raises(QualityStop, match=r"sim:A:trade_correct:7: found 10, expected <= 4 \* size 2\."):
        fold("raw.sim.trade_correct.v1", revision(CORRECT), quality)
    assert others(fold("raw.sim.trade_correct.v1", revision(CORRECT, q="2.5"), quality))


RULES = parse(
    rule("daily_close", 'type="range"\nfield="close"\nmost="9"', "fail", "too_dear")
    + rule("daily_close", 'type="outlier"\nmost_change="0.5"', name="jump")
    + rule("daily_close", 'type="staleness"\nlongest="3d"', name="silence")
    + rule("daily_close", 'type="monotone"\ntolerance="2d"', name="backwards")
)
SESSIONS = st.lists(
    st.tuples(st.integers(0, 12), st.sampled_from(["1", "2", "3.00000000000001", "7", "8", "10"]), st.booleans(),
              st.integers(0, 3)),
    min_size=1, max_size=25,
)  # fmt: skip


def expected(sessions: list[tuple[int, Fraction, bool]]) -> list[tuple[int, str]]:
    """Return (place, rule) of the flags of accepted sessions, by all that was there before; prices have 12 decimals."""
    found = []
    for n, (day, price, symbol) in enumerate(sessions):
        past = [one for one in sessions[:n] if one[2] == symbol]
        newest = max((one[0] for one in past), default=None)
        if newest is None:
            continue
        earlier = [(one[0], k) for k, one in enumerate(past) if one[0] < day]
        if earlier and day >= newest:
            close = Fraction(int(past[max(earlier)[1]][1] * 10**12), 10**12)
            found += [(n, "jump")] if abs(price - close) * 2 > close else []
        found += [(n, "silence")] if day - newest > 3 else []
        found += [(n, "backwards")] if newest - day > 2 else []
    return found


@given(SESSIONS, st.lists(st.integers(0, 25), max_size=4), st.booleans())
def test_flags_equal_a_plain_oracle_however_the_log_is_cut_and_saved(
    drawn: list[tuple[int, str, bool, int]], cuts: list[int], whole: bool
) -> None:
    seen: dict[tuple[int, bool], int] = {}
    told, kept = [], []
    for day, price, symbol, _ in drawn:  # each is a revision of its own: nothing is a duplicate
        revision = seen[day, symbol] = seen.get((day, symbol), -1) + 1
        told.append(
            {"date": f"2024-05-{day + 1:02}", "close": price, "symbol": "XY"[symbol], "revision": f"{revision}"}
        )
        if price != "10":
            kept.append((day, Fraction(price), symbol))
    values = envelopes(rows(*told))[CLOSES]
    edges = sorted({0, len(values), *(cut for cut in cuts if cut < len(values))})
    fold, state, found, letters = Normalizer(CLOSES, RULES), [], [], 0
    places: dict[str, int] = {}
    for first, end in pairwise(edges):
        got = fold.process(envelope.decode(values[first:end])[0])
        letters += len(got.dead_letters)
        for one in others(got):
            places[one["event_id"]] = len(places)
        marked = [read(record) for record in got.low_rate if record.topic == FLAGS]
        found += [(places[one["event_id"]], one["rule"]) for one in marked]
        state = [fold.snapshot()] if whole else [*state, fold.delta()]
        fold = Normalizer.restore(CLOSES, state, RULES)
    assert letters == len(told) - len(kept)
    assert found == expected(kept)


def test_a_rejected_close_is_redriven_under_its_own_id_and_its_verdict_stands() -> None:
    strict = parse(rule("daily_close", 'type="range"\nfield="close"\nmost="9"', "fail", "too_dear"))
    (value,) = closes(("2024-05-01", "10"))
    (letter,) = fold(CLOSES, [value], strict).dead_letters
    copy = redriven(letter.dead_letter_id, 1, NOW, Reject(letter.reason, letter.detail), value)
    original = envelope.decode([value])[0].row(0)
    again = encode_one(
        copy.copy_id, *original[1:6], NOW + 60_000_000, copy.source_id, copy.number, original[9]
    )  # fmt: skip
    lax = parse(rule("daily_close", 'type="range"\nfield="close"\nmost="9"'))
    stream = Normalizer(CLOSES, lax).process(envelope.decode([again])[0])
    (record,) = others(stream)
    assert (record["event_id"], record["close"]) == (original[0], "10")
    assert flags(stream) == [("19844@0", "odd", "10", "<= 9")]
    replay = Normalizer(CLOSES, lax, Verdicts([(copy.copy_id, copy.source_id)]))
    got = replay.process(envelope.decode([value, again])[0])
    assert [one.encode() for one in got.dead_letters] == [letter.encode()]
    assert [one.value for one in got.low_rate] == [one.value for one in stream.low_rate]
