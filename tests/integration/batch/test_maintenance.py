"""Services on small tables: rows stay, files become few, old ones go, and what a dead run has begun is finished."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from batch.maintenance import services
from batch.maintenance.conditions import CLEANING, CLUSTERING, COMPACTION
from batch.maintenance.heartbeats import DEAD_AFTER
from batch.maintenance.rounds import look, maintain
from batch.maintenance.table_files import read
from batch.spark.bronze import open_table
from batch.spark.shared_tables import shared
from runtime.config import Settings
from runtime.object_store import Place, open_place
from schemas.domains import Table, Upkeep, domains

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

#: Everything is due at once, and nothing that was replaced is kept.
UPKEEP = Upkeep(small_file=16 << 20, file_size=64 << 20, small_files=2, log_files=2, kept_ms=0)
DAYS = ("2026-01-05", "2026-01-06")
COMMITS = 3


def table(mode: str) -> Table:
    name = {"append": "silver_trade", "upsert": "gold_bar"}[mode]
    return replace(domains().tables[name], name=f"{mode}_{name}", sorted_by=("entity_id", "event_time"), upkeep=UPKEEP)


def written_by(of: Table, mode: str, path: str) -> dict[str, str]:
    """What the stream's sink writes by; Spark stands in for it here, the real one is in the scenarios."""
    found = {
        **shared(path),
        "hoodie.table.name": of.name,
        "hoodie.datasource.write.recordkey.field": "id",
        "hoodie.datasource.write.partitionpath.field": "day",
        "hoodie.datasource.write.precombine.field": "version",
    }
    if mode == "append":
        return found | {
            "hoodie.datasource.write.operation": "bulk_insert",
            "hoodie.bulkinsert.shuffle.parallelism": "1",
        }
    return found | {
        "hoodie.datasource.write.operation": "upsert",
        "hoodie.datasource.write.table.type": "MERGE_ON_READ",
        "hoodie.index.type": "BUCKET",
        "hoodie.bucket.index.num.buckets": "1",
        "hoodie.compact.inline": "false",
    }


def commit(spark: SparkSession, of: Table, mode: str, path: str, number: int) -> None:
    """Ten rows a day: new ones, or the next version of the same."""
    first = 10 * number if mode == "append" else 0
    rows = [(f"{day}-{n}", f"sim:{n % 3}", 1_000 * n, number, day) for day in DAYS for n in range(first, first + 10)]
    frame = spark.createDataFrame(rows, "id string, entity_id string, event_time long, version int, day string")
    frame.coalesce(1).write.format("hudi").options(**written_by(of, mode, path)).mode("append").save(path)


def rows(found: DataFrame) -> list[tuple[object, ...]]:
    return sorted(map(tuple, found.select("id", "entity_id", "event_time", "version", "day").collect()))


@pytest.fixture(params=["append", "upsert", "upsert on s3"])
def written(
    spark: SparkSession, object_store: Settings, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[tuple[Table, Place, str]]:
    mode, _, where = request.param.partition(" on ")
    of = table(mode)
    lake = open_place(object_store, f"s3a://polyglot/{tmp_path.name}" if where else tmp_path.as_uri())
    for number in range(COMMITS):
        commit(spark, of, mode, f"{lake.uri}/{of.name}", number)
    yield of, lake, mode
    spark.sql(f"DROP TABLE IF EXISTS {of.name}")


def test_rows_stay_and_files_become_few(spark, written):
    of, lake, mode = written
    path = f"{lake.uri}/{of.name}"
    service = CLUSTERING if mode == "append" else COMPACTION
    (before,) = look(lake, [of])
    assert before.due == (service,)
    expected = rows(open_table(spark, path))
    assert len(expected) == len(DAYS) * 10 * (COMMITS if mode == "append" else 1)

    # A run that died behind its plan; the stream writes on.
    options = services._options(path, {"hoodie.compact.inline.max.delta.commits": "1"})
    plan = f"op => 'schedule', path => '{path}', options => '{options}'"
    if mode == "append":
        services._call(spark, f"run_clustering({plan}, selected_partitions => '{','.join(DAYS)}')")
    else:
        services._call(spark, f"run_compaction({plan})")
    (dead,) = look(lake, [of])
    assert dead.unfinished == (service,)
    commit(spark, of, mode, path, COMMITS)
    expected = rows(open_table(spark, path))

    said: list[str] = []
    done = maintain(spark, lake, [of], said.append)
    assert done[of.name][0] == service
    assert CLEANING in done[of.name]
    assert said[0] == f"{of.name}: {service}"
    after = open_table(spark, path)
    assert rows(after) == expected
    (found,) = look(lake, [of])
    assert (found.due, found.unfinished, found.stale_files) == ((), (), 0)
    assert found.files < before.files
    layout = read(lake.files, f"{lake.path}/{of.name}")
    assert {one.log for one in layout.current} <= {False, mode == "upsert"}
    assert maintain(spark, lake, [of]) == {}


@pytest.mark.parametrize("written", ["upsert"], indirect=True)
def test_a_killed_compaction_is_finished(spark, written):
    of, lake, mode = written
    path = f"{lake.uri}/{of.name}"
    services._call(
        spark,
        f"run_compaction(op => 'schedule', path => '{path}', "
        f"options => '{services._options(path, {'hoodie.compact.inline.max.delta.commits': '1'})}')",
    )
    commit(spark, of, mode, path, COMMITS)
    expected = rows(open_table(spark, path))
    # What a run leaves that was killed in its middle: the instant has begun, and its heartbeat was beating just now.
    hoodie = Path(lake.path) / of.name / ".hoodie"
    (plan,) = (hoodie / "timeline").glob("*.compaction.requested")
    plan.with_suffix(".inflight").touch()
    heartbeat = hoodie / ".heartbeat" / plan.name.partition(".")[0]
    heartbeat.parent.mkdir(exist_ok=True)
    heartbeat.touch()
    beaten = time.time() - DEAD_AFTER.total_seconds() + 5
    os.utime(heartbeat, (beaten, beaten))

    assert maintain(spark, lake, [of])[of.name][0] == COMPACTION
    (found,) = look(lake, [of])
    assert (found.due, found.unfinished) == ((), ())
    assert rows(open_table(spark, path)) == expected


@pytest.mark.parametrize("written", ["append", "upsert"], indirect=True)
def test_a_reader_that_began_before_goes_on(spark, written):
    of, lake, _ = written
    path = f"{lake.uri}/{of.name}"
    kept = replace(of, upkeep=replace(UPKEEP, kept_ms=3_600_000))
    before = open_table(spark, path)
    expected = rows(before)
    done = maintain(spark, lake, [kept])
    assert CLEANING not in done[of.name]
    assert rows(before) == expected
    assert rows(open_table(spark, path)) == expected
