"""Other versions of Polyglot, good and broken ones, and how a stack is upgraded to one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from operations.jobs import JOBS
from operations.runs import known
from runtime.flink_rest import FlinkRest
from runtime.offsets import OffsetReader
from schemas.domains import domains
from support.checkout import environment
from support.patience import patient
from support.pipeline import await_raw
from support.stack import Stack

Edits = Mapping[str, tuple[str, str]]

RATE, WATCH = 200, "30"  # three checkpoints, or one on a machine that is slow
FOLD, BLOCKS = "flink_jobs/operators/fold.py", "flink_jobs/operators/blocks.py"
OPEN, ELEMENT = "        worker.demand(self._code)\n", "        block = read(value)\n"
LATER = """\
        import time
        self._since = getattr(self, "_since", time.monotonic())
        if time.monotonic() > self._since + 15:
            raise RuntimeError("broken later")
"""
#: Edits of a version that is well, and of one whose normalizer has lost its state.
GOOD: Edits = {BLOCKS: ("PATIENCE_MS = 20, 100", "PATIENCE_MS = 20, 90")}
LOST: Edits = {"flink_jobs/normalize.py": ('name="normalize")', 'name="normalized")')}
#: How a version is broken: its edits, and what is said of it.
BROKEN: Mapping[str, tuple[Edits, str]] = {
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


@contextmanager
def feeding(stack: Stack, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Feed simulated frames at their pace for as long as the context lasts; it begins when some have come."""
    before = sum(OffsetReader(stack.settings).ends(domains().raw_topics()).values())
    command = [sys.executable, "-m", "polyglot.cli", "feed", "sim", "--simulate", "4000000", "--seed", "71"]
    feed = subprocess.Popen([*command, "--rate", str(RATE), "--speed", "1", *options], env=stack.env)
    try:
        await_raw(stack, before + 2 * RATE, feed)
        yield feed
    finally:
        feed.terminate()
        feed.wait(patient(60))


def upgrade(stack: Stack, folder: Path, *arguments: str, expect: int = 0) -> tuple[dict[str, Any], str]:
    """Run a command of another checkout on the stack; return what it says, its errors too."""
    done = subprocess.run(
        [sys.executable, "-m", "polyglot.cli", *arguments, "--json"],
        cwd=folder, env=environment(folder, stack.env), capture_output=True, text=True, check=False,
        timeout=patient(600),
    )  # fmt: skip
    assert done.returncode == expect, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return (json.loads(done.stdout) if done.stdout.strip() else {}), done.stderr


def releases(stack: Stack) -> list[str]:
    """Return the release that each job runs."""
    return [known(stack.settings, job).release for job in JOBS]


def running(stack: Stack) -> set[str]:
    """Return the ids of the jobs that run."""
    with FlinkRest(stack.settings.flink.url) as rest:
        return {job.id for job in rest.jobs(live=True)}
