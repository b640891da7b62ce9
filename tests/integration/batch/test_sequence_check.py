"""What a normalized topic holds, counted in the topic: records, and the frames that they are of."""

from __future__ import annotations

import io
import json
from collections.abc import Callable

import fastavro
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as fn
from support import scanned

from batch.spark.topics import decoded
from batch.verifying import checks
from schemas.contracts import contract
from schemas.domains import raw_topic
from udfs.gate.assign import assign
from udfs.normalize.normalizer import Normalizer
from udfs.wire.envelope import decode, encode_one

pytestmark = pytest.mark.integration

TOPIC, START = "normalized.trade.v1", 1_723_161_600_000_000
#: How many trades each frame has, by instrument.
PRINTS = {"XBT/USD": (3, 1, 12), "ETH/USD": (1, 2)}
FRAMES, TRADES = 5, 19

Record = tuple[bytes | None, bytes | None]


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
    return checks.sequence_check(lambda: log, "trade", TOPIC, scanned.topic(TOPIC, records))


def rows(spark: SparkSession, records: list[Record]) -> DataFrame:
    log = spark.createDataFrame(records, "key BINARY, value BINARY")
    wanted = ("event_id", "entity_id", "ingest_date", "entity_seq")
    return log.select("key", "value", decoded(fn.col("value"), "trade", wanted).alias("d"))


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


def renumbered(trades: list[Record], wrong: int, right: int) -> list[Record]:
    """Give one trade of XBT/USD the number of another one."""
    layout = contract("trade")
    found = []
    for key, value in trades:
        fields = fastavro.schemaless_reader(io.BytesIO(value[5:]), layout.schema, None)
        if fields["entity_id"] == "kraken:XBT/USD" and fields["entity_seq"] == wrong:
            out = io.BytesIO(layout.header)
            out.seek(len(layout.header))
            fastavro.schemaless_writer(out, layout.schema, {**fields, "entity_seq": right})
            value = out.getvalue()  # noqa: PLW2901
        found.append((key, value))
    return found


SPOILED: dict[str, Callable[[list[Record]], list[Record]]] = {
    "nothing": lambda trades: trades,
    "transport duplicates": lambda trades: [*trades, *trades[2:9]],
    "a number is missing, another one is there twice": lambda trades: renumbered(trades, 2, 3),
    "two numbers twice, with the same sum": lambda trades: renumbered(renumbered(trades, 2, 3), 6, 5),
    "a number beyond": lambda trades: renumbered(trades, 16, 17),
    "a key": lambda trades: [(b"kraken:ETH/USD", trades[0][1]), *trades[1:]],
    "no key": lambda trades: [(None, trades[0][1]), *trades[1:]],
    "no trade": lambda trades: [(trades[0][0], b"\0"), *trades[1:]],
    "no value": lambda trades: [(trades[0][0], None), *trades[1:]],
}


@pytest.mark.parametrize("what", SPOILED)
def test_the_quick_look_sees_what_the_whole_one_sees(spark: SparkSession, trades: list[Record], what: str) -> None:
    records = SPOILED[what](trades)
    found = check(spark, records)
    assert found.found == checks._sequences(rows(spark, records))
    well = what in ("nothing", "transport duplicates")
    assert found.holds == well
    assert (checks.plain_sequences(scanned.topic(TOPIC, records)) is not None) == well
