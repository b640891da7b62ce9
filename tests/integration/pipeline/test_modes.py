"""Kernels in threads of the TaskManager, or in processes: rescaled and killed under load, with the same bytes."""

import signal
import subprocess
import sys

import psutil
import pytest
from support.fold_metrics import counts
from support.patience import patient
from support.pipeline import await_raw
from support.stack import started

from operations.lifecycle import savepoint
from runtime.flink_rest import FlinkRest

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.timeout(1800)]

#: More than any machine needs: the feed goes on until the last fault is over.
FEED = ["feed", "sim", "--simulate", "4000000", "--seed", "9", "--rate", "1000", "--speed", "1", "--json"]


@pytest.fixture(params=["thread", "process"])
def stack(request, tmp_path):
    with started(tmp_path, POLYGLOT_FLINK__PYTHON_MODE=request.param) as one:
        yield one


#: Each job with a vertex that has a fold.
JOBS = {"normalize": "normalize -", "analytics": "bars -", "ingest": "contract gate -"}


def rescale(stack, parallelism):
    """Stop each job with a savepoint, and go on with so many subtasks.

    The savepoint proves what the output does not: that the state can be written and read in this mode.
    """
    stack.env["POLYGLOT_FLINK__PARALLELISM"] = str(parallelism)
    for job, vertex in JOBS.items():
        path = savepoint(stack.settings, job)
        (done,) = stack.json("submit", job)
        assert done["restored_from"] == path.removeprefix("file:")
        with FlinkRest(stack.settings.flink.url) as rest:
            folds = [one for one in rest.vertices(done["job_id"]) if one["name"].startswith(vertex)]
            assert [one["parallelism"] for one in folds] == [parallelism]


def test_rescaled_and_killed_under_load(stack):
    feed = subprocess.Popen([sys.executable, "-m", "polyglot.cli", *FEED], env=stack.env, stdout=subprocess.DEVNULL)
    await_raw(stack, 4_000, feed)
    rescale(stack, 2)
    await_raw(stack, 12_000, feed)
    killed = psutil.Process(stack.pid("taskmanager"))
    killed.send_signal(signal.SIGKILL)
    killed.wait(patient(20))
    await_raw(stack, 16_000, feed)
    feed.terminate()
    feed.wait(patient(60))
    stack.json("drain", "--timeout", "600")
    rescale(stack, 1)
    stack.json("feed", "sim", "--simulate", "2000", "--seed", "10", "--start", "2026-01-06T10:00:00")
    stack.json("drain", "--timeout", "600")
    found = stack.json("verify", "--fail-on-empty")
    assert found["differences"] == 0
    assert all(its["records_in_total"] > 0 for its in counts(stack).values())
