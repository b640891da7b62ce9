"""Submitting jobs through one ``flink run``, each from its last checkpoint when it has one, and stopping them."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from operations.client import Client, Order
from operations.code import renew_taskmanager
from operations.cutovers import Cut, planned, record
from operations.expired import cuts, refuse
from operations.releases import pack
from operations.runs import Runs, known, latest_checkpoint, remember
from runtime.config import Settings
from runtime.console import CommandError, Console, Exit
from runtime.flink_rest import FlinkRest, JobInfo
from runtime.quality import rules
from runtime.readers.releases import schedule
from savepoints.compatibility import faults
from schemas.versions import Schedule

_START_DEADLINE_S = 120.0
_SAVE_DEADLINE_S = 600.0
_POLL_S = 0.25
_SUBMIT = Cut()
#: Uid of the source whose offsets say which frames a job has read.
FRAMES = "raw topics"


@dataclass(frozen=True)
class Submitted:
    """Outcome of one submission; ``restored_from`` is a checkpoint or savepoint path, or empty."""

    name: str
    job_id: str
    restored_from: str
    already_running: bool


def submit(
    settings: Settings,
    console: Console,
    names: Sequence[str],
    *,
    from_savepoint: str = "",
    fresh: bool = False,
    package: str = "flink_jobs",
    skip_expired: bool = False,
    fill: Path | None = None,
) -> list[Submitted]:
    """Submit jobs (modules of ``package``) that do not run yet and wait until all their tasks do.

    Args:
        settings: settings.
        console: console.
        names: the jobs.
        from_savepoint: what one job starts from, in place of its last checkpoint.
        fresh: start them from the beginning of the topics, without state.
        package: whose modules they are.
        skip_expired: where retention has cut what a job has not read, go on behind that.
        fill: the folder of what normalize is to read in place of it (`operations.expired`).

    Raises:
        CommandError: the data-quality rules cannot be right, the client failed, what a job is to start from is not
            whole, retention has cut what it has not read, or a job's tasks do not come up.
    """
    rules(settings)
    with FlinkRest(settings.flink.url) as rest:
        running = {job.name: job.id for job in rest.jobs(live=True)}
        done = [Submitted(n, running[n], "", already_running=True) for n in names if n in running]
        missing = [n for n in names if n not in running]
        origins = {name: "" if fresh else from_savepoint or latest_checkpoint(settings, name) for name in missing}
        skips = skip_expired or fill is not None
        if not skips and not from_savepoint:  # a group's place says nothing of another checkpoint than the last
            refuse(cuts(settings, [name for name, origin in origins.items() if origin]))
        for name, origin in origins.items():
            console.info(f"submitting {name}" + (f" from {origin}" if origin else ""))
        if fresh:
            for name in missing:
                remember(settings, name, Runs())
        if missing:
            release = pack(settings)
            variables = {"POLYGLOT_FLINK__EXPIRED": "skip"} if skips else {}
            variables |= {"POLYGLOT_FLINK__FILL": str(fill)} if fill else {}
            with Client(settings, release, orders(settings, missing, package), environment=variables) as client:
                renew_taskmanager(settings, console, rest, release.code)
                started = start(settings, client, origins)
            done += [Submitted(job.name, job.id, origins[job.name], already_running=False) for job in started]
        for name in names:
            await_running(rest, name)
    return sorted(done, key=lambda s: names.index(s.name))


def orders(settings: Settings, names: Sequence[str], package: str = "flink_jobs") -> list[Order]:
    """Return what a client is to build, as wide as an operator has asked for last."""
    runs = {name: known(settings, name) for name in names}
    return [Order(f"{package}.{name}", one.parallelism, tuple(one.job_ids)) for name, one in runs.items()]


def start(
    settings: Settings, client: Client, origins: Mapping[str, str], drop: Collection[str] = (), cut: Cut = _SUBMIT
) -> list[JobInfo]:
    """Let a client submit its jobs; record from where their versions hold, and remember the jobs.

    Args:
        settings: settings.
        client: with jobs that it builds.
        origins: by job, the checkpoint or savepoint that it starts from, or an empty string.
        drop: uids of operators whose state may be lost.
        cut: why they are started, and from where windows get newer versions.

    Raises:
        CommandError: what a job is to start from is not whole or not its own, no version can hold from where it was
            asked for, or the client failed.
    """
    manifests = client.manifests()
    looked = client.look(origins)
    for name, saved in looked.items():
        if found := faults(saved, manifests[name], drop):
            raise CommandError(f"{name} cannot start from {origins[name]}: {'; '.join(found)}")
    read = {name: saved.offsets[FRAMES] for name, saved in looked.items() if FRAMES in saved.offsets}
    holds, new = planned(settings, client.release, client.names, cut, read)
    record(settings, new)
    client.tell(holds.text())

    def listed(job: JobInfo) -> None:
        runs = known(settings, job.name)
        now = replace(runs, release=client.release.id, manifest=manifests[job.name].document())
        remember(settings, job.name, replace(now, job_ids=[*runs.job_ids, job.id]))

    return client.submit(listed)


def flink_run(
    settings: Settings,
    console: Console,
    modules: Sequence[str],
    suffix: str = "",
    *,
    environment: Mapping[str, str] = MappingProxyType({}),
    holds: Schedule | None = None,
) -> list[JobInfo]:
    """Submit modules that start without state, by one ``flink run``; return their jobs.

    Args:
        settings: settings.
        console: for saying that the TaskManager is restarted.
        modules: the modules, in the order of submission.
        suffix: what is behind the names of their jobs.
        environment: variables for the client.
        holds: which versions of behaviour hold where; if it is not given, what the topic says.

    Raises:
        CommandError: the client failed, the cluster does not list a new job for a module, or jobs of other code run in
            the same TaskManager.
    """
    release = pack(settings)
    built = [Order(module) for module in modules]
    with (
        FlinkRest(settings.flink.url) as rest,
        Client(settings, release, built, suffix, environment) as client,
    ):
        client.look({})
        client.tell((schedule(settings) if holds is None else holds).text())
        renew_taskmanager(settings, console, rest, release.code)
        return client.submit()


def await_running(rest: FlinkRest, name: str) -> None:
    """Wait until all tasks of a job run.

    Raises:
        CommandError: they do not.
    """
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
    """Stop a job with a savepoint; return the savepoint's path."""
    return savepoints(settings, [name])[name]


