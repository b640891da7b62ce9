"""What a normalized topic holds, counted in the topic: records, and the frames that they are of."""

from __future__ import annotations

import json

import pytest
from pyspark.sql import SparkSession

from batch.verifying import checks
from schemas.domains import raw_topic
from udfs.gate.assign import assign
from udfs.normalize.normalizer import Normalizer
from udfs.wire.envelope import decode, encode_one

pytestmark = pytest.mark.integration

TOPIC, START = "normalized.trade.v1", 1_723_161_600_000_000
#: How many trades each frame has, by instrument.
PRINTS = {"XBT/USD": (3, 1, 12), "ETH/USD": (1, 2)}
FRAMES, TRADES = 5, 19

Record = tuple[bytes, bytes]


def envelope(payload: bytes, seq: int) -> bytes:
    who = assign("kraken", payload)
    assert who.event_time
    return encode_one(
        who.event_id, who.entity_id, "kraken", who.channel, who.event_time, "venue", START + seq, "test", seq, payload
    )


@pytest.fixture(scope="module")
def trades() -> list[Record]:
    """Kafka key and value of the trades of Kraken's frames, as the job writes them."""
    payloads = [
        json.dumps(
            [
                337,
                [[f"{100 + k}.5", "0.25", f"1723161600.{n}{k:05d}", "b", "l", ""] for k in range(size)],
                "trade",
                pair,
            ]
        ).encode()
        for pair, sizes in PRINTS.items()
        for n, size in enumerate(sizes)
    ]
    envelopes, _, bad = decode([envelope(payload, seq) for seq, payload in enumerate(payloads, 1)])
    assert not bad
    out = Normalizer(raw_topic("kraken", "trade")).process(envelopes)
    assert (out.frames, len(out.trades)) == (FRAMES, TRADES)
    return list(zip(out.trades.keys(), out.trades.encode(), strict=True))


def check(spark: SparkSession, records: list[Record]) -> checks.Check:
    rows = [(TOPIC, 0, offset, *record) for offset, record in enumerate(records)]
    log = spark.createDataFrame(rows, "topic STRING, partition INT, offset BIGINT, key BINARY, value BINARY")
    return checks.sequence_check(log, "trade", TOPIC)


def test_a_frame_of_several_trades_counts_once(spark: SparkSession, trades: list[Record]) -> None:
    found = check(spark, [*trades, *trades[2:9]])
    assert found.holds
    assert (found.found["records"], found.found["frames"]) == (TRADES, FRAMES)
    assert found.found["transport_duplicates"] == 7


def test_a_lost_frame_is_seen_in_the_count_and_a_lost_print_in_the_sequence(
    spark: SparkSession, trades: list[Record]
) -> None:
    whole = check(spark, trades[:-2]).found  # the last frame of ETH/USD: no hole that the sequence could show
    assert (whole["records"], whole["frames"], whole["not_dense"]) == (TRADES - 2, FRAMES - 1, [])
    part = check(spark, trades[1:])
    assert not part.holds
    assert (part.found["records"], part.found["frames"]) == (TRADES - 1, FRAMES)


def test_nothing_is_no_frames(spark: SparkSession) -> None:
    found = check(spark, []).found
    assert (found["records"], found["frames"]) == (0, 0)
