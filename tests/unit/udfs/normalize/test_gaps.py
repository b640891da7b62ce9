"""Gaps of the venue's numbers, rule by rule; and that the compiled reader of depth frames reads what the gate reads."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from property.oracle import read

from schemas.domains import domains
from udfs.gate.assign import assign
from udfs.gate.topic_rules import rules
from udfs.kernels import depth, scanning
from udfs.kernels.slices import Slices
from udfs.normalize import gaps
from udfs.normalize.gaps import MOST
from udfs.normalize.normalizer import Normalized, Normalizer
from udfs.values.times import EARLIEST, LATEST
from udfs.venues.binance import numbers, parse
from udfs.venues.frames import MAX_NUMBER, MAX_PAYLOAD
from udfs.wire.envelope import Envelopes, decode, encode_one

SECOND = 1_000_000
DAY = 86_400 * SECOND
NOW = 1_723_161_600 * SECOND
TRADES = "raw.sim.trade.v1"


def trade(number: int, ingest: int, *, event: int | None = None, size: str = "1", symbol: str = "A") -> bytes:
    ms = (ingest if event is None else event) // 1_000
    body = {"e": "trade", "E": ms, "s": symbol, "t": number, "p": "1", "q": size, "T": ms, "m": True}
    return value("sim", json.dumps(body, separators=(",", ":")).encode(), ingest)


def value(venue: str, payload: bytes, ingest: int) -> bytes:
    found = assign(venue, payload)
    assert found.event_time is not None
    # A source for each frame: which one was sent when is another test's business.
    source = f"{found.event_id}/{ingest}"
    return encode_one(
        found.event_id, found.entity_id, venue, found.channel, found.event_time, "venue", ingest, source, 1, payload
    )  # fmt: skip


def run(*values: bytes, fold: Normalizer | None = None, topic: str = TRADES) -> Normalized:
    envelopes, _, bad = decode(values)
    assert not bad
    return (fold or Normalizer(topic)).process(envelopes)


def told(got: Normalized) -> list[dict[str, Any]]:
    return [read("gap", record.value) for record in got.low_rate if record.topic == gaps.TOPIC]


def shown(got: Normalized) -> list[tuple[Any, ...]]:
    return [(gap["missing"], gap["remaining"], gap["version"]) for gap in told(got)]


def test_a_hole_is_published_when_the_log_is_the_grace_further_on() -> None:
    grace = rules(TRADES).gap_grace
    log = [trade(1, NOW), trade(5, NOW + 10), trade(6, NOW + 10 + grace)]
    assert run(*log).low_rate == []
    (gap,) = told(run(*log, trade(7, NOW + 11 + grace)))
    assert gap["gap_id"] == f"sim:A:trade:2-4@{NOW + 10}"
    assert (gap["entity_id"], gap["venue"], gap["channel"], gap["reason"]) == ("sim:A", "sim", "trade", "missing")
    assert (gap["first_id"], gap["last_id"], gap["remaining"], gap["missing"], gap["version"]) == (2, 4, 3, "2-4", 1)


def test_disorder_within_the_grace_is_no_gap() -> None:
    assert run(trade(1, NOW), trade(3, NOW + 1), trade(2, NOW + 2), trade(4, NOW + 60 * SECOND)).low_rate == []


def test_what_comes_later_closes_it_version_by_version() -> None:
    fold = Normalizer(TRADES)
    assert shown(run(trade(1, NOW), trade(6, NOW), trade(7, NOW + 6 * SECOND), fold=fold)) == [("2-5", 4, 1)]
    assert shown(run(trade(3, NOW, event=NOW + 1_000), fold=fold)) == [("2,4-5", 3, 2)]
    fold = Normalizer.restore(TRADES, [fold.snapshot()])
    assert shown(run(trade(8, NOW + 7 * SECOND), fold=fold)) == []
    assert shown(run(trade(5, NOW), trade(2, NOW), fold=fold)) == [("4", 1, 4)]
    assert shown(run(trade(4, NOW), trade(4, NOW + 1), fold=fold)) == [("", 0, 5)]


def test_a_frame_that_is_too_late_for_its_topic_still_closes_it() -> None:
    """Bronze has it: the number is not missing. That it became no trade, its dead letter says."""
    fold = Normalizer(TRADES)
    run(trade(1, NOW), trade(4, NOW), trade(5, NOW + 300 * SECOND), fold=fold)
    got = run(trade(2, NOW + 1), trade(3, NOW + 301 * SECOND, event=NOW), fold=fold)
    assert [letter.reason for letter in got.dead_letters] == ["behind_dedup_window", "late"]
    assert shown(got) == [("", 0, 3)]


def test_a_rejected_trade_is_no_gap_but_a_frame_of_false_identity_is_none_to_count() -> None:
    bad = trade(2, NOW + 1, size="-1")
    forged = trade(2, NOW + 1).replace(b"sim:A:trade:2", b"sim:A:trade:9")
    end = [trade(3, NOW + 2), trade(4, NOW + 9 * SECOND)]
    got = run(trade(1, NOW), bad, *end)
    assert (len(got.dead_letters), got.low_rate) == (1, [])
    got = run(trade(1, NOW), forged, *end)
    assert [letter.reason for letter in got.dead_letters] == ["wrong_identity"]
    assert shown(got) == [("2", 1, 1)]


def test_entities_and_channels_have_their_own() -> None:
    got = run(trade(1, NOW), trade(9, NOW, symbol="B"), trade(2, NOW), trade(10, NOW + 9 * SECOND, symbol="B"))
    assert got.low_rate == []


def test_a_leap_is_told_at_once_and_never_again() -> None:
    far = 2 + rules(TRADES).gap_jump + 1
    fold = Normalizer(TRADES)
    (gap,) = told(run(trade(1, NOW), trade(far, NOW + 1), trade(far + 1, NOW + 9 * SECOND), fold=fold))
    assert (gap["reason"], gap["first_id"], gap["last_id"], gap["version"]) == ("jump", 2, far - 1, 1)
    assert shown(run(trade(7, NOW + 9 * SECOND, event=NOW - DAY), fold=fold)) == []
    assert told(run(trade(1, NOW), trade(far - 1, NOW + 1), trade(far, NOW + 9 * SECOND)))[0]["reason"] == "missing"


def test_a_venue_that_begins_anew_opens_no_gap_and_gives_up_those_of_before() -> None:
    far = rules(TRADES).gap_jump + 1_000
    fold = Normalizer(TRADES)
    got = run(trade(far, NOW), trade(far + 3, NOW + 1), trade(1, NOW + 2), trade(2, NOW + 9 * SECOND), fold=fold)
    assert shown(got) == [(f"{far + 1}-{far + 2}", 2, 1)]  # not lost: it was found
    assert shown(run(trade(4, NOW + 10 * SECOND), trade(5, NOW + 20 * SECOND), fold=fold)) == [("3", 1, 1)]


def test_an_old_frame_from_far_below_is_a_backfill_and_no_beginning() -> None:
    far = rules(TRADES).gap_jump + 1_000
    old = trade(5, NOW + 1, event=NOW - DAY)
    assert run(trade(far, NOW), old, trade(far + 1, NOW + 2), trade(far + 2, NOW + 9 * SECOND)).low_rate == []


def test_gaps_are_followed_for_the_days_that_sequences_are_kept() -> None:
    fold = Normalizer(TRADES)
    days = rules(TRADES).days_kept
    run(trade(1, NOW), trade(3, NOW), trade(5, NOW + 9 * SECOND), fold=fold)
    got = run(trade(6, NOW + days * DAY), trade(2, NOW, event=NOW + 1_000), fold=fold)
    assert sorted(shown(got)) == [("", 0, 2), ("4", 1, 1)]
    assert shown(run(trade(7, NOW + (days + 1) * DAY), trade(4, NOW, event=NOW + 1_000), fold=fold)) == []


def test_the_oldest_gap_gives_way_when_there_are_too_many() -> None:
    fold = Normalizer(TRADES)
    log = [trade(2 * n, NOW + n) for n in range(1, MOST + 3)]
    assert shown(run(*log, fold=fold)) == [("3", 1, 1)]  # published before it is forgotten
    assert shown(run(trade(3, NOW + 9), fold=fold)) == []
    late = run(trade(2 * MOST + 6, NOW + 60 * SECOND), fold=fold)
    assert len(late.low_rate) == MOST


def test_a_long_list_is_cut_in_the_record() -> None:
    fold = Normalizer(TRADES)
    run(trade(0, NOW), trade(200, NOW), trade(201, NOW + 9 * SECOND), fold=fold)
    got = run(*(trade(n, NOW, event=NOW + 1_000) for n in range(10, 100, 2)), fold=fold)
    ((missing, remaining, version),) = shown(got)
    assert (missing.split(",")[:2], missing.split(",")[-1], missing.count(",")) == (["1-9", "11"], "...", gaps.SPELLED)
    assert (remaining, version) == (199 - 45, 46)


def test_state_of_many_entities_and_gaps_comes_back() -> None:
    fold = Normalizer(TRADES)
    kept = [fold.snapshot()]
    for n in range(1, 60):
        run(*(trade(3 * n, NOW + n * SECOND, symbol=f"S{k}") for k in range(n)), fold=fold)
        kept.append(fold.delta())
    again = Normalizer.restore(TRADES, kept)
    assert again.snapshot() == fold.snapshot()
    end = [trade(1_000, NOW + 200 * SECOND, symbol=f"S{k}") for k in range(59)]
    assert run(*end, fold=again).low_rate == run(*end, fold=fold).low_rate != []


# --- depth ---


def book(first: int, last: int, ingest: int, *, before: int | None = None, venue: str = "binance_spot") -> bytes:
    body: dict[str, Any] = {"e": "depthUpdate", "E": ingest // 1_000, "s": "A", "U": first, "u": last}
    body |= {} if before is None else {"pu": before}
    body |= {"b": [["1.0", "2"], ["0.9", "0"]], "a": []}
    return value(venue, json.dumps({"stream": "a@depth", "data": body}, separators=(",", ":")).encode(), ingest)


def test_a_book_that_breaks_is_a_gap_of_update_ids() -> None:
    topic = "raw.binance_spot.depth.v1"
    got = run(book(1, 9, NOW), book(10, 12, NOW), book(20, 22, NOW), book(23, 23, NOW + 9 * SECOND), topic=topic)
    assert (shown(got), got.not_normalized, got.frames) == ([("13-19", 7, 1)], 4, 0)
    topic = "raw.binance_usdm.depth.v1"
    log = [(5, 9, 3), (15, 20, 9), (40, 50, 30), (60, 61, 50)]
    frames = [
        book(first, last, NOW + n * 9 * SECOND, before=before, venue="binance_usdm")
        for n, (first, last, before) in enumerate(log)
    ]
    fold = Normalizer(topic)
    assert shown(run(*frames, fold=fold, topic=topic)) == [("21-30", 10, 1)]
    late = book(24, 30, NOW + 30 * SECOND, before=20, venue="binance_usdm")
    assert shown(run(late, fold=fold)) == [("", 0, 11)]


FIELDS = st.sampled_from([
    b'"e":"depthUpdate"', b'"e":"trade"', b'"s":"A"', b'"s":"a"', b'"U":5', b'"U":9', b'"u":9', b'"u":5', b'"u":09',
    b'"pu":4', b'"pu":2', b'"pu":null', b'"pu":-1', b'"pu":"4"', b'"pu":9', b'"E":1723161600000', b'"T":1723161600001',
    b'"T":null', b'"b":[]', b'"b":[["1","2"]]', b'"a":[["1","2"],["3","4"]]', b'"a":[["1"]]', b'"a":[["1","2",[]]]',
    b'"a":[["1","2"],]', b'"a":[["1","\\u0041"]]', b'"b":[["\xc3\xa9","2"]]', b'"b":[["1", "2"]]', b'"x":{"y":[]}',
    b'"U":5.0', b'"u":4611686018427387904', b'"pu":9223372036854775807',
])  # fmt: skip
WHOLE = [b'"e":"depthUpdate"', b'"E":1723161600000', b'"s":"A"', b'"U":5', b'"u":9', b'"b":[["1","2"]]', b'"a":[]']


@given(st.lists(FIELDS, max_size=3), st.permutations(range(len(WHOLE))), st.integers(0, 2), st.integers(0, 3))
def test_the_scanner_of_depth_frames_reads_what_the_gate_reads(
    more: list[bytes], order: list[int], drop: int, wrap: int
) -> None:
    fields = [WHOLE[k] for k in order[drop:]] + more
    payload = b"{" + b",".join(fields) + b"}"
    payload = [payload, b'{"stream":"x","data":' + payload + b"}", payload + b" ", payload[:-1]][wrap]
    found = assign("binance_usdm", payload)
    time = NOW if found.event_time is None else found.event_time
    origin = "ingest" if found.event_time is None else "venue"
    envelopes, _, _ = decode([
        encode_one(found.event_id, found.entity_id, "binance_usdm", "depth", time, origin, NOW, "s", 1, payload)
    ])  # fmt: skip
    scanned = scan(envelopes, found.event_id)
    if scanned is None:
        return
    assert found.channel == "depth"
    assert scanned == (numbers(parse(payload)) or (-1, -1))


def scan(env: Envelopes, event_id: str) -> tuple[int, int] | None:
    """Return what the compiled scanner reads in one frame; None: it abstains."""
    ids = event_id.rpartition(":")[2].split("-")
    if len(ids) != 2 or max(map(len, ids)) > 18:
        return None
    low, high = (np.array([int(one)], dtype=np.int64) for one in ids)
    todo, kind = np.ones(1, dtype=np.int8), np.ones(1, dtype=np.int8)
    first, last = np.full(1, -1, dtype=np.int64), np.full(1, -1, dtype=np.int64)
    prefix = Slices.of([b"binance_usdm:"]).data
    depth.scan_depths(
        MAX_NUMBER, depth.NAME, scanning.WORDS, prefix, MAX_PAYLOAD, EARLIEST, LATEST,
        todo, *env.payloads.parts, *env.entity_ids.parts, kind, low, high, env.event_time, env.from_ingest, first, last,
    )  # fmt: skip
    return (int(first[0]), int(last[0])) if todo[0] == 2 else None


def test_the_scanner_reads_ordinary_depth_frames() -> None:
    """Or else the test above would pass without a frame that is scanned."""
    envelopes, _, _ = decode([book(5, 9, NOW, before=3, venue="binance_usdm")])
    assert scan(envelopes, "x:5-9") == (4, 9)


@pytest.mark.parametrize("venue", ["kraken", "coinbase"])
def test_where_a_venue_numbers_nothing_densely_nothing_is_followed(venue: str) -> None:
    followed = {channel for channel in domains().venues[venue].channels if rules(f"raw.{venue}.{channel}.v1").sequenced}
    assert followed == ({"match"} if venue == "coinbase" else set())
