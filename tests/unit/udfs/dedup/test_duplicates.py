"""The duplicate rules, one by one, on small logs; and that expired state does not pile up."""

from __future__ import annotations

import json

import numpy as np

from udfs.dedup.dedup import Dedup
from udfs.gate.assign import assign
from udfs.gate.topic_rules import rules
from udfs.ingest.ingestor import Ingestor
from udfs.normalize.normalizer import Normalized, Normalizer
from udfs.rows.arrow import to_arrow
from udfs.wire.envelope import decode, encode_one

SECOND = 1_000_000
NOW = 1_723_161_600 * SECOND
TOPIC = "raw.sim.trade.v1"


def value(number: int, ingest: int, source: str, seq: int, *, event: int | None = None, symbol: str = "A") -> bytes:
    time = (ingest if event is None else event) // 1_000
    body = {"e": "trade", "E": time, "s": symbol, "t": number, "p": "1", "q": "1", "T": time, "m": True}
    payload = json.dumps(body).encode()
    found = assign("sim", payload)
    assert found.event_time is not None
    return encode_one(
        found.event_id, found.entity_id, "sim", "trade", found.event_time, "venue", ingest, source, seq, payload
    )  # fmt: skip


def run(*values: bytes, fold: Normalizer | None = None) -> Normalized:
    envelopes, _, bad = decode(values)
    assert not bad
    return (fold or Normalizer(TOPIC)).process(envelopes)


def test_a_source_that_starts_again_repeats_nothing() -> None:
    first = [value(n, NOW + n, "capture", n) for n in range(1, 6)]
    got = run(*first, *first, value(6, NOW + 6, "capture", 6))
    assert (got.frames, got.duplicates) == (6, 5)
    assert got.trades.entity_seq.tolist() == [1, 2, 3, 4, 5, 6]


def test_the_first_of_two_collectors_wins() -> None:
    got = run(value(1, NOW, "a", 1), value(1, NOW + 900, "b", 1, event=NOW), value(2, NOW + 950, "b", 2))
    assert (got.frames, got.duplicates) == (2, 1)
    assert got.trades.ingest_time.tolist() == [NOW, NOW + 950]


def test_marks_are_of_an_entity_and_a_source() -> None:
    got = run(value(1, NOW, "a", 9), value(2, NOW, "a", 3, symbol="B"), value(3, NOW, "b", 3), value(4, NOW, "a", 9))
    assert (got.frames, got.duplicates) == (3, 1)


def test_a_duplicate_moves_nothing() -> None:
    """Bronze does not hold it, so a replay could not follow if it did."""
    got = run(value(1, NOW, "a", 1), value(1, NOW, "b", 5), value(2, NOW, "b", 4))
    assert (got.frames, got.duplicates) == (2, 1)


def test_an_id_is_remembered_to_the_edge_of_the_window_and_not_beyond() -> None:
    window = rules(TOPIC).window
    for ahead, expected in ((window, (2, 1, 0)), (window + 1_000, (2, 0, 1))):
        got = run(value(1, NOW, "a", 1), value(2, NOW + ahead, "a", 2), value(1, NOW, "b", 1))
        assert (got.frames, got.duplicates, len(got.dead_letters)) == expected
        assert all(letter.reason == "behind_dedup_window" for letter in got.dead_letters)


def test_a_backlog_behind_the_window_reaches_bronze() -> None:
    log = [value(2, NOW + 300 * SECOND, "a", 1), value(1, NOW, "b", 1)]
    assert [letter.reason for letter in run(*log).dead_letters] == ["behind_dedup_window"]
    assert len(Ingestor(TOPIC).process(log, [0, 1], 0).bronze) == 2


def test_a_mark_holds_for_two_more_days() -> None:
    day = 86_400 * SECOND
    for days, expected in ((2, (2, 1, 0)), (3, (2, 0, 1))):
        got = run(value(5, NOW, "a", 5), value(6, NOW + days * day, "b", 1), value(4, NOW, "a", 4))
        assert (got.frames, got.duplicates, len(got.dead_letters)) == expected


def test_sequence_starts_again_with_the_ingest_date() -> None:
    got = run(*(value(n, NOW - 2 * SECOND + n * SECOND, "a", n, event=NOW - SECOND) for n in range(5)))
    assert got.trades.entity_seq.tolist() == [1, 2, 1, 2, 3]
    back = run(*(value(n, NOW + t * SECOND, "abcd"[n], 1, event=NOW) for n, t in enumerate((-1, 1, -2, 2))))
    assert back.trades.entity_seq.tolist() == [1, 1, 2, 2]


def test_ids_that_are_no_numbers_are_told_apart() -> None:
    envelopes, _, _ = decode([
        encode_one(f"sim:A:trade:{tail}", "sim:A", "sim", "trade", NOW, "ingest", NOW, "s", seq, b"x")
        for seq, tail in enumerate(
            ["1", "01", "1-1", "1-01", "0" * 32, "0" * 31 + "1", "A" * 32, "a" * 32, "1" * 19, "9" * 18, "", "1",
            "A" * 32], 1
        )
    ])  # fmt: skip
    assert Dedup(rules(TOPIC)).judge(envelopes).verdict.tolist() == [0] * 11 + [1, 1]


def test_state_stays_small_over_a_long_day() -> None:
    fold = Normalizer(TOPIC)
    sizes, deltas = [], []
    for batch in range(60):
        at = NOW + batch * 60 * SECOND
        run(*(value(batch * 100 + n, at + n, "a", batch * 100 + n + 1) for n in range(100)), fold=fold)
        deltas.append(len(fold.delta()))
        sizes.append(len(fold.snapshot()))
    assert max(sizes[5:]) - min(sizes[5:]) < 64
    assert max(sizes) < 6_000
    assert max(deltas[1:]) < 2_200  # 100 new ids, about 20 bytes each, and a few numbers


def test_a_restored_fold_goes_on_where_the_saved_one_stood() -> None:
    log = [value(n % 37, NOW + n * SECOND, "ab"[n % 2], n, symbol="ABC"[n % 3]) for n in range(200)]
    whole = run(*log)
    fold = Normalizer(TOPIC)
    kept: list[bytes] = []
    values: list[bytes] = []
    for begin in range(0, 200, 20):
        got = run(*log[begin : begin + 20], fold=fold)
        values += got.trades.encode()
        kept = [fold.snapshot()] if begin == 100 else [*kept, fold.delta()]
        fold = Normalizer.restore(TOPIC, kept)
        assert fold.snapshot() == Normalizer.restore(TOPIC, [fold.snapshot()]).snapshot()
    assert values == whole.trades.encode()


def test_a_batch_of_nothing() -> None:
    fold = Normalizer(TOPIC)
    got = run(fold=fold)
    assert (got.frames, len(got.trades), len(got.quotes), got.trades.encode(), got.quotes.keys()) == (0, 0, 0, [], [])
    assert to_arrow(got.trades).num_rows == 0
    assert np.array_equal(got.trades.event_time, [])
