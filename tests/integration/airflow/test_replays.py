"""Airflow's own scheduler on a real stack: a replay killed in each task and retried, a day's proof, a backfill.

The proofs find no difference.
"""

import json
import os
import signal
from pathlib import Path
from urllib.parse import quote

import httpx
import psutil
import pytest
from support.patience import patient, wait_for

# A stack of its own, and Airflow beside it: every night, not on every commit.
pytestmark = [pytest.mark.long, pytest.mark.timeout(3600)]

#: What a task's command says when it is well under way.
UNDER_WAY = {"settled": "", "recompute": "publishing", "through": "", "parity": "replaying Bronze"}


def command_of(attempt: Path) -> psutil.Process:
    """Return the process of an attempt's command: the one child of what watches it."""
    (child,) = psutil.Process(json.loads((attempt / "process.json").read_bytes())["pid"]).children()
    return child


def says(attempts, number: int, text: str) -> bool:
    return len(attempts) == number and text in (attempts[-1] / "progress.log").read_text()


def kill(airflow, run_id: str, task: str) -> None:
    """Kill the command of a task's first attempt, under way, and wait for the second one."""

    def killed() -> bool:
        attempts = airflow.attempts(run_id, task)
        if not says(attempts, 1, UNDER_WAY[task]):
            return False
        command_of(attempts[0]).kill()
        return True

    wait_for(killed, 900, f"{task} does not begin", every=0.05)
    wait_for(lambda: len(airflow.attempts(run_id, task)) == 2, 600, f"{task} is not tried again")


def test_a_replay_killed_in_each_task_is_retried_without_a_difference(airflow):
    airflow.trigger("polyglot_replay", "killed", {})
    for task in UNDER_WAY:
        kill(airflow, "killed", task)
        if task == "recompute":
            again = airflow.attempts("killed", task)
            wait_for(lambda again=again: says(again, 2, "replaying Bronze"), 600, "it does not run")
            # The task waits in the triggerer: whoever follows that one finds the command, and starts none.
            os.kill(airflow.pid("triggerer"), signal.SIGKILL)
    airflow.await_success("polyglot_replay", "killed")
    for task in UNDER_WAY:
        attempts = airflow.attempts("killed", task)
        assert [path.name for path in attempts] == ["1", "2"], task
        assert json.loads((attempts[0] / "result.json").read_bytes())["code"] == -signal.SIGKILL
    proof = airflow.document("killed", "parity")
    assert (proof["passed"], proof["differences"]) == (True, 0)
    assert proof["records"] > 0


def test_a_day_is_proven_and_its_report_is_for_those_who_are_logged_in(airflow):
    days = {one["day"] for table in airflow.document("killed", "parity")["tables"] for one in table["days"]}
    # The schedule's own run comes first, and finds that there was nothing yesterday.
    airflow.trigger("polyglot_verify_daily", "day", {"day": max(days)})
    airflow.await_success("polyglot_verify_daily", "day")
    proof = airflow.document("day", "proof")
    assert (proof["passed"], proof["differences"]) == (True, 0)
    assert proof["records"] > 0
    run = airflow.attempts("day", "proof")[-1].parent.name
    page = f"/polyglot/reports/polyglot_verify_daily/{quote(run)}"
    assert "<h1>equal</h1>" in airflow.http.get(page).raise_for_status().text
    assert httpx.get(f"{airflow.settings.airflow.url}{page}", timeout=patient(30)).status_code == 401
    events = (airflow.home / "lineage" / "events.jsonl").read_text().splitlines()
    assert "bronze_raw" in {one["name"].rsplit("/", 1)[-1] for line in events for one in json.loads(line)["inputs"]}


def test_airflows_own_backfill_publishes_and_proves_each_day(airflow, days):
    airflow.unpause("polyglot_backfill")
    body = {
        "dag_id": "polyglot_backfill",
        "from_date": f"{days[0]}T00:00:00Z",
        "to_date": f"{days[-1]}T00:00:00Z",
        "max_active_runs": 1,
    }
    # 503 says that SQLite is locked: the scheduler writes, too.
    wait_for(lambda: airflow.http.post("/api/v2/backfills", json=body).is_success, 120, "no backfill", every=1)
    runs = sorted(airflow.dag_runs("polyglot_backfill", "backfill"))
    assert len(runs) == len(days)
    for day, run_id in zip(days, runs, strict=True):
        airflow.await_success("polyglot_backfill", run_id)
        line = json.loads((airflow.attempts(run_id, "recompute")[-1] / "command.json").read_bytes())["arguments"]
        assert line[line.index("--from") + 1] == day
        assert sum(airflow.document(run_id, "recompute")["published"].values()) > 0
        proof = airflow.document(run_id, "parity")
        assert (proof["passed"], proof["differences"], proof["range"]["from"][:10]) == (True, 0, day)
    # What the schedule makes of itself publishes nothing.
    for run_id in airflow.dag_runs("polyglot_backfill", "scheduled"):
        assert airflow.attempts(run_id, "recompute") == []
