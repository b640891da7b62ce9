"""Amended events: accepted by what their record states, once and for ever, under an id of their own."""

from __future__ import annotations

import io
import json
from typing import Any

import fastavro
import pytest

from schemas.contracts import contract
from udfs.gate.amendments import Amendment, amendment
from udfs.gate.assign import assign
from udfs.gate.resubmitted import MAX_HORIZON, original_id, stated_horizon
from udfs.ingest.ingestor import Ingestor
from udfs.normalize.normalizer import Normalized, Normalizer
from udfs.rows.arrow import to_arrow
from udfs.values.rejects import Reject
from udfs.wire.envelope import decode, encode_one

SECOND = 1_000_000
DAY = 86_400 * SECOND
NOW = 1_723_161_600 * SECOND
TOPIC = "raw.sim.trade.v1"
SOURCE = f"amend:{30 * DAY}:{'0' * 32}"


def value(
    number: int, event: int, ingest: int, source: str = "a", seq: int = 1, *, suffix: str = "", symbol: str = "A"
) -> bytes:
    body = {"e": "trade", "E": 1, "s": symbol, "t": number, "p": "1", "q": "1", "T": event // 1_000, "m": True}
    payload = json.dumps(body, separators=(",", ":")).encode()
    found = assign("sim", payload)
    assert found.event_time is not None
    return encode_one(
        found.event_id + suffix, found.entity_id, "sim", "trade", found.event_time, "venue", ingest, source, seq,
        payload,
    )  # fmt: skip


def amended(
    number: int, event: int, ingest: int, source: str = SOURCE, seq: int = 1, suffix: str = "~amended"
) -> bytes:
    return value(number, event, ingest, source, seq, suffix=suffix)


def run(*values: bytes, fold: Normalizer | None = None) -> Normalized:
    envelopes, _, bad = decode(values)
    assert not bad
    return (fold or Normalizer(TOPIC)).process(envelopes)


def rows(found: Normalized) -> list[dict[str, Any]]:
    schema = fastavro.parse_schema(contract("trade").schema)
    values = found.trades.encode()
    return [fastavro.schemaless_reader(io.BytesIO(one[5:]), schema, None) for one in values]  # type: ignore[misc]


def test_a_late_event_is_accepted_by_its_amendment() -> None:
    late = NOW - 500 * SECOND
    got = run(value(7, late, NOW), value(8, NOW, NOW, seq=2), amended(7, late, NOW))
    assert [(letter.dead_letter_id, letter.reason) for letter in got.dead_letters] == [("sim:A:trade:7", "late")]
    assert [(row["event_id"], row["venue_trade_id"], row["entity_seq"], row["source_id"]) for row in rows(got)] == [
        ("sim:A:trade:8", "8", 1, "a"),
        ("sim:A:trade:7~amended", "7", 2, SOURCE),
    ]
    assert to_arrow(got.trades).column("venue_trade_id").to_pylist() == ["8", "7"]
    assert got.trades.event_time.tolist() == [NOW, late]


@pytest.mark.parametrize(
    ("source", "suffix", "reason"),
    [
        ("amend:", "~amended", "bad_amendment"),
        (f"amend:-1:{'0' * 32}", "~amended", "bad_amendment"),
        (f"amend:0:{'0' * 32}", "~amended", "bad_amendment"),
        (f"amend:{MAX_HORIZON + 1}:{'0' * 32}", "~amended", "bad_amendment"),
        (f"amend:{2**63}:{'0' * 32}", "~amended", "bad_amendment"),
        (f"amend:{'9' * 5_000}:{'0' * 32}", "~amended", "bad_amendment"),
        (f"amend:1e9:{'0' * 32}", "~amended", "bad_amendment"),
        (f"amend:\u0661:{'0' * 32}", "~amended", "bad_amendment"),
        (f"amend:{30 * DAY}:{'0' * 31}", "~amended", "bad_amendment"),
        (f"amend:{30 * DAY}:{'0' * 32}\n", "~amended", "bad_amendment"),
        (SOURCE, "", "wrong_identity"),
        (SOURCE, "~amended~amended", "wrong_identity"),
        ("a", "~amended", "wrong_identity"),
        (f"amend:{400 * SECOND}:{'0' * 32}", "~amended", "late"),
    ],
)
def test_an_amendment_that_is_none_is_rejected(source: str, suffix: str, reason: str) -> None:
    got = run(amended(7, NOW - 500 * SECOND, NOW, source, suffix=suffix))
    assert [letter.reason for letter in got.dead_letters] == [reason]
    assert all(len(letter.detail) <= 200 for letter in got.dead_letters)


def test_what_is_not_late_cannot_be_amended() -> None:
    """The scanner would accept both frames: it must leave what claims to be an amendment to the gate."""
    got = run(value(7, NOW, NOW), amended(7, NOW, NOW), amended(8, NOW, NOW, seq=2, suffix=""))
    assert [letter.reason for letter in got.dead_letters] == ["bad_amendment", "wrong_identity"]
    assert len(got.trades) == 1


@pytest.mark.parametrize("later", [0, 100 * SECOND, 90 * DAY])
@pytest.mark.parametrize("restored", [False, True])
def test_the_same_amendment_again_is_a_duplicate_however_much_later(later: int, restored: bool) -> None:
    late = NOW - 500 * SECOND
    other = f"amend:{400 * DAY}:{'1' * 32}"
    fold, ingest = Normalizer(TOPIC), Ingestor(TOPIC)
    log = [value(1, NOW, NOW), amended(7, late, NOW), *(value(n, NOW + later, NOW + later, "b", n) for n in (2, 3))]
    run(*log, fold=fold)
    ingest.process(log, range(len(log)), 0)
    if restored:
        fold = Normalizer.restore(TOPIC, [fold.snapshot()])
        ingest = Ingestor.restore(TOPIC, [ingest.snapshot()])
    again = [amended(7, late, NOW + later, other), amended(7, late, NOW + later, seq=9)]
    got = run(*again, fold=fold)
    assert (got.duplicates, got.frames, got.dead_letters) == (2, 0, [])
    assert len(ingest.process(again, [10, 11], 0).bronze) == 0


def test_an_amendment_is_no_copy_of_its_original_and_hides_none() -> None:
    late = NOW - 500 * SECOND
    got = run(amended(7, late, NOW), value(7, late, NOW), value(7, late, NOW + SECOND, "b"))
    assert (got.frames, got.duplicates, [letter.reason for letter in got.dead_letters]) == (1, 1, ["late"])


def test_an_amendment_behind_the_dates_that_are_still_counted_is_rejected() -> None:
    late = NOW - 500 * SECOND
    for days, reasons in ((0, []), (1, []), (3, ["behind_dedup_window"])):
        at = NOW + days * DAY
        got = run(value(1, NOW, NOW), value(2, at, at, seq=2), amended(7, late, NOW))
        assert [letter.reason for letter in got.dead_letters] == reasons
        seqs = [(row["ingest_date"], row["entity_seq"]) for row in rows(got)]
        assert len(seqs) == len(set(seqs))


def test_the_event_of_an_amendment_reads_back_and_its_id_is_its_content() -> None:
    first = amendment("sim:A", 1, 2, 3, ["b", "a"])
    assert first == amendment("sim:A", 1, 2, 3, ["a", "b"])
    assert first.amendment_id != amendment("sim:A", 1, 2, 3, ["a"]).amendment_id
    schema = fastavro.parse_schema({
        **contract("amendment").schema,
        "fields": [{**f, "type": "long" if "timestamp" in str(f["type"]) else f["type"]}
                   for f in contract("amendment").schema["fields"]],
    })  # fmt: skip
    read = fastavro.schemaless_reader(io.BytesIO(first.encode()[5:]), schema, None)
    assert Amendment(**read) == first  # type: ignore[arg-type]
    assert stated_horizon(first.source_id) == 3
    assert original_id("x~amended") == "x"


def test_ordinary_sources_state_no_horizon() -> None:
    assert stated_horizon("capture:amend:1") is None
    with pytest.raises(Reject):
        stated_horizon("amend:1")
