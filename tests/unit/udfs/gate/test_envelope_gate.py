"""Kafka values that are no envelopes: each becomes a dead letter of ingestion with its reason and its bytes."""

from __future__ import annotations

import msgspec
import pytest

from schemas.contracts import contract
from udfs.ingest.ingestor import Ingestor
from udfs.values.times import DAY, date_text
from udfs.wire.envelope import decode, encode_one

NOW = 1_723_161_600_000_000
TOPIC = "raw.sim.trade.v1"
GOOD = encode_one("sim:A:trade:1", "sim:A", "sim", "trade", NOW, "venue", NOW, "s", 1, b"{}")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "bad_magic"),
        (b"\0\0\0", "bad_magic"),
        (b"\1" + GOOD[1:], "bad_magic"),
        (b'{"e":"trade"}', "bad_magic"),
        (b"\0\0\0\x03\xe7" + GOOD[5:], "unknown_schema"),
        (contract("trade").header + GOOD[5:], "wrong_contract"),
        (GOOD[:5], "truncated"),
        (GOOD[:-1], "truncated"),
        (GOOD[:20], "truncated"),
        (GOOD + b"\0", "malformed"),
        (GOOD[:5] + b"\x9a\x00" + GOOD[6:], "malformed"),
        (GOOD[:5] + b"\xff" * 11, "malformed"),
        (GOOD.replace(b"\x0avenue", b"\x0avenux"), "malformed"),
        (GOOD.replace(b"sim:A:trade:1", b"sim:A:trade:\xff"), "malformed"),
        (encode_one("i", "e", "v", "c", NOW, "venue", 0, "s", 1, b"{}"), "malformed"),
        (encode_one("i", "e", "v", "c", NOW, "venue", NOW * 1_000, "s", 1, b"{}"), "malformed"),
    ],
)
def test_reasons(value: bytes, reason: str) -> None:
    envelopes, index, bad = decode([GOOD, value, GOOD])
    assert (len(envelopes), index.tolist(), [(item.index, item.reason) for item in bad]) == (2, [0, 2], [(1, reason)])
    got = Ingestor(TOPIC).process([value, GOOD, GOOD], [7, 8, 9], 2, [1_000, 2_000, 3_000])
    assert (len(got.bronze), got.duplicates) == (1, 1)
    (letter,) = got.dead_letters
    assert (letter.reason, letter.record, letter.contract) == (reason, value, "raw_envelope.v1")
    assert (letter.event_time, letter.entity_id, letter.topic) == (1_000_000, "", TOPIC)


def test_bronze_rows_are_the_envelope_and_its_place() -> None:
    bronze = Ingestor(TOPIC).process([GOOD], [41], 3).bronze
    assert (bronze.envelopes.event_id, bronze.offsets.tolist(), bronze.context.tolist()) == (
        ["sim:A:trade:1"],
        [41],
        [0],
    )
    assert bronze.contexts == [("sim:A", "sim", "trade", "venue", "s", "2024-08-09")]
    assert (bronze.topic, bronze.partition) == (TOPIC, 3)


def test_rows_that_differ_in_one_thing_only_are_of_two_contexts() -> None:
    def one(entity="sim:A", venue="sim", channel="trade", base="venue", ingested=NOW, source="s"):
        return (entity, venue, channel, base, source, ingested)

    rows = [one(), one(), one(source="t"), one(), one(channel="book_ticker"), one(venue="other")]
    rows += [one(ingested=NOW + DAY), one(base="ingest"), one(entity="sim:B")]
    log = [
        encode_one(f"sim:A:trade:{n}", entity, venue, channel, NOW, base, ingested, source, n, b"{}")
        for n, (entity, venue, channel, base, source, ingested) in enumerate(rows)
    ]
    bronze = Ingestor(TOPIC).process(log, range(len(log)), 0).bronze
    assert [bronze.contexts[i] for i in bronze.context] == [(*row[:5], date_text(row[5] // DAY)) for row in rows]
    assert len(bronze.contexts) == len(set(rows))


def test_an_empty_batch_is_a_batch() -> None:
    got = Ingestor(TOPIC).process([], [], 0)
    assert (len(got.bronze), got.duplicates, got.dead_letters) == (0, 0, [])
    assert (len(got.bronze.envelopes), got.bronze.contexts) == (0, [])


def test_state_of_another_version_is_refused() -> None:
    with pytest.raises(ValueError, match="version 99"):
        Ingestor.restore(TOPIC, [msgspec.msgpack.encode((99, {}))])
