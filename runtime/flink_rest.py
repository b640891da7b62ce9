"""Flink's REST interface, as much of it as the life of a job needs."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Self

import httpx

from runtime.console import CommandError, Exit

#: States in which a job still works or is about to.
LIVE = frozenset({"INITIALIZING", "CREATED", "RUNNING", "RESTARTING", "FAILING", "RECONCILING"})
#: States in which a job has something to explain.
TROUBLED = frozenset({"RESTARTING", "FAILING", "FAILED"})
_STALE_S = 4.0
_POLL_S = 0.1


@dataclass(frozen=True)
class JobInfo:
    """A job as the cluster knows it."""

    id: str
    name: str
    state: str
    tasks: dict[str, int]

    @property
    def running(self) -> bool:
        """Whether every task of the job runs."""
        return self.state == "RUNNING" and self.tasks.get("running") == self.tasks.get("total")


class FlinkRest:
    """A client of one JobManager."""

    def __init__(self, url: str, timeout_s: float = 15.0) -> None:
        self._http = httpx.Client(base_url=url, timeout=timeout_s)
        self._url = url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def _call(self, method: str, path: str, **kwargs: Any) -> Any:
        try:
            response = self._http.request(method, path, **kwargs)
        except httpx.TransportError as error:
            raise CommandError(
                f"no answer from Flink at {self._url}: {error}",
                hint="Start it with: polyglot up",
                code=Exit.UNAVAILABLE,
            ) from error
        if response.is_error:
            raise CommandError(f"Flink refused {method} {path}: {response.status_code} {response.text[:500]}")
        return response.json() if response.content else {}

    def jobs(self, *, live: bool = False) -> list[JobInfo]:
        """Return the cluster's jobs, newest first; with ``live`` only those that still work."""
        found = self._call("GET", "/jobs/overview")["jobs"]
        found.sort(key=lambda j: -j["start-time"])
        infos = [JobInfo(j["jid"], j["name"], j["state"], j["tasks"]) for j in found]
        return [job for job in infos if job.state in LIVE] if live else infos

    def job(self, name: str) -> JobInfo | None:
        """Return the live job called ``name``."""
        return next((job for job in self.jobs(live=True) if job.name == name), None)

    def taskmanagers(self) -> list[str]:
        """Return the ids of the registered TaskManagers."""
        return [one["id"] for one in self._call("GET", "/taskmanagers")["taskmanagers"]]

    def vertices(self, job_id: str) -> list[dict[str, Any]]:
        """Return a job's vertices with their accumulated metrics, as the REST interface gives them."""
        found: list[dict[str, Any]] = self._call("GET", f"/jobs/{job_id}")["vertices"]
        return found

    def watermark(self, job_id: str, vertex_id: str) -> int | None:
        """Return the lowest input watermark of a vertex's subtasks, ms UTC; None while they report none."""
        watermarks = self._call("GET", f"/jobs/{job_id}/vertices/{vertex_id}/watermarks")
        return min((int(watermark["value"]) for watermark in watermarks), default=None)

    def checkpoint(self, job_id: str, deadline: float) -> bool:
        """Trigger a checkpoint and wait for it; ``deadline`` is a `time.monotonic` instant.

        Returns:
            Whether it completed. A job that is restarting, or a checkpoint that was declined, is False, not an error.
        """
        try:
            trigger = self._call("POST", f"/jobs/{job_id}/checkpoints", json={"checkpointType": "CONFIGURED"})
        except CommandError as error:
            if error.code == Exit.UNAVAILABLE:
                raise
            return False
        path = f"/jobs/{job_id}/checkpoints/{trigger['request-id']}"
        while time.monotonic() < deadline:
            status = self._call("GET", path)
            if status["status"]["id"] == "COMPLETED":
                return "failure-cause" not in (status.get("operation") or {})
            time.sleep(_POLL_S)
        return False

    def save(self, job_id: str, folder: str, *, stop: bool) -> str:
        """Trigger a savepoint in a folder (a URI), and the job's end if it is to ``stop``; return the request's id."""
        if stop:
            body = {"targetDirectory": folder, "drain": False}
            return str(self._call("POST", f"/jobs/{job_id}/stop", json=body)["request-id"])
        body = {"target-directory": folder, "cancel-job": False}
        return str(self._call("POST", f"/jobs/{job_id}/savepoints", json=body)["request-id"])

    def saved(self, job_id: str, request: str, deadline: float) -> str:
        """Wait for a savepoint; return its path, a URI.

        Args:
            job_id: the job.
            request: what `save` returned.
            deadline: a `time.monotonic` instant.

        Raises:
            CommandError: it failed, or is not there in time.
        """
        while time.monotonic() < deadline:
            status = self._call("GET", f"/jobs/{job_id}/savepoints/{request}")
            if status["status"]["id"] == "COMPLETED":
                done = status.get("operation") or {}
                if "location" in done:
                    return str(done["location"])
                raise CommandError(innermost(str(done.get("failure-cause", {}).get("stack-trace", ""))) or str(done))
            time.sleep(_POLL_S)
        raise CommandError(f"no savepoint of {job_id} in time", code=Exit.TIMEOUT)

    def checkpoints(self, job_id: str) -> dict[str, int]:
        """Return how many checkpoints of a job were ``completed``, ``failed`` and are ``in_progress``, and others."""
        counts: dict[str, int] = self._call("GET", f"/jobs/{job_id}/checkpoints")["counts"]
        return counts

    def exceptions(self, job_id: str) -> str:
        """Return the root cause of the job's last failure, or an empty string."""
        history = self._call("GET", f"/jobs/{job_id}/exceptions").get("exceptionHistory", {}).get("entries", [])
        return history[0]["stacktrace"] if history else ""

    def cause(self, job_id: str) -> str:
        """Return the innermost message of a failed or restarting job's last failure, on one line.

        Empty if the JobManager does not tell within a few seconds: it answers from a copy of the job that may have been
        made before the failure (`web.refresh-interval`).
        """
        deadline = time.monotonic() + _STALE_S
        while not (stacktrace := self.exceptions(job_id)) and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        return innermost(stacktrace)

    def last_cause(self, name: str) -> str:
        """Return why the newest run of a job failed; empty if it did not."""
        newest = next((job for job in self.jobs() if job.name == name), None)
        return self.cause(newest.id) if newest is not None and newest.state in TROUBLED else ""

    def cancel(self, job_id: str) -> None:
        """Cancel a job; its last checkpoint is kept."""
        self._call("PATCH", f"/jobs/{job_id}", params={"mode": "cancel"})


def innermost(stacktrace: str) -> str:
    """Return the message of a Java stack trace's last cause, without the exception's class."""
    lines = [line.strip() for line in stacktrace.splitlines() if line.strip() and not line.lstrip().startswith("at ")]
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")] or lines[:1]
    return causes[-1].partition(": ")[2] or causes[-1] if causes else ""
