"""How the stack is doing: each component by its own answer, the jobs by the JobManager's, lag by the broker's."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import httpx
import psutil

from devstack.local.component import Component
from devstack.local.components import OPTIONAL, components
from devstack.local.probes import http
from runtime.config import Settings
from runtime.layout import Layout
from runtime.process import members
from runtime.stack_state import State, read_state

TIMEOUT_S = 5.0


class Health(StrEnum):
    """What a component's probe and process say together."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"  # the process runs, the service does not answer as it should
    STOPPED = "stopped"
    UNREACHABLE = "unreachable"  # configured to be elsewhere, and no answer from there


@dataclass(frozen=True)
class ComponentStatus:
    """One component; memory in bytes over its process group (a TaskManager's Python workers are part of it)."""

    name: str
    health: Health
    url: str
    version: str
    pid: int | None
    memory: int
    started_at: datetime | None
    restarts: int
    detail: str
    metrics_url: str = ""

    def row(self) -> list[str]:
        memory = f"{self.memory / 1024**2:,.0f} MB" if self.memory else ""
        since = self.started_at.astimezone().strftime("%Y-%m-%d %H:%M:%S") if self.started_at else ""
        pid = str(self.pid or "")
        row = [self.name, self.health, self.url, self.version, pid, memory, since, str(self.restarts), self.detail]
        return [*row, self.metrics_url]

    def document(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class JobStatus:
    """A Flink job as the JobManager sees it."""

    id: str
    name: str
    state: str
    duration_ms: int
    tasks: dict[str, int]
    cause: str = ""

    def row(self) -> list[str]:
        tasks = f"{self.tasks.get('running', 0)}/{self.tasks.get('total', 0)}"
        return [self.name, self.state, self.id, tasks, f"{self.duration_ms / 1000:,.0f} s", self.cause]

    def document(self) -> dict[str, Any]:
        return asdict(self)


def collect(settings: Settings, only: Sequence[str] = ()) -> list[ComponentStatus]:
    """Probe at once all components, or those that `only` names, or those that a running stack was started with."""
    state = read_state(Layout.at(settings.var_dir))
    more = [name for name in OPTIONAL if state and name in state.components]
    wanted = components(settings, only, more)
    if state and state.components and not only:
        wanted = [one for one in wanted if one.name in state.components or not one.managed]
    memory = group_memory(state)
    with ThreadPoolExecutor(len(wanted)) as pool:
        return list(pool.map(lambda component: _examine(component, state, memory), wanted))


def group_memory(state: State | None) -> dict[int, int]:
    """Return the resident bytes of each of the stack's process groups."""
    sums: dict[int, int] = {}
    for process in members(state.stack_id) if state else []:
        try:
            group = os.getpgid(process.pid)
            sums[group] = sums.get(group, 0) + process.memory_info().rss
        except (ProcessLookupError, psutil.Error):
            continue
    return sums


def _examine(component: Component, state: State | None, memory: dict[int, int]) -> ComponentStatus:
    running = state.components.get(component.name) if state else None
    alive = bool(running and running.alive)
    version, detail = "", ""
    try:
        version, detail = component.probe()
        health = Health.HEALTHY
    except Exception as error:  # noqa: BLE001 - every client fails in its own way
        detail = str(error).splitlines()[0] if str(error) else type(error).__name__
        health = Health.UNHEALTHY if alive else Health.STOPPED if component.managed else Health.UNREACHABLE
    if health is Health.HEALTHY and component.managed and not alive:
        detail = "answers, but was not started by this stack"
    if state and alive and not state.supervised:
        detail = "not supervised: `polyglot up` takes it over"
    if health is Health.STOPPED:
        detail = running.last_exit if running else ""
    pid = running.pid if running and alive else None
    return ComponentStatus(
        name=component.name,
        health=health,
        url=component.url,
        version=version,
        pid=pid,
        memory=memory.get(pid, 0) if pid else 0,
        started_at=running.started_at if running and alive else None,
        restarts=running.restarts if running else 0,
        detail=detail,
        metrics_url=component.metrics_url,
    )


def collect_jobs(settings: Settings) -> list[JobStatus]:
    """Return the cluster's jobs, latest first; an empty list if it does not answer."""
    try:
        answer = http().get(f"{settings.flink.url}/jobs/overview", timeout=TIMEOUT_S)
        jobs = answer.raise_for_status().json()["jobs"]
    except (httpx.HTTPError, ValueError, KeyError):
        return []
    jobs.sort(key=lambda job: job["start-time"], reverse=True)
    return [JobStatus(job["jid"], job["name"], job["state"], job["duration"], job["tasks"]) for job in jobs]
