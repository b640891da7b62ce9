"""A stack on S3: a captured day with kills in it, upkeep, starts from where it was, a round of chaos."""

import signal
import subprocess
import sys

import psutil
import pytest
from support.captures import capture
from support.patience import patient
from support.pipeline import await_raw
from support.stack import Stack

from runtime.object_store import open_lake, open_place

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.timeout(3600)]

DAY, FRAMES = "usdm_btcusdt_20240808.gz", 93_954
FEED = ["feed", "binance_usdm", "--capture", str(capture(DAY)), "--speed", "20"]
SIMULATED = ["feed", "sim", "--simulate", "10000", "--malformed", "0.002", "--late", "0.02"]
FAULTS = ("kill-taskmanager", "kill-jobmanager", "kill-clickhouse")


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    one = Stack(tmp_path_factory.mktemp("s3"), memory_mb=2560, slots=8)
    one.env["POLYGLOT_FLINK__CHECKPOINT_INTERVAL_S"] = "2"  # many small files, so that there is something to do
    try:
        one.json("up", "--with", "s3")
        one.json("submit")
        yield one
    finally:
        one.close()


def kill(pid):
    process = psutil.Process(pid)
    process.send_signal(signal.SIGKILL)
    process.wait(patient(20))


def verified(stack):
    stack.json("drain", "--timeout", "600")
    proof = stack.json("verify", "--fail-on-empty")
    assert proof["differences"] == 0
    return {one["table"]: sum(day["found"] for day in one["days"]) for one in proof["tables"]}


def test_a_captured_day_with_kills(stack):
    feed = subprocess.Popen([sys.executable, "-m", "polyglot.cli", *FEED], env=stack.env, stdout=subprocess.DEVNULL)
    await_raw(stack, 15_000, feed)
    kill(stack.pid("taskmanager"))
    await_raw(stack, 40_000, feed)
    kill(stack.pid("s3"))
    assert feed.wait(patient(600)) == 0
    counts = verified(stack)
    assert counts["bronze_raw"] == FRAMES
    assert (counts["silver_trade"], counts["silver_quote"]) == (21_313, 66_089)
    assert counts["gold_bar"] == counts["clickhouse.bars"] > 0


def test_nothing_of_it_is_on_this_disk(stack):
    assert not (stack.settings.var_dir / "lake").exists()
    assert list((stack.settings.var_dir / "flink" / "checkpoints").rglob("_metadata")) == []
    settings = stack.of_commands()
    lake, state = open_lake(settings), open_place(settings, settings.checkpoints_uri)
    assert any(one.path.endswith(".parquet") for one in lake.within(f"{lake.path}/bronze_raw"))
    assert any(one.base_name == "_metadata" for one in state.within(state.path))


def test_tables_are_maintained_there(stack):
    before = {one["table"]: one for one in stack.json("tables", "ls")}
    done = stack.json("tables", "maintain")["done"]
    assert done, before
    assert all(one["unfinished"] == [] for one in stack.json("tables", "ls"))
    verified(stack)


def test_jobs_go_on_from_a_savepoint_and_from_a_checkpoint_there(stack):
    saved = stack.json("savepoint", "--stop")
    assert all(path.startswith("s3a://polyglot/flink/savepoints/") for path in saved.values())
    stack.json(*SIMULATED, "--seed", "7")
    stack.json("submit")
    stack.json("drain", "--timeout", "600")
    stack.json("down")
    stack.json("up")  # the server comes back by itself, for the lake is there
    stack.json("submit")
    stack.json(*SIMULATED, "--seed", "8", "--start", "2026-01-06T00:00:00")
    assert verified(stack)["bronze_raw"] > FRAMES + 19_000


def test_a_round_of_faults_changes_nothing(tmp_path):
    one = Stack(tmp_path, memory_mb=2560, slots=8)
    one.env["POLYGLOT_S3__ENABLED"] = "true"
    chosen = [part for name in FAULTS for part in ("--fault", name)]
    try:
        report = one.json(
            "chaos", "--seed", "136", "--rounds", "1", "--faults", "3", "--frames", "15000", *chosen, timeout=1200
        )
        assert (report["differences"], report["lost"]) == (0, 0)
        assert report["passed"]
    finally:
        one.close()
