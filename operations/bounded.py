"""Bounded runs: a job reads its topics from the beginning to where they end now, writes what comes of it, and ends.

What it writes are the bytes that the live job wrote, so consumers drop them by ``entity_seq`` or by version. It writes
to topics alone: the stores tail the topics anyway, and Bronze would get every row once more, so ingest has no such run.
"""

from __future__ import annotations

import time

from operations.lifecycle import flink_run
from runtime.config import BOUNDED_SUFFIX, Settings
from runtime.console import CommandError, Console, Exit
from runtime.flink_rest import LIVE, FlinkRest, JobInfo
from runtime.quality import rules

JOBS = ("normalize", "analytics")
_ENVIRONMENT = {
    "POLYGLOT_FLINK__BOUNDED": "true",
    "POLYGLOT_LAKE__ENABLED": "false",
    "POLYGLOT_CLICKHOUSE__ENABLED": "false",
}
_POLL_S = 0.5


def run(settings: Settings, console: Console, name: str, timeout_s: float) -> JobInfo:
    """Run a job until it has finished; return it.

    Raises:
        CommandError: there is no such run, the client failed, or the job failed or did not end in time. One that did
            not end in time is cancelled.
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
        if rest.job(name + BOUNDED_SUFFIX):
            raise CommandError(f"{name}{BOUNDED_SUFFIX} runs already", code=Exit.USAGE)
        (found,) = flink_run(settings, [f"flink_jobs.{name}"], BOUNDED_SUFFIX, environment=_ENVIRONMENT)
        with console.progress(f"{found.name} runs", None):
            return _ended(rest, found, deadline)


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
