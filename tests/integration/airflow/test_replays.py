"""Airflow's own scheduler on a real stack: a replay killed in each task and retried, a day's proof.

The proofs find no difference.
"""

import json
import os
import re
import signal
import stat
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import httpx
import psutil
import pytest
from support.absent import absent
from support.patience import patient, wait_for
from support.stack import Stack, started

from devstack.airflow import home
from runtime.config import ROOT
from runtime.ports import free_ports

# A stack of its own, and Airflow beside it: every night, not on every commit.
pytestmark = [pytest.mark.long, pytest.mark.timeout(3600)]

FRAMES = 4_000
#: The days of what is fed, and a run's state for each of them.
DAYS = ("2026-01-05", "2026-01-06")
#: What a task's command says when it is well under way.
UNDER_WAY = {"settled": "", "recompute": "publishing", "through": "", "parity": "replaying Bronze"}
#: `.ci/airflow` leaves it where Airflow could not be fetched.
UNREACHABLE = ROOT / "ci-artifacts" / "airflow.unreachable"


class Airflow:
    """Airflow in the foreground of a process of its own, as `make airflow` runs it, and its API."""

    def __init__(self, stack: Stack) -> None:
        (port,) = free_ports(1)
        self.settings = stack.settings.model_copy(
            update={"airflow": stack.settings.airflow.model_copy(update={"port": port})}
        )
        self.home = home.folder(self.settings)
        self.runs = self.home / "runs"
        env = {
            **stack.env,
            "POLYGLOT_AIRFLOW__PORT": str(port),
            "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "1",
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
        }
        self.log = self.home.parent / "log" / "airflow.out"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "devstack.airflow"], env=env, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT
            )
        self.http = httpx.Client(base_url=self.settings.airflow.url, timeout=patient(30))

    def log_in(self) -> None:
        def healthy() -> bool:
            if self.process.poll() is not None:
                pytest.fail(f"Airflow ended: {self.log.read_text()[-3000:]}")
            return "user operator, password in" in self.log.read_text()

        wait_for(healthy, 240, "Airflow is not healthy", every=0.5)
        login = {"username": home.USER, "password": home.password(self.settings)}
        token = self.http.post("/auth/token", json=login).raise_for_status().json()["access_token"]
        self.http.headers["Authorization"] = f"Bearer {token}"

    def unpause(self, dag_id: str) -> None:
        """Let a DAG run, once the DAG processor has read it."""
        path = f"/api/v2/dags/{dag_id}"
        wait_for(
            lambda: self.http.patch(path, json={"is_paused": False}).is_success, 180, f"there is no {dag_id}", every=1
        )

    def trigger(self, dag_id: str, run_id: str, conf: dict) -> None:
        self.unpause(dag_id)
        body = {"dag_run_id": run_id, "logical_date": None, "conf": conf}
        self.http.post(f"/api/v2/dags/{dag_id}/dagRuns", json=body).raise_for_status()

    def state(self, dag_id: str, run_id: str) -> str:
        return self.http.get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}").raise_for_status().json()["state"]

    def await_success(self, dag_id: str, run_id: str) -> None:
        def ended() -> bool:
            state = self.state(dag_id, run_id)
            if state == "failed":
                found = self.http.get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances").json()
                pytest.fail(str([(one["task_id"], one["state"]) for one in found["task_instances"]]))
            return state == "success"

        wait_for(ended, 900, f"{dag_id} does not end", every=1)

    def attempts(self, run_id: str, task: str) -> list[Path]:
        """Return the folders of a task's attempts, oldest first."""
        name = re.sub(r"[^A-Za-z0-9._-]", lambda found: f"={ord(found[0]):x}=", run_id)  # `runs.named` of the provider
        return sorted(self.runs.glob(f"*+{name}+{task}+*/[0-9]*"), key=lambda path: int(path.name))

    def document(self, run_id: str, task: str) -> dict:
        return json.loads((self.attempts(run_id, task)[-1] / "out.json").read_bytes())

    def pid(self, name: str) -> int:
        return int((self.home / "stack" / f"{name}.pid").read_text())

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(patient(120))
        self.http.close()


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    if not (ROOT / ".venv-airflow" / ".project").exists():
        if UNREACHABLE.exists():
            pytest.skip(UNREACHABLE.read_text())
        absent("Airflow is not installed: make airflow-setup")
    with started(tmp_path_factory.mktemp("airflow")) as one:
        for day in DAYS:
            one.json("feed", "sim", "--simulate", str(FRAMES), "--seed", "7", "--start", f"{day}T10:00:00")
        one.json("drain", "--timeout", "600")
        yield one


@pytest.fixture(scope="module")
def airflow(stack):
    one = Airflow(stack)
    try:
        one.log_in()
        yield one
    finally:
        one.close()


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
    assert proof["records"] > FRAMES / 2


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


def test_secrets_are_their_owners_and_nothing_stays_behind(airflow):
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (airflow.home / "secrets").glob("*.json")}
    assert modes == {"passwords.json": 0o600, "keys.json": 0o600}
    everything = psutil.Process(airflow.process.pid).children(recursive=True)
    assert len(everything) >= 4
    listening = {
        address.laddr.ip for one in everything for address in one.net_connections() if address.status == "LISTEN"
    }
    assert listening == {"127.0.0.1"}
    airflow.close()
    assert airflow.process.returncode == 0
    assert psutil.wait_procs(everything, timeout=patient(10))[1] == []
