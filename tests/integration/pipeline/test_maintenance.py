"""Maintenance killed at five points beside a writing stream: the next run succeeds, and nothing differs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from support.patience import patient, wait_for
from support.upgrades import feeding

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.timeout(3600)]

APPENDED, MERGED = ("bronze_raw", "silver_trade", "silver_quote"), "gold_bar"
#: What is new on a table's timeline when the run is killed.
POINTS = (
    ("bronze_raw", "*.clustering.requested"),
    ("silver_trade", "*.clustering.inflight"),
    ("gold_bar", "*.compaction.requested"),
    ("gold_bar", "*.compaction.inflight"),
    ("silver_quote", "*.replacecommit"),
)


def due(stack):
    return {one["table"]: one["due"] for one in stack.json("tables", "ls")}


def killed(stack, table, pattern):
    """Run maintenance of a table until something new of a pattern is on its timeline, and kill it with its JVM."""
    timeline = stack.settings.var_dir / "lake" / table / ".hoodie" / "timeline"
    before = set(timeline.glob(pattern))
    run = subprocess.Popen(
        [sys.executable, "-m", "polyglot.cli", "tables", "maintain", table],
        env=stack.env, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_for(
            lambda: set(timeline.glob(pattern)) - before or run.poll() is not None, 300, "it does nothing", every=0.01
        )
        assert run.poll() is None, f"{table} was maintained before anything of {pattern} was seen"
    finally:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait(patient(20))


def test_maintenance_killed_at_five_points(pipeline):
    with feeding(pipeline, "--start", "2026-01-09T00:00:00"):
        for table, pattern in POINTS:
            service = "compaction" if table == MERGED else "clustering"
            wait_for(lambda: service in due(pipeline).get(table, ()), 900, f"{table} does not become due", every=2)  # noqa: B023
            killed(pipeline, table, pattern)
            again = pipeline.json("tables", "maintain", table)
            assert service not in again["due"].get(table, ()), (table, pattern)
            (found,) = pipeline.json("tables", "ls", table)
            assert found["unfinished"] == [], (table, pattern)
    pipeline.json("drain", "--timeout", "600")
    proof = pipeline.json("verify", "--fail-on-empty")
    assert proof["differences"] == 0
