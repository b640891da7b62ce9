"""Two days of one venue by `polyglot demo`, on a stack as it comes: bars on both sides of midnight, and the report.

On every commit the same captures go through the stack of the scenarios; of the demo itself tests/unit/devstack/demo.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.captures import capture
from support.pipeline import assert_equals_oracle, assert_quotes_equal_oracle
from support.stack import Stack

from runtime.config import ROOT, FlinkSettings

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.timeout(1800)]

#: Of depth: updates, and the first file's snapshot.
TRADES, QUOTES, DEPTHS = 9_757 + 10_147, 28_040 + 45_134, 6_495 + 1


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A stack that is not up, with the memory and slots of the defaults: the demo starts it."""
    defaults = FlinkSettings()
    one = Stack(tmp_path_factory.mktemp("demo"), defaults.taskmanager_memory_mb, defaults.taskmanager_slots)
    try:
        yield one
    finally:
        one.close()


def test_the_demo_of_spot_across_midnight(own):
    paths = [capture("spot_btcusdt_20240808.gz"), capture("spot_btcusdt_20240809.gz")]
    report = own.json("demo", *(part for path in paths for part in ("--capture", str(path))), timeout=1500)

    assert report["trades"] == TRADES
    assert report["quotes"] == QUOTES
    assert report["normalized"] == report["normalized_frames"] == report["silver"] == TRADES + QUOTES
    assert report["not_normalized"] == DEPTHS
    assert report["raw"] == report["bronze"] == TRADES + QUOTES + DEPTHS
    assert report["duplicates"] == report["dead_letters"] == 0
    assert report["bars"] + report["quote_bars"] == report["gold"] == report["clickhouse_rows"] > 0
    assert report["verify"]["records"] > report["normalized"]
    assert (report["verify"]["passed"], report["verify"]["differences"]) == (True, 0)
    assert all(report["balance"].values())
    assert 0 < report["latency_ms"]["p50"] <= report["latency_ms"]["p99"]
    assert report["set_up_s"] > 0
    assert report["run_s"] > 0
    assert json.loads((own.settings.var_dir / "report" / "demo.json").read_text()) == report

    expected = assert_equals_oracle(own, paths, "binance_spot")
    assert len(expected) == report["bars"]
    assert len(assert_quotes_equal_oracle(own, paths, "binance_spot")) == report["quote_bars"]
    days = sorted(start for _, interval, start in expected if interval == "1d")
    assert [day // 86_400_000_000 for day in days] == [19_943, 19_944]


def test_the_tutorials_broken_number_is_named_and_taken_back(own):
    """What a newcomer copies from the page, on the stack that the demo left."""
    page = (ROOT / "docs" / "tutorial" / "first-run.md").read_text()
    spoil, restore = re.findall(r"```sh\n(?:source [^\n]*\n)?(polyglot query.*?)```", page, re.DOTALL)
    env = {**own.env, "PATH": f"{Path(sys.executable).parent}:{own.env['PATH']}"}

    def copied(commands):
        return subprocess.run(["bash", "-c", commands], env=env, capture_output=True, text=True, check=False)

    broken = copied(spoil)
    assert broken.returncode == 1, broken.stderr
    assert "clickhouse.bars" in broken.stdout
    assert re.search(r"binance_spot:BTCUSDT\S*1m\S*.*close", broken.stdout, re.DOTALL)
    assert "1 differences" in broken.stderr
    mended = copied(restore)
    assert mended.returncode == 0, mended.stdout + mended.stderr
    assert "0 differences" in mended.stdout + mended.stderr


def test_the_stack_at_work_fits_its_memory_budget(own):
    """The demo leaves it running with all jobs, after a feed at 5,000 frames/s and a verification."""
    components = own.json("status")["components"]
    assert {one["health"] for one in components} == {"healthy"}
    assert sum(one["memory"] for one in components) < 6 * 1024**3, components
