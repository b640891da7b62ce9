"""Carry an upgrade out: stop with savepoints, start the new version from them, watch it, keep it or go back.

The client of the new version is started first and waits, so the pause is short, and a version that cannot be built
stops nothing. From the stop on, whatever happens ends in one of two states: the new version runs and is well, or the
version before runs again, from the savepoints that it was stopped with.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from operations.client import Client
from operations.code import renew_taskmanager
from operations.cutovers import BACK, Cut
from operations.cutovers import planned as cut_over
from operations.lifecycle import await_running, orders, savepoints, start
from operations.releases import Release, packed
from operations.runs import known, latest_checkpoint, remember
from operations.upgrade import history
from operations.upgrade.health import not_running, unhealthy
from operations.upgrade.plan import Plan, plan
from operations.upgrade.rejections import Rejections
from runtime.config import Settings
from runtime.console import CommandError, Console, Exit
from runtime.flink_rest import FlinkRest, JobInfo

_START_DEADLINE_S = _CANCEL_DEADLINE_S = 120.0
_POLL_S = 0.2


@dataclass(frozen=True)
class Wish:
    """What an operator wants.

    ``action`` is for the history. ``widths``: by job, its new parallelism. ``drop``: uids of operators whose state may
    be lost. ``watch_s``: how long the new version is watched before it is kept. ``since`` and ``earliest``: from where
    windows get newer versions of their behaviour, see `operations.cutovers.Cut`.
    """

    action: str
    release: Release
    names: tuple[str, ...]
    widths: Mapping[str, int]
    drop: tuple[str, ...] = ()
    watch_s: float = 60.0
    since: int | None = None
    earliest: bool = False

    @property
    def cut(self) -> Cut:
        """Return why jobs are started, and from where windows get newer versions."""
        return Cut(self.action, self.since, self.earliest)


@dataclass(frozen=True)
class Upgraded:
    """What was done; ``pause_s`` is the time from the stop until all tasks ran again."""

    plan: Plan
    pause_s: float
    savepoints: Mapping[str, str]


def planned(settings: Settings, rest: FlinkRest, wish: Wish, client: Client) -> Plan:
    """Return what a wish changes, from the jobs that a client has built.

    Raises:
        CommandError: a job cannot be built, or does not run.
    """
    live = {job.name for job in rest.jobs(live=True)}
    if absent := [name for name in wish.names if name not in live]:
        raise CommandError(
            f"{', '.join(absent)} does not run",
            hint="polyglot submit starts it from its last savepoint or checkpoint",
            code=Exit.UNAVAILABLE,
        )
    runs = {name: known(settings, name) for name in wish.names}
    before = _release_of(settings, {one.release for one in runs.values()})
    usual = settings.flink.parallelism
    widths = {
        name: (one.parallelism or usual, wish.widths.get(name) or one.parallelism or usual)
        for name, one in runs.items()
    }
    return plan(before, wish.release, runs, client.manifests(), widths, wish.drop)


def client_of(settings: Settings, wish: Wish) -> Client:
    """Return the client that is to build what is wished."""
    asked = orders(settings, wish.names)
    named = zip(asked, wish.names, strict=True)
    return Client(
        settings,
        wish.release,
        [replace(one, parallelism=wish.widths.get(name, one.parallelism)) for one, name in named],
    )


def apply(settings: Settings, console: Console, wish: Wish) -> Upgraded:
    """Upgrade jobs, or go back to what ran before.

    Raises:
        CommandError: nothing was changed, for the plan is refused or a job could not be stopped; or the new version was
            not well, and the version before runs again.
    """
    with history.alone(settings), FlinkRest(settings.flink.url) as rest:
        cut_over(settings, wish.release, wish.names, wish.cut, {})  # what cannot hold stops nothing
        with client_of(settings, wish) as client:
            found = planned(settings, rest, wish, client)
            before = _demand(settings, rest, wish, found)
            widths = {name: old for name, (old, _) in found.widths.items()}
            entry = history.begun(settings, wish.action, wish.release.id, wish.release.commit, before.id, widths)
            seen = Rejections.now(settings)
            began, pause_s, wrong = time.monotonic(), 0.0, ""
            try:
                entry = _stopped(settings, console, wish, entry)
                started = _started(settings, console, rest, wish, client, found, entry)
                wrong = not_running(rest, started, _START_DEADLINE_S)
                pause_s = time.monotonic() - began
                if not wrong:
                    console.info(f"running again after {pause_s:.1f} s")
                    with console.progress("watching", None) as tracker:
                        wrong = unhealthy(settings, console, rest, started, wish.watch_s, seen, tracker)
            except CommandError as error:
                wrong = str(error)
            except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - stopped jobs must run again, whatever it is
                wrong = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        if wrong:
            raise _rolled_back(settings, console, rest, entry, before, wish, wrong)
        history.ended(settings, entry, history.KEPT)
        return Upgraded(found, pause_s, entry.savepoints)


def _stopped(settings: Settings, console: Console, wish: Wish, entry: history.Applied) -> history.Applied:
    console.info(f"stopping {', '.join(wish.names)} with savepoints")
    entry = replace(entry, savepoints=savepoints(settings, wish.names))
    history.record(settings, entry)
    return entry


def _started(
    settings: Settings,
    console: Console,
    rest: FlinkRest,
    wish: Wish,
    client: Client,
    found: Plan,
    entry: history.Applied,
) -> list[JobInfo]:
    for name in wish.names:
        remember(settings, name, replace(known(settings, name), parallelism=found.widths[name][1]))
    renew_taskmanager(settings, console, rest, wish.release.code)
    return start(settings, client, entry.savepoints, wish.drop, wish.cut)


def _demand(settings: Settings, rest: FlinkRest, wish: Wish, found: Plan) -> Release:
    """Return the release to go back to, if the plan can be carried out.

    Raises:
        CommandError: it cannot.
    """
    if found.refused:
        raise CommandError(
            "; ".join(found.refused),
            hint="nothing was stopped. Bring the operator or a migration back, or give its state up: --drop-state UID",
        )
    if found.before is None:
        raise CommandError(
            "it is not known which release runs, so there would be no way back",
            hint="stop the jobs (polyglot savepoint --stop) and submit them once",
        )
    others = [job.name for job in rest.jobs(live=True) if job.name not in wish.names]
    if others and found.before.code != wish.release.code and settings.flink.python_mode == "thread":
        raise CommandError(
            f"{', '.join(others)} would go on with other code in the same TaskManager",
            hint="upgrade all jobs together: leave the names out",
            code=Exit.USAGE,
        )
    return found.before


def _rolled_back(
    settings: Settings,
    console: Console,
    rest: FlinkRest,
    entry: history.Applied,
    before: Release,
    wish: Wish,
    wrong: str,
) -> CommandError:
    """Go back to what ran before; return the error that says so, and why."""
    console.warn(f"{wrong}\nrolling back to release {before.id}")
    try:
        origins = _resume(settings, console, rest, entry, before, wish.names)
    except CommandError as error:
        history.ended(settings, entry, f"NOT rolled back: {error}")
        return CommandError(
            f"{wrong}; and the way back failed, too: {error}",
            hint="nothing is lost, the savepoints are in the history (polyglot history --json); "
            "then: polyglot restore --last-checkpoint",
        )
    history.ended(settings, entry, f"rolled back: {wrong}")
    told = ", ".join(f"{name} from {path}" for name, path in origins.items())
    return CommandError(f"{wrong}: rolled back to release {before.id} ({told or 'nothing had been stopped'})")


def _resume(
    settings: Settings, console: Console, rest: FlinkRest, entry: history.Applied, before: Release, names: Sequence[str]
) -> dict[str, str]:
    """Start the release before from where it was stopped; return from where, by job."""
    saved = {name: entry.savepoints.get(name) or _since(settings, rest, name) for name in names}
    origins = {name: path for name, path in saved.items() if path}
    cancel(rest, [job for job in rest.jobs(live=True) if job.name in origins])
    for name, width in entry.widths.items():
        remember(settings, name, replace(known(settings, name), parallelism=width))
    if origins:
        with Client(settings, before, orders(settings, list(origins))) as client:
            client.manifests()
            renew_taskmanager(settings, console, rest, before.code)
            start(settings, client, origins, cut=Cut(BACK))
        for name in origins:
            await_running(rest, name)
    return origins


def _since(settings: Settings, rest: FlinkRest, name: str) -> str:
    """Return the savepoint of a job that was stopped while the stop of all failed; empty if it still runs."""
    return "" if rest.job(name) else latest_checkpoint(settings, name)


def cancel(rest: FlinkRest, jobs: Collection[JobInfo]) -> None:
    """Cancel jobs and wait until they have ended; their last checkpoints stay.

    Raises:
        CommandError: one does not end.
    """
    for job in jobs:
        rest.cancel(job.id)
    ids, deadline = {job.id for job in jobs}, time.monotonic() + _CANCEL_DEADLINE_S
    while left := [job.name for job in rest.jobs(live=True) if job.id in ids]:
        if time.monotonic() > deadline:
            raise CommandError(f"{', '.join(left)} does not end", code=Exit.TIMEOUT)
        time.sleep(_POLL_S)


def _release_of(settings: Settings, ids: set[str]) -> Release | None:
    try:
        (one,) = ids
        return packed(settings, one) if one else None
    except (ValueError, CommandError):
        return None
