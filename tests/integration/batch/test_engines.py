"""Two replays against each other, and what an engine that reads the log is told and gives back."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession
from support import lake

from batch.ranges import RangeError, Span
from batch.replaying.emptiness import demand_possible
from batch.replaying.log_parts import find
from batch.replaying.log_results import demand_no_repair, newest
from batch.replaying.replay import BalanceError, Replayed, replay
from batch.verifying.engines import compare_replays
from schemas.catalog import DAY

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1800)]

START = 1_723_161_590_000_000  # ten seconds before midnight
MIDNIGHT = 1_723_161_600_000_000
A, B = "sim:AAAUSDT", "sim:BBBUSDT"
COUNT = 400


def frames() -> list[lake.Frame]:
    found = [lake.Frame(START + 100, b"{not json")]
    for n in range(COUNT):
        at, symbol = START + n * 50_000, ("AAAUSDT", "BBBUSDT")[n % 2]
        found.append(
            lake.Frame(
                at,
                f'{{"e":"trade","E":{at // 1000},"s":"{symbol}","t":{n},"p":"{100 + n % 7}","q":"0.{n + 1:04d}",'
                f'"T":{at // 1000},"m":true,"M":true}}'.encode(),
            )
        )
    return found


@pytest.fixture(scope="module")
def replayed(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Replayed]:
    root = tmp_path_factory.mktemp("lake")
    lake.write_bronze(spark, root, lake.bronze_rows("sim", frames()))
    return root.as_uri(), replay(spark, root.as_uri(), root / "replay", Span())


def test_equal_replays_are_equal_by_table_and_entity(spark: SparkSession, replayed: tuple[str, Replayed]) -> None:
    out = replayed[1].out
    found = {one.table: one for one in compare_replays(spark, out, out, Span(), None)}
    assert [line.day for line in found["normalized.trade.v1"].days] == [A, B]
    assert found["normalized.trade.v1"].replayed == COUNT
    assert found["deadletter.normalization.v1"].status == "equal"
    assert {one.status for one in found.values()} == {"equal", "empty"}
    # Of a part of the log these depend on more than the part.
    bounded = {one.table for one in compare_replays(spark, out, out, Span(START, None), None)}
    assert bounded == {"normalized.trade.v1", "normalized.quote.v1", "analytics.bar.v1", "analytics.quote_bar.v1"}


def test_a_record_that_one_engine_lacks_is_named(
    spark: SparkSession, replayed: tuple[str, Replayed], tmp_path: Path
) -> None:
    out = tmp_path / "spoiled"
    shutil.copytree(replayed[1].out, out)
    path = next((out / "bar").glob("*.parquet"))
    rows = pq.read_table(path)
    pq.write_table(rows.slice(1), path)
    (bar,) = [one for one in compare_replays(spark, replayed[1].out, out, Span(), None) if one.status == "different"]
    (sample,) = bar.samples
    assert (bar.table, bar.counts, sample.kind) == ("analytics.bar.v1", {"missing": 1}, "missing")
    assert sample.day == rows.column("entity_id")[0].as_py()
    assert [line.day for line in bar.days if not line.equal] == [sample.day]


def test_the_log_is_read_from_the_first_record_that_shapes_a_span_to_the_last(
    spark: SparkSession, replayed: tuple[str, Replayed]
) -> None:
    uri = replayed[0]
    whole, first = find(spark, uri, Span(), None), find(spark, uri, Span(None, MIDNIGHT - 2 * DAY), None)
    assert whole.rows == COUNT + 1
    assert first.rows == 0 and first.shards == {}
    topic, partition = "raw.sim.trade.v1", lake.partition_of(A)
    one = find(spark, uri, Span(), A)
    assert [key for key in one.shards if key[0] == topic] == [(topic, partition)]
    begin, end = one.shards[topic, partition]
    assert whole.shards[topic, partition][0] <= begin < end <= whole.shards[topic, partition][1]


def test_of_a_bar_the_newest_version_counts_and_two_that_differ_both_stay(spark: SparkSession) -> None:
    columns = "entity_id STRING, interval STRING, window_start BIGINT, version BIGINT, value BINARY"
    rows = [("a", "1s", 0, 1, b"1"), ("a", "1s", 0, 2, b"2"), ("a", "1s", 0, 2, b"2"), ("a", "1s", 0, 2, b"x")]
    rows += [("a", "1s", 1, 1, b"3"), ("a", "1m", 0, 1, b"4")]
    found = newest(spark.createDataFrame(rows, columns), "bar").collect()
    assert sorted(bytes(row.value) for row in found) == [b"2", b"3", b"4", b"x"]


def test_a_window_that_is_left_to_repair_ends_a_replay_that_should_have_it(spark: SparkSession) -> None:
    columns = "entity_id STRING, kind STRING, reason STRING, window_start BIGINT, window_end BIGINT"
    asked = spark.createDataFrame([("a", "trade", "revised", 10, 20)], columns)
    with pytest.raises(BalanceError, match="1 windows were left to repair; the first: a, trade, revised, 10"):
        demand_no_repair(asked, Span(), None)
    demand_no_repair(asked, Span(), "b")
    demand_no_repair(asked, Span(20, None), "a")


def test_what_cannot_be_meant_is_told_from_a_day_without_events(
    spark: SparkSession, replayed: tuple[str, Replayed]
) -> None:
    uri = replayed[0]
    demand_possible(spark, uri, Span(MIDNIGHT + 9 * DAY, None), A)
    with pytest.raises(RangeError, match="Bronze begins on 2024-08-08"):
        demand_possible(spark, uri, Span(None, MIDNIGHT - DAY), None)
    with pytest.raises(RangeError, match=r"nothing of an entity 'sim:AAAUSD'; there are, for example, sim:AAAUSDT"):
        demand_possible(spark, uri, Span(), "sim:AAAUSD")
