"""kill -9 in mid-feed, of every process that holds something: afterwards the same bytes as without."""

import json
import signal
import subprocess
import sys

import psutil
import pytest
from support.patience import patient
from support.pipeline import await_raw

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.timeout(1800)]

FRAMES = 60_000
#: 20 to 30 s of feeding: room for four kills.
FEED = ["feed", "sim", "--simulate", str(FRAMES), "--seed", "5", "--rate", "2000", "--speed", "1"]


def start_feed(stack, *extra):
    command = [sys.executable, "-m", "polyglot.cli", *FEED, *extra, "--json"]
    return subprocess.Popen(command, env=stack.env, stdout=subprocess.PIPE, text=True)


def kill(pid):
    process = psutil.Process(pid)
    process.send_signal(signal.SIGKILL)
    process.wait(patient(20))


def digests(found):
    """Return the digest per table and day of what was found in the topics."""
    return {
        (table["table"], day["day"]): (day["found"], day["found_digest"])
        for table in found["tables"]
        if table["table"].startswith(("normalized.", "analytics."))
        for day in table["days"]
    }


def test_kills_change_nothing(pipeline):
    feed = start_feed(pipeline)
    await_raw(pipeline, 8_000, feed)
    kill(pipeline.pid("taskmanager"))
    await_raw(pipeline, 20_000, feed)
    kill(pipeline.pid("clickhouse"))
    await_raw(pipeline, 30_000, feed)
    kill(feed.pid)  # the collector
    feed.communicate(timeout=20)
    feed = start_feed(pipeline)  # goes on behind what was acknowledged
    await_raw(pipeline, 40_000, feed)
    kill(pipeline.pid("kafka"))
    out, _ = feed.communicate(timeout=300)
    assert feed.returncode == 0
    assert json.loads(out)["frames"] > 0
    pipeline.json("drain", "--timeout", "600")
    found = pipeline.json("verify", "--fail-on-empty")
    assert found["differences"] == 0
    killed = digests(found)

    # The same seed on a fresh stack, undisturbed: the same converged bytes.
    pipeline.json("down", "--wipe")
    pipeline.json("up", "--no-build")
    pipeline.json("submit", "--fresh")
    feed = start_feed(pipeline)
    feed.communicate(timeout=300)
    assert feed.returncode == 0
    pipeline.json("drain", "--timeout", "600")
    undisturbed = pipeline.json("verify", "--fail-on-empty")
    assert undisturbed["differences"] == 0
    assert digests(undisturbed) == killed
