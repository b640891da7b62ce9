"""Bounded runs: a job reads its topics from the beginning to where they end now, writes what comes of it, and ends.

What it writes are the bytes that the live job wrote, so consumers drop them by ``entity_seq`` or by version. It writes
to topics alone: the stores tail the topics anyway, and Bronze would get every row once more, so ingest has no such run.
"""

from __future__ import annotations

import time
from pathlib import Path

from operations.lifecycle import flink_run
from runtime.config import BOUNDED_SUFFIX, Settings
from runtime.console import CommandError, Console, Exit
from runtime.flink_rest import LIVE, FlinkRest, JobInfo
from runtime.quality import rules
from schemas.versions import Schedule

JOBS = ("normalize", "analytics")
_ENVIRONMENT = {
    "POLYGLOT_FLINK__BOUNDED": "true",
    "POLYGLOT_LAKE__ENABLED": "false",
    "POLYGLOT_CLICKHOUSE__ENABLED": "false",
}
_POLL_S = 0.5


def run(
    settings: Settings,
    console: Console,
    name: str,
    timeout_s: float,
    *,
    replay: Path | None = None,
    holds: Schedule | None = None,
) -> JobInfo:
    """Run a job until it has finished; return it.

    With `replay`, a `runtime.replay_order.ReplayOrder` in a file, it reads and writes what that says. `holds` says
    which versions of behaviour hold where; if it is not given, the topic does.

    Raises:
        CommandError: there is no such run, the client failed, or the job failed or did not end in time. One that did
            not end in time, or whose command is interrupted, is cancelled.
    """
    if name not in JOBS:
        raise CommandError(
            f"{name} has no bounded run",
            hint=f"Jobs: {', '.join(JOBS)}. Ingest would append to Bronze what is there already",
            code=Exit.USAGE,
        )
    rules(settings)
    deadline = time.monotonic() + timeout_s
    with FlinkRest(settings.flink.url) as rest:
        suffix = f"-{replay.stem}" if replay else BOUNDED_SUFFIX
        if rest.job(name + suffix):
            raise CommandError(f"{name}{suffix} runs already", code=Exit.USAGE)
        environment = _ENVIRONMENT | ({"POLYGLOT_FLINK__REPLAY": str(replay)} if replay else {})
        modules = [f"flink_jobs.{name}"]
        (found,) = flink_run(settings, console, modules, suffix, environment=environment, holds=holds)
        with console.progress(f"{found.name} runs", None):
            try:
                return _ended(rest, found, deadline)
            except KeyboardInterrupt:
                rest.cancel(found.id)
                raise


def _ended(rest: FlinkRest, job: JobInfo, deadline: float) -> JobInfo:
    while time.monotonic() < deadline:
        now = next(one for one in rest.jobs() if one.id == job.id)
        if now.state == "FINISHED":
            return now
        if now.state not in LIVE:
            raise CommandError(f"{job.name} is {now.state}\n{rest.exceptions(job.id)[:3000]}")
        time.sleep(_POLL_S)
    rest.cancel(job.id)
    raise CommandError(f"{job.name} did not end in time and was cancelled", code=Exit.TIMEOUT)
