"""Two days of one venue, fed without a gap: bars on both sides of midnight, sequences that begin again."""

import pytest
from support.captures import capture
from support.pipeline import assert_equals_oracle, run, tables

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]


def test_spot_across_midnight(pipeline):
    paths = [capture("spot_btcusdt_20240808.gz"), capture("spot_btcusdt_20240809.gz")]
    _, found = run(pipeline, "binance_spot", paths, 60)
    rows = tables(found)
    assert rows["normalized.trade.v1"] == 9_757 + 10_147
    assert rows["normalized.quote.v1"] == 28_040 + 45_134
    expected = assert_equals_oracle(pipeline, paths, "binance_spot")
    days = sorted(start for _, interval, start in expected if interval == "1d")
    assert [day // 86_400_000_000 for day in days] == [19_943, 19_944]
