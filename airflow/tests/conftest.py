"""A throwaway AIRFLOW_HOME for the whole run, made before Airflow is imported, and a fake of the command line."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
DAGS = HERE.parent / "dags"
HOME = tempfile.TemporaryDirectory(prefix="polyglot-airflow-")
PATIENCE = float(os.environ.get("POLYGLOT_TEST_PATIENCE", "1"))

for name in [name for name in os.environ if name.startswith("AIRFLOW_")]:
    del os.environ[name]
os.environ |= {
    "AIRFLOW_HOME": HOME.name,
    "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "1",
    "AIRFLOW__API__BASE_URL": "http://127.0.0.1:1",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(
        {"type": "file", "log_file_path": f"{HOME.name}/lineage.jsonl", "append": True}
    ),
}


def pytest_unconfigure() -> None:
    HOME.cleanup()


class Fake:
    """The fake command: what it answers, and how it was called."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._answers = folder, {}
        self.runs = folder / "runs"
        self.extra: dict[str, Any] = {}
        self.answer("nothing")

    def answer(self, command: str, *answers: dict[str, Any]) -> None:
        self._answers[command] = list(answers) if len(answers) > 1 else (answers[0] if answers else {})
        (self.folder / "answers.json").write_text(json.dumps(self._answers))

    def connect(self, monkeypatch: pytest.MonkeyPatch, **more: str) -> None:
        connection = {"conn_type": "polyglot", "extra": {**self.extra, **more}}
        monkeypatch.setenv("AIRFLOW_CONN_POLYGLOT_DEFAULT", json.dumps(connection))

    @property
    def calls(self) -> list[list[str]]:
        return [one["arguments"] for one in self._noted()]

    @property
    def pids(self) -> list[int]:
        return [one["pid"] for one in self._noted()]

    @property
    def airflow_variables(self) -> set[str]:
        return {name for one in self._noted() for name in one["airflow"]}

    def _noted(self) -> list[dict[str, Any]]:
        path = self.folder / "calls.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    folder = tmp_path / "fake"
    folder.mkdir()
    found = Fake(folder)
    found.extra = {
        "command": [sys.executable, str(HERE / "fake_polyglot.py")],
        "directory": str(tmp_path),
        "runs": str(found.runs),
        "flink": "http://127.0.0.1:1",
        "lake": "file:///lake",
        "environment": {"POLYGLOT_FAKE": str(folder)},
    }
    found.connect(monkeypatch)
    return found


@pytest.fixture(scope="session")
def database() -> None:
    """Airflow's tables; it takes seconds, so only for tests that run DAGs."""
    from airflow.utils.db import initdb

    initdb()


@pytest.fixture(scope="session")
def bag(database: None) -> Any:
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(DAGS)


@pytest.fixture
def dag(database: None) -> Callable[[str], Any]:
    """Load a DAG anew: one that has run keeps the run's parameters."""
    from airflow.dag_processing.dagbag import DagBag

    return lambda name: DagBag(DAGS / f"{name}.py").dags[name]


@pytest.fixture
def wait() -> Callable[..., Any]:
    def wait_for(condition: Callable[[], Any], seconds: float = 60, what: str = "it did not happen") -> Any:
        deadline = time.monotonic() + seconds * PATIENCE
        while time.monotonic() < deadline:
            if found := condition():
                return found
            time.sleep(0.02)
        raise AssertionError(f"{what} in {seconds * PATIENCE:.0f} s")

    return wait_for


class Task:
    """What an operator needs of its task instance, without a database."""

    dag_id, run_id, task_id, map_index = "dag", "run", "task", -1

    def __init__(self) -> None:
        self.pushed: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value


@pytest.fixture
def context() -> dict[str, Any]:
    return {"ti": Task()}


class Flink:
    """A fake of Flink's REST interface: what it says of a job, one state after the other."""

    def __init__(self) -> None:
        self.states: dict[str, list[str]] = {}
        self.asked: list[str] = []
        flink = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                flink.asked.append(self.path)
                status, found = flink.answer(self.path)
                data = json.dumps(found).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, path: str) -> tuple[int, Any]:
        if path.endswith("/exceptions"):
            return 200, {"exceptionHistory": {"entries": [{"stacktrace": "java.io.IOException: disk full"}]}}
        left = self.states.get(path.rsplit("/", 1)[-1])
        if left is None:
            return 404, {"errors": ["Job not found"]}
        state = left.pop(0) if len(left) > 1 else left[0]
        return (503, {}) if state == "no answer" else (200, {"state": state})


@pytest.fixture
def flink() -> Iterator[Flink]:
    found = Flink()
    thread = threading.Thread(target=found.server.serve_forever)
    thread.start()
    yield found
    found.server.shutdown()
    found.server.server_close()
    thread.join()
