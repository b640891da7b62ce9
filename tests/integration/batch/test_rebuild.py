"""Tables that were lost are made again out of Bronze: what `verify` finds there is what it would have found."""

from __future__ import annotations

import shutil
from pathlib import Path

import fastavro
import pytest
from pyspark.sql import SparkSession

import batch
from batch.maintenance.rebuild import REBUILT, TableThereError, rebuild
from examples.small_lake import write
from schemas.domains import domains

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

NAMES = ("silver_trade", "silver_quote", "gold_bar", "gold_quote_bar")


def commits(table: Path) -> list[dict[str, str]]:
    found = []
    for path in sorted((table / ".hoodie" / "timeline").glob("*commit")):
        with path.open("rb") as file:
            (one,) = fastavro.reader(file)
        found.append(one["extraMetadata"])
    return found


def test_what_is_lost_is_made_again_and_nothing_else(spark: SparkSession, tmp_path: Path) -> None:
    settings = write(spark, tmp_path, frames=300)
    tables = [domains().tables[name] for name in NAMES]
    lake, scratch = tmp_path / "lake", tmp_path / "scratch"

    def verified() -> batch.Verified:
        return batch.verify(stores=["silver", "gold"], versions="current", settings=settings, spark=spark)

    with pytest.raises(TableThereError, match="silver_trade"):
        rebuild(spark, settings.lake_uri, tables, scratch, [])
    for name in NAMES:
        shutil.rmtree(lake / name)
    assert not verified().passed()

    rows = rebuild(spark, settings.lake_uri, tables, scratch, ["one", "two"])
    after = verified()
    assert after.passed()
    assert rows == {one.table: one.replayed for one in after.comparisons if one.table in NAMES}
    for name in NAMES:
        assert [one[REBUILT] for one in commits(lake / name)] == ["one,two"]
    assert {path.name[:8] for path in (lake / "gold_bar").rglob("*.parquet")} <= {f"{n:08}" for n in range(4)}
