"""Which code a TaskManager has loaded, where kernels run in its threads.

It keeps what it has imported for as long as it lives. A job of newer code would fail there when it opens
(``flink_jobs.worker.demand``), so the local TaskManager is replaced before the first job of an upgrade is submitted.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from runtime.config import Settings
from runtime.console import CommandError, Console, Exit
from runtime.files import replace
from runtime.flink_rest import FlinkRest
from runtime.layout import Layout
from runtime.process import Identity, terminate
from runtime.stack_state import read_state

_DEADLINE_S = 120.0
_GRACE_S = 20.0
_POLL_S = 0.25


def renew_taskmanager(settings: Settings, console: Console, rest: FlinkRest, code: str) -> None:
    """Replace the local TaskManager if it has loaded other code than what is about to be submitted.

    Args:
        settings: settings.
        console: for saying so.
        rest: the cluster.
        code: digest of what is about to be submitted.

    Raises:
        CommandError: jobs of the other code still run, or the new TaskManager does not come up.
    """
    now = _identity(settings)
    if settings.flink.python_mode != "thread" or now is None:
        return
    loaded = _loaded(settings)
    # The clock of a process's start has ticks of 10 ms, so two may have the same one.
    if (loaded.get("pid"), loaded.get("created")) == (now.pid, now.created) and loaded.get("code") != code:
        if live := [job.name for job in rest.jobs(live=True)]:
            raise CommandError(
                f"the code has changed since the TaskManager loaded it, and it runs {', '.join(live)}",
                hint="upgrade them all together: polyglot apply",
            )
        console.info("restarting the TaskManager: the code has changed since it loaded it")
        now = _replaced(settings, rest, now)
    _record(settings, now, code)


def _identity(settings: Settings) -> Identity | None:
    state = read_state(Layout.at(settings.var_dir))
    running = state.components.get("taskmanager") if state and state.supervised else None
    return running.identity if running else None


def _replaced(settings: Settings, rest: FlinkRest, old: Identity) -> Identity:
    """End a TaskManager; return the one that the supervisor starts in its place, once it has registered."""
    known = set(rest.taskmanagers())
    terminate([old], grace=_GRACE_S)
    deadline = time.monotonic() + _DEADLINE_S
    while time.monotonic() < deadline:
        now = _identity(settings)
        if now and now != old and set(rest.taskmanagers()) - known:
            return now
        time.sleep(_POLL_S)
    raise CommandError(f"no new TaskManager after {_DEADLINE_S:.0f} s", code=Exit.TIMEOUT)


def _path(settings: Settings) -> Path:
    return Layout.at(settings.var_dir).var / "jobs" / "taskmanager.json"


def _loaded(settings: Settings) -> dict[str, Any]:
    path = _path(settings)
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found


def _record(settings: Settings, taskmanager: Identity, code: str) -> None:
    path = _path(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    replace(path, json.dumps({"pid": taskmanager.pid, "created": taskmanager.created, "code": code}))
