"""The replay's bars against an independent oracle over captured frames, field by field, every interval.

On every commit the same captures go through the stream (tests/integration/scenarios/test_captures.py), whose bars must
be those of the oracle and, byte for byte, those of the replay.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from support import lake, oracle
from support.captures import capture

from batch.ranges import Span
from batch.replaying.files import records
from batch.replaying.replay import replay

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.timeout(1800)]

SPOT = ("spot_btcusdt_20240808.gz", "spot_btcusdt_20240809.gz")
USDM = ("usdm_btcusdt_20240808.gz",)


@pytest.mark.parametrize(("venue", "names", "trades"), [("binance_usdm", USDM, 21_313), ("binance_spot", SPOT, None)])
def test_every_bar_of_a_capture_is_the_oracles(
    spark: SparkSession, tmp_path: Path, venue: str, names: tuple[str, ...], trades: int | None
) -> None:
    paths = [capture(name) for name in names]
    frames = [frame for path in paths for frame in lake.read_capture(path)]
    lake.write_bronze(spark, tmp_path, lake.bronze_rows(venue, frames))
    done = replay(spark, tmp_path.as_uri(), tmp_path / "out", Span())
    assert done.balance["trade"]["dead_letters"] == done.balance["quote"]["dead_letters"] == 0

    expected = oracle.bars(paths, venue)
    found = {
        (row.entity_id, row.interval, row.window_start): row
        for row in records(spark, done.out, "bar").drop("value").collect()
    }
    assert found.keys() == expected.keys()
    assert {interval for _, interval, _ in found} == set(oracle.LENGTHS)
    for key, bar in expected.items():
        assert as_contract(found[key].asDict(), bar) == bar, key
    quotes = oracle.quote_bars(paths, venue)
    replayed = {
        (row.entity_id, row.window_start): row.asDict()
        for row in records(spark, done.out, "quote_bar").drop("value").collect()
    }
    assert replayed.keys() == quotes.keys()
    for second, bar in quotes.items():
        assert {name: replayed[second][name] for name in bar} == bar, second
    assert done.records["quote"] == sum(bar["quote_count"] for bar in quotes.values())
    days = [bar for (_, interval, _), bar in expected.items() if interval == "1d"]
    assert len(days) == len(names)
    assert done.records["trade"] == sum(bar["trade_count"] for bar in days)
    if trades is not None:
        assert done.records["trade"] == trades


def as_contract(row: dict[str, Any], like: dict[str, Any]) -> dict[str, Any]:
    """Return the oracle's fields of a row; numbers kept as text become numbers again."""
    return {name: Decimal(row[name]) if isinstance(value, Decimal) else row[name] for name, value in like.items()}
