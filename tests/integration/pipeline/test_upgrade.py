"""Upgrades under load: a good version is kept, a broken one makes room for the one before, and no record is lost."""

import json
import subprocess
import sys

import pytest
from support.checkout import checkout, environment
from support.patience import patient
from support.pipeline import await_raw

from operations.jobs import JOBS
from operations.runs import known
from runtime.flink_rest import FlinkRest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1800)]

RATE, WATCH = 200, "30"  # three checkpoints, or one on a machine that is slow
FOLD, BLOCKS = "flink_jobs/operators/fold.py", "flink_jobs/operators/blocks.py"
OPEN, ELEMENT = "        worker.demand(self._code)\n", "        block = read(value)\n"
LATER = """\
        import time
        self._since = getattr(self, "_since", time.monotonic())
        if time.monotonic() > self._since + 15:
            raise RuntimeError("broken later")
"""
GOOD = {BLOCKS: ("PATIENCE_MS = 20, 100", "PATIENCE_MS = 20, 90")}
BROKEN = {
    "at start": ({FOLD: (OPEN, OPEN + '        raise RuntimeError("broken at start")\n')}, "broken at start"),
    "in the first record": ({FOLD: (ELEMENT, '        raise RuntimeError("broken record")\n')}, "broken record"),
    "after a while": (
        {FOLD: (ELEMENT, LATER + ELEMENT)},
        "broken later",
    ),
    "no checkpoint": (
        {"flink_jobs/environment.py": ('checkpointing.timeout": "10 min"', 'checkpointing.timeout": "10 ms"')},
        "has completed no checkpoint",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def feeding(pipeline):
    """Feed for as long as the module's tests run; afterwards see that nothing is missing and nothing came twice."""
    frames = 4_000_000
    command = [sys.executable, "-m", "polyglot.cli", "feed", "sim", "--simulate", str(frames), "--seed", "71"]
    feed = subprocess.Popen([*command, "--rate", str(RATE), "--speed", "1"], env=pipeline.env)
    try:
        await_raw(pipeline, 2_000, feed)
        yield feed
    finally:
        feed.terminate()
        feed.wait(patient(60))


def upgrade(pipeline, folder, *arguments, expect=0):
    """Run a command of another checkout on the stack; return what it says, its errors too."""
    done = subprocess.run(
        [sys.executable, "-m", "polyglot.cli", *arguments, "--json"],
        cwd=folder, env=environment(folder, pipeline.env), capture_output=True, text=True, check=False,
        timeout=patient(600),
    )  # fmt: skip
    assert done.returncode == expect, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return (json.loads(done.stdout) if done.stdout.strip() else {}), done.stderr


def releases(pipeline):
    return [known(pipeline.settings, job).release for job in JOBS]


def width(pipeline, vertex):
    with FlinkRest(pipeline.settings.flink.url) as rest:
        job = rest.job("normalize")
        return next(one["parallelism"] for one in rest.vertices(job.id) if one["name"].startswith(vertex))


def test_a_good_version_is_kept(pipeline, feeding, tmp_path):
    (before,) = set(releases(pipeline))
    folder = checkout(tmp_path / "good", GOOD)
    planned, _ = upgrade(pipeline, folder, "plan")
    assert planned["files"] == {"jobs": [BLOCKS]}
    assert (planned["before"], planned["refused"], planned["nothing"]) == (before, [], False)
    done, _ = upgrade(pipeline, folder, "apply", "--watch", WATCH)
    assert set(releases(pipeline)) == {done["release"]} != {before}
    assert upgrade(pipeline, folder, "plan")[0]["nothing"]


@pytest.mark.parametrize(
    "how", [pytest.param(how, marks=[] if how == "in the first record" else pytest.mark.long) for how in BROKEN]
)
def test_a_broken_version_is_rolled_back(pipeline, feeding, tmp_path, how):
    before = releases(pipeline)
    edits, message = BROKEN[how]
    _, errors = upgrade(pipeline, checkout(tmp_path / "broken", edits), "apply", "--watch", WATCH, expect=1)
    assert message in errors
    assert f"rolled back to release {before[0]}" in errors
    assert releases(pipeline) == before
    assert pipeline.json("history")[-1]["outcome"].startswith("rolled back: ")


def test_lost_state_is_refused_and_nothing_stops(pipeline, feeding, tmp_path):
    with FlinkRest(pipeline.settings.flink.url) as rest:
        running = {job.id for job in rest.jobs(live=True)}
    folder = checkout(tmp_path / "lost", {"flink_jobs/normalize.py": ('name="normalize")', 'name="normalized")')})
    _, errors = upgrade(pipeline, folder, "apply", expect=1)
    assert "operator 'normalize (thread)'" in errors
    with FlinkRest(pipeline.settings.flink.url) as rest:
        assert {job.id for job in rest.jobs(live=True)} == running


@pytest.mark.long
def test_a_job_is_rescaled_and_back(pipeline, feeding):
    for parallelism in (2, 1):
        pipeline.json("rescale", "normalize", str(parallelism), "--watch", WATCH)
        assert width(pipeline, "normalize") == parallelism


@pytest.mark.long
def test_a_release_is_gone_back_to_and_a_checkpoint_too(pipeline, feeding):
    (now,) = set(releases(pipeline))
    kept = [one for one in pipeline.json("history") if one["outcome"] == "kept" and one["release"] != one["before"]]
    pipeline.json("rollback", "--watch", WATCH)
    assert set(releases(pipeline)) == {kept[-1]["before"]} != {now}
    (found,) = pipeline.json("restore", "ingest", "--last-checkpoint")
    assert "/checkpoints/" in found["restored_from"]


def test_afterwards_nothing_is_missing_and_nothing_is_there_twice(pipeline, feeding):
    feeding.terminate()
    feeding.wait(patient(60))
    pipeline.json("drain", "--timeout", "900")
    found = pipeline.json("verify", "--fail-on-empty")
    assert found["differences"] == 0
