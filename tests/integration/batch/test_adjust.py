"""Adjusted series by Spark: the kernel's records, series by series, and lake tables that follow restatements."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from support.reference import envelopes, fold, history, normalized, rows

from batch.corporate_actions import series as adjust
from batch.corporate_actions import stores as adjust_stores
from batch.ranges import Span
from batch.spark import views
from batch.spark.bronze import open_table, table_exists
from batch.verifying.compare import compare
from schemas import catalog
from schemas.catalog import ACTION, CLOSE, FACTOR
from schemas.catalog import ADJUSTED_BAR as BAR
from udfs.corporate_actions.adjust import adjust as kernel
from udfs.wire.by_contract import encode

OLD = [{"date": f"2024-05-{day:02}", "close": str(100 + day), "volume": "7", "symbol": "OLD"} for day in range(1, 8)]
NEW = [{"date": f"2024-05-{day:02}", "close": str(50 + day), "symbol": "NEW"} for day in range(8, 12)]
OTHER = [{"date": "2024-05-02", "close": "3.3", "symbol": "OTHER"}]
CHANGE = {"action_id": "c", "kind": "symbol_change", "ex_date": "2024-05-08", "new_symbol": "NEW", "symbol": "OLD"}
SPLIT = {"action_id": "s", "kind": "split", "ex_date": "2024-05-08", "ratio": "2:1", "symbol": "NEW"}
PAID = {"action_id": "d", "kind": "cash_dividend", "ex_date": "2024-05-05", "amount": "1.1", "symbol": "OLD"}
LATE = {"action_id": "l", "kind": "cash_dividend", "ex_date": "2024-05-03", "amount": "0.7", "symbol": "OLD"}
FIRST = [*OLD, *NEW, *OTHER, CHANGE, SPLIT, PAID]

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]


def computed(spark: SparkSession, facts: list[dict[str, str]], out: Path, **options: Any) -> None:
    """Compute the series of facts, each of which the topics have twice."""
    frames: dict[str, DataFrame] = {}
    for topic, values in envelopes(rows(*facts)).items():
        found = [(record.value,) for record in fold(topic, values).low_rate]
        frames[topic.split(".")[2]] = spark.createDataFrame([*found, *found], "value binary")
    adjust.compute(spark, frames[ACTION], frames[CLOSE], out, **options)


@pytest.fixture(scope="module")
def steps(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The series of the first facts, and those of when one more was announced."""
    root = tmp_path_factory.mktemp("series")
    for step, facts in enumerate((FIRST, [*FIRST, LATE])):
        computed(spark, facts, root / str(step))
    return [root / "0", root / "1"]


def values(spark: SparkSession, out: Path, kind: str) -> list[bytes]:
    return sorted(bytes(row.value) for row in adjust.results(spark, out, kind).select("value").collect())


def test_records_are_the_kernels_for_every_series(spark: SparkSession, steps: list[Path], tmp_path: Path) -> None:
    whole = steps[0]
    records, rejected = normalized(rows(*FIRST))
    assert rejected == []
    expected: dict[str, list[bytes]] = {FACTOR: [], BAR: []}
    for series in ("OLD", "NEW", "OTHER"):
        mine = [one for one in records if one["symbol"] in ((series, "OLD") if series == "NEW" else (series,))]
        for kind, found in zip((FACTOR, BAR), kernel(history(f"reference:{series}", mine)), strict=True):
            expected[kind] += [encode(kind, row) for row in found]
    assert values(spark, whole, FACTOR) == sorted(expected[FACTOR])
    assert values(spark, whole, BAR) == sorted(expected[BAR])
    bars = adjust.results(spark, whole, BAR).where("entity_id = 'reference:NEW' AND date = as_of")
    assert {row.source_entity_id for row in bars.collect()} == {"reference:OLD", "reference:NEW"}

    computed(spark, FIRST, tmp_path / "one", entity="reference:NEW")
    only = adjust.results(spark, tmp_path / "one", BAR)
    assert {row.entity_id for row in only.collect()} == {"reference:NEW"}
    assert set(values(spark, tmp_path / "one", BAR)) < set(values(spark, whole, BAR))
    computed(spark, FIRST, tmp_path / "none", known_at=1)
    assert values(spark, tmp_path / "none", BAR) == []


@pytest.mark.parametrize("kind", [FACTOR, BAR])
def test_a_lake_table_follows_restatements_and_lacks_nothing(
    spark: SparkSession, steps: list[Path], tmp_path: Path, kind: str
) -> None:
    lake, table = (tmp_path / "lake").as_uri(), f"{(tmp_path / 'lake').as_uri()}/{catalog.lake_table(kind)}"
    published: DataFrame | None = None
    for out in steps:
        now = adjust.results(spark, out, kind)
        published = now if published is None else published.unionAll(now)
        versions = published.dropDuplicates([*catalog.key(kind), "version"])
        stored = adjust_stores.upsert(spark, lake, kind, versions, exists=table_exists(spark, table))
        assert stored > 0
        assert adjust_stores.upsert(spark, lake, kind, versions, exists=True) == 0
        expected = views.expected_table(now.select("value"), "clickhouse", kind, Span(), None)
        found = views.of_table(open_table(spark, table), "clickhouse", kind, Span(), None)
        compared = compare(kind, expected, found, limit=5)
        assert (compared.status, compared.samples) == ("equal", [])
        assert compared.replayed == now.count()
