"""Submitting jobs through one ``flink run``, each from its last checkpoint when it has one."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from operations.code import renew_taskmanager
from runtime.config import Settings
from runtime.console import CommandError, Console, Exit
from runtime.files import replace
from runtime.flink_home import client_command, client_env
from runtime.flink_rest import FlinkRest, JobInfo
from runtime.layout import Layout
from runtime.quality import rules

_START_DEADLINE_S = 120.0
_POLL_S = 0.25


@dataclass(frozen=True)
class Submitted:
    """Outcome of one submission; ``restored_from`` is a checkpoint or savepoint path, or empty."""

    name: str
    job_id: str
    restored_from: str
    already_running: bool


def _record(settings: Settings, name: str) -> Path:
    return Layout.at(settings.var_dir).var / "jobs" / f"{name}.json"


def _remembered(settings: Settings, name: str) -> dict[str, list[str]]:
    """Return the ids of the job's former runs and the savepoints it was stopped with."""
    record = _record(settings, name)
    known: dict[str, list[str]] = json.loads(record.read_text()) if record.exists() else {}
    return {"job_ids": [], "savepoints": [], **known}


def _remember(settings: Settings, name: str, known: dict[str, list[str]]) -> None:
    record = _record(settings, name)
    record.parent.mkdir(parents=True, exist_ok=True)
    replace(record, json.dumps(known))


def latest_checkpoint(settings: Settings, name: str) -> str:
    """Return the newest complete checkpoint or savepoint of the job's former runs, or an empty string.

    A run is found by the job ids this suite submitted under that name, so that another cluster's files are never used.
    Savepoints count: a run that was resumed from one may die before its first checkpoint, and what lies before the
    savepoint is in the lake's tables already.
    """
    known = _remembered(settings, name)
    checkpoints = Layout.at(settings.var_dir).checkpoints
    found = [path for job_id in known["job_ids"] for path in (checkpoints / job_id).glob("chk-*/_metadata")]
    found += [path for one in known["savepoints"] if (path := Path(one.removeprefix("file:")) / "_metadata").exists()]
    return str(max(found, key=lambda p: p.stat().st_mtime).parent) if found else ""


def submit(
    settings: Settings,
    console: Console,
    names: list[str],
    *,
    from_savepoint: str = "",
    fresh: bool = False,
    package: str = "flink_jobs",
) -> list[Submitted]:
    """Submit jobs (modules of ``package``) that do not run yet and wait until all their tasks do.

    Raises:
        CommandError: the data-quality rules cannot be right, the client failed, or a job's tasks do not come up.
    """
    rules(settings)
    with FlinkRest(settings.flink.url) as rest:
        running = {job.name: job.id for job in rest.jobs(live=True)}
        done = [Submitted(n, running[n], "", already_running=True) for n in names if n in running]
        missing = [n for n in names if n not in running]
        if missing:
            renew_taskmanager(settings, console, rest)
        origins = {name: "" if fresh else from_savepoint or latest_checkpoint(settings, name) for name in missing}
        for name, origin in origins.items():
            console.info(f"submitting {name}" + (f" from {origin}" if origin else ""))

        def listed(job: JobInfo) -> None:
            known = {"job_ids": [], "savepoints": []} if fresh else _remembered(settings, job.name)
            _remember(settings, job.name, {**known, "job_ids": [*known["job_ids"], job.id]})

        started = flink_run(settings, {f"{package}.{name}": path for name, path in origins.items()}, listed=listed)
        done += [Submitted(job.name, job.id, origins[job.name], already_running=False) for job in started]
        for name in names:
            _await_running(rest, name)
    return sorted(done, key=lambda s: names.index(s.name))


def flink_run(
    settings: Settings,
    modules: Mapping[str, str],
    suffix: str = "",
    *,
    listed: Callable[[JobInfo], None] = lambda _job: None,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> list[JobInfo]:
    """Submit modules by one ``flink run``; return their jobs.

    Args:
        settings: settings.
        modules: the modules, in the order of submission, and which checkpoint or savepoint each starts from, or "".
        suffix: what is behind the names of their jobs.
        listed: is called with each job that runs, also if the client fails at a later one.
        environment: variables for the client.

    Raises:
        CommandError: the client failed, or the cluster does not list a new job for a module.
    """
    if not modules:
        return []
    with FlinkRest(settings.flink.url) as rest:
        before = {job.id for job in rest.jobs()}
        arguments = [f"{module}={origin}" for module, origin in modules.items()]
        command = [*client_command(settings), "run", "--detached", "-pym", "flink_jobs.together", *arguments]
        variables = {**client_env(settings), **environment}
        done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
        names = [module.rsplit(".", 1)[-1] + suffix for module in modules]
        found = {job.name: job for job in rest.jobs() if job.id not in before and job.name in names}
    for job in found.values():
        listed(job)
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-30:])
        raise CommandError(f"`flink run` failed for {', '.join(names)}:\n{tail}")
    for name in names:
        if name not in found:
            raise CommandError(f"{name} was submitted but the cluster does not list it:\n{done.stdout[-2000:]}")
    return [found[name] for name in names]


def _await_running(rest: FlinkRest, name: str) -> None:
    deadline = time.monotonic() + _START_DEADLINE_S
    while time.monotonic() < deadline:
        job = rest.job(name)
        if job and job.running:
            return
        time.sleep(_POLL_S)
    newest = next((j for j in rest.jobs() if j.name == name), None)
    cause = rest.exceptions(newest.id)[:3000] if newest else ""
    raise CommandError(f"{name} does not run after {_START_DEADLINE_S:.0f} s\n{cause}", code=Exit.TIMEOUT)


def savepoint(settings: Settings, name: str) -> str:
    """Stop a job with a savepoint (through the CLI) and return the savepoint's path."""
    with FlinkRest(settings.flink.url) as rest:
        job = rest.job(name)
    if job is None:
        raise CommandError(f"{name} does not run", code=Exit.UNAVAILABLE)
    target = Layout.at(settings.var_dir).savepoints
    done = subprocess.run(
        [*client_command(settings), "stop", "--savepointPath", target.as_uri(), job.id],
        env=client_env(settings), capture_output=True, text=True, check=False,
    )  # fmt: skip
    paths = [line.rsplit(" ", 1)[-1] for line in done.stdout.splitlines() if "Savepoint completed. Path:" in line]
    if done.returncode != 0 or not paths:
        raise CommandError(f"stopping {name} with a savepoint failed:\n{(done.stdout + done.stderr)[-3000:]}")
    known = _remembered(settings, name)
    known["savepoints"].append(paths[0])
    _remember(settings, name, known)
    return paths[0]
