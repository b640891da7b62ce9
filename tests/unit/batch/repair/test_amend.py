"""Events that came too late, before and beside Spark: which of several copies, what they restate, what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from batch.repair.amend import Late, amended, first_copies, within
from batch.repair.requests import Request
from schemas.domains import raw_topic
from udfs.gate.assign import assign
from udfs.normalize.normalizer import Normalizer
from udfs.wire.envelope import decode, encode_one

SECOND = 1_000_000
DAY = 86_400 * SECOND
NOW = 1_723_161_600 * SECOND  # a whole second
OLD = NOW - 3_600 * SECOND + 250_000
TRADE = {"e": "trade", "E": 1, "s": "A", "t": 7, "p": "1", "q": "1", "T": OLD // 1_000, "m": True}
CANCEL = {"e": "tradeCancel", "E": 1, "T": OLD // 1_000, "s": "A", "i": 3, "t": 7, "O": OLD // 1_000 - 5_000, "r": 0}
CORRECT = {**CANCEL, "e": "tradeCorrect", "p": "2", "q": "3"}


def record(body: dict[str, Any], ingest: int, source: str = "a", seq: int = 1, venue: str = "sim") -> tuple[str, bytes]:
    """Return (topic, Kafka value)."""
    payload = json.dumps(body, separators=(",", ":")).encode()
    who = assign(venue, payload)
    time, origin = (ingest, "ingest") if who.event_time is None else (who.event_time, "venue")
    value = encode_one(who.event_id, who.entity_id, venue, who.channel, time, origin, ingest, source, seq, payload)
    return raw_topic(venue, who.channel), value


def late(body: dict[str, Any], ingest: int = NOW, **more: Any) -> Late:
    (one,) = first_copies([record(body, ingest, **more)])
    return one


@pytest.mark.parametrize(
    ("body", "kind", "start"),
    [
        (TRADE, "trade", NOW - 3_600 * SECOND),
        (CANCEL, "trade", NOW - 3_605 * SECOND),
        (CORRECT, "trade", NOW - 3_605 * SECOND),
        ({"e": "bookTicker", "u": 4, "s": "A", "b": "1", "B": "2", "a": "3", "A": "4", "T": OLD // 1_000, "E": 1},
         "quote", NOW - 3_600 * SECOND),
    ],
)  # fmt: skip
def test_what_is_restated_is_where_the_event_counts(body: dict[str, Any], kind: Any, start: int) -> None:
    """A cancel or a correction counts in the windows of the trade that it means, not in those of its own time."""
    assert late(body).requests() == [Request("sim:A", kind, start, start + SECOND, "amended")]


@pytest.mark.parametrize("body", [TRADE, CANCEL, CORRECT])
def test_an_amendment_is_accepted_whatever_the_event_was_rejected_for(body: dict[str, Any]) -> None:
    """Late by its record, and received in time but behind the ids that are remembered."""
    newest = {**body, "i": 99, "t": 99, "T": NOW // 1_000, "O": NOW // 1_000}
    for ingest, reason in ((NOW, "late"), (OLD + SECOND, "behind_dedup_window")):
        topic, value = record(body, ingest, "b")
        fold = Normalizer(topic)
        envelopes, _, _ = decode([record(newest, NOW)[1], value])
        got = fold.process(envelopes)
        assert [letter.reason for letter in got.dead_letters] == [reason]
        (one,) = first_copies((letter.topic, letter.record) for letter in got.dead_letters)
        assert within([one], DAY, {topic: NOW}) == ([one], {})
        again = [amended(one, f"amend:{DAY}:{'0' * 32}", 1, NOW), value]
        done = fold.process(decode(again)[0])
        # The original once more is a duplicate of the late one, and behind for ever where it was behind.
        assert (done.frames, done.duplicates + len(done.dead_letters)) == (1, 1)


def test_of_several_copies_the_first_received_is_taken_and_amended_ones_are_none() -> None:
    copies = [record(TRADE, NOW), record(TRADE, OLD + SECOND, "z"), record(TRADE, OLD + SECOND, "b")]
    topic = copies[0][0]
    narrow = amended(late(TRADE), f"amend:{DAY}:{'0' * 32}", 1, NOW)
    (one,) = first_copies([*copies, (topic, narrow), (topic, b"no envelope")])
    assert one.event_id == "sim:A:trade:7"
    assert one.envelope[6:9] == (OLD + SECOND, "b", 1)


def test_what_no_horizon_helps_is_told_apart_from_what_is_beyond_this_one() -> None:
    """A venue that sends no time: the event's is when it was received, which an amended copy cannot say."""
    quote = {"u": 4, "s": "A", "b": "1", "B": "2", "a": "3", "A": "4"}
    timeless, trade = late(quote, OLD, venue="binance_spot"), late(TRADE)
    newest = {timeless.topic: NOW, trade.topic: NOW}
    assert within([timeless, trade], 1_800 * SECOND, newest) == ([], {"wrong_identity": [timeless], "late": [trade]})
