"""Bronze may hold a later copy of an event whose id was forgotten when it came, and no other copy."""

from __future__ import annotations

import pytest
from pyspark.sql import DataFrame, SparkSession
from support import scanned

from batch.ranges import Span
from batch.verifying import checks
from udfs.ingest.ingestor import Ingestor
from udfs.wire.envelope import encode_one

pytestmark = pytest.mark.integration

TOPIC, ENTITY, START, SECOND = "raw.sim.trade.v1", "sim:BTCUSDT", 1_767_623_400_000_000, 1_000_000
#: Trade, seconds after the start at which it happened and was received, source, its number in the source.
LOG = [
    ("A", 0, "one", 1),
    ("B", 200, "one", 2),
    ("A", 0, "two", 1),  # the second collector comes back 200 s later: A is forgotten
    ("B", 200, "two", 2),  # B is not
]


def values() -> list[bytes]:
    return [
        encode_one(
            f"{ENTITY}:trade:{name}", ENTITY, "sim", "trade", START + at * SECOND, "venue", START + at * SECOND, source,
            seq, name.encode(),
        )
        for name, at, source, seq in LOG
    ]  # fmt: skip


def raw(spark: SparkSession) -> DataFrame:
    rows = [(TOPIC, 0, offset, ENTITY.encode(), value) for offset, value in enumerate(values())]
    log = spark.createDataFrame(rows, "topic STRING, partition INT, offset BIGINT, key BINARY, value BINARY")
    return checks.raw_copies(log)


def bronze(spark: SparkSession, offsets: list[int]) -> DataFrame:
    """Return Bronze with the rows of these offsets, each as often as it is named."""
    rows = raw(spark).where("false")
    for offset in offsets:
        rows = rows.unionByName(raw(spark).where(f"kafka_offset = {offset}"))
    return rows.withColumn("ingest_date", checks.iso_day("ingest_time"))


def places(rows: DataFrame) -> list[int]:
    return sorted(row.kafka_offset for row in rows.select("kafka_offset").collect())


def test_ingest_lets_the_forgotten_copy_in() -> None:
    assert Ingestor(TOPIC).process(values(), list(range(len(LOG))), 0).bronze.offsets.tolist() == [0, 1, 2]


@pytest.mark.parametrize(("held", "again"), [([0, 1, 2], [2]), ([0, 1, 2, 3], [2]), ([0, 1], [])])
def test_only_copies_of_forgotten_ids_may_be_there(spark: SparkSession, held: list[int], again: list[int]) -> None:
    assert places(checks.let_in_again(raw(spark), bronze(spark, held))) == again


def test_what_was_let_in_is_expected(spark: SparkSession) -> None:
    copies, rows = raw(spark), bronze(spark, [0, 1, 2])
    again = checks.let_in_again(copies, rows)
    expected = checks.expected_bronze(copies, again, Span(), None)
    assert expected.rows.count() == 3
    read = scanned.topic(TOPIC, [(ENTITY.encode(), value) for value in values()])
    assert (read.records, read.groups) == (4, 2)
    assert checks.raw_check(lambda: copies, read, 3, 2, again.count()).holds
    assert not checks.raw_check(lambda: copies, read, 4, 2, again.count()).holds