def savepoints(settings: Settings, names: Sequence[str], *, stop: bool = True) -> dict[str, str]:
    """Save the state of several jobs at once; return the savepoints' paths, each a URI.

    Raises:
        CommandError: a job does not run, or its savepoint failed. One that was to stop goes on then; the others are
            stopped, and the savepoints that they left are remembered.
    """
    target = settings.savepoints_uri
    with FlinkRest(settings.flink.url) as rest:
        running = {job.name: job for job in rest.jobs(live=True)}
        if absent := [name for name in names if name not in running]:
            raise CommandError(f"{', '.join(absent)} does not run", code=Exit.UNAVAILABLE)
        asked = {name: rest.save(running[name].id, target, stop=stop) for name in names}
        deadline = time.monotonic() + _SAVE_DEADLINE_S
        found, failed = {}, []
        for name, request in asked.items():
            try:
                found[name] = rest.saved(running[name].id, request, deadline)
            except CommandError as error:
                failed.append(f"{name}: {error}")
                continue
            runs = known(settings, name)
            remember(settings, name, replace(runs, savepoints=[*runs.savepoints, found[name]]))
    if failed:
        doing = "stopping with a savepoint" if stop else "taking a savepoint"
        raise CommandError(f"{doing} failed for {'; '.join(failed)}")
    return found
