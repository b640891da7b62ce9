"""Captured frames through every system: accounted for, equal to an independent oracle, equal to their replay."""

import pytest
from support.captures import capture
from support.pipeline import assert_equals_oracle, run, tables

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]


def test_usdm_capture(pipeline):
    path = capture("usdm_btcusdt_20240808.gz")
    fed, found = run(pipeline, "binance_usdm", [path], 40)
    assert fed["frames"] == 93_954
    rows = tables(found)
    assert rows["normalized.trade.v1"] == rows["silver_trade"] == 21_313
    assert rows["normalized.quote.v1"] == rows["silver_quote"] == 66_089
    assert rows["bronze_raw"] == 93_954
    expected = assert_equals_oracle(pipeline, [path], "binance_usdm")
    assert {interval for _, interval, _ in expected} == {"1s", "1m", "5m", "1h", "1d"}
    shown = pipeline.json("query", "select count() from bars_latest")
    assert int(shown["rows"][0][0]) == len(expected)
    # Sent once more, everything is a transport duplicate: nothing new anywhere.
    pipeline.json("feed", "binance_usdm", "--capture", str(path), "--no-resume")
    pipeline.json("drain", "--timeout", "400")
    assert tables(pipeline.json("verify")) == rows
