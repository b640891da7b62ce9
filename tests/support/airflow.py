"""Airflow beside a stack, as `make airflow` runs it, and its API."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from devstack.airflow import home
from runtime.config import ROOT
from runtime.ports import free_ports
from support.patience import patient, wait_for
from support.stack import Stack


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

    def dag_runs(self, dag_id: str, kind: str) -> list[str]:
        """Return the ids of a DAG's runs of a kind: manual, scheduled, backfill."""
        found = self.http.get(f"/api/v2/dags/{dag_id}/dagRuns", params={"run_type": kind}).raise_for_status()
        return [one["dag_run_id"] for one in found.json()["dag_runs"]]

    def trigger(self, dag_id: str, run_id: str, conf: dict) -> None:
        self.unpause(dag_id)
        body = {"dag_run_id": run_id, "logical_date": None, "conf": conf}
        self.http.post(f"/api/v2/dags/{dag_id}/dagRuns", json=body).raise_for_status()

    def state(self, dag_id: str, run_id: str) -> str:
        return self.http.get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}").raise_for_status().json()["state"]

    def run(self, dag_id: str, run_id: str, conf: dict) -> None:
        """Run a DAG to its end, which must be a good one."""
        self.trigger(dag_id, run_id, conf)
        self.await_success(dag_id, run_id)

    def states(self, dag_id: str, run_id: str) -> dict[str, str]:
        """Return the state of each task of a run."""
        found = self.http.get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances").raise_for_status().json()
        return {one["task_id"]: one["state"] for one in found["task_instances"]}

    def approve(self, dag_id: str, run_id: str, task: str) -> None:
        """Answer a task that asks a person, as soon as it does."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task}/-1/hitlDetails"
        answer = {"chosen_options": ["Approve"], "params_input": {}}
        wait_for(lambda: self.http.patch(path, json=answer).is_success, 900, f"{task} asks nobody", every=1)

    def await_success(self, dag_id: str, run_id: str) -> None:
        def ended() -> bool:
            state = self.state(dag_id, run_id)
            if state == "failed":
                pytest.fail(f"{dag_id}: {self.states(dag_id, run_id)}")
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
