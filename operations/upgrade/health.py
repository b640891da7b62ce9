"""Whether jobs that were just started do what they should: run, save state, get on, and reject nothing new."""

from __future__ import annotations

import time
from collections.abc import Sequence

from operations.jobs import EVERY_STAGE
from operations.upgrade.rejections import Rejections
from runtime.config import Settings
from runtime.console import Console, Tracker
from runtime.flink_rest import FlinkRest, JobInfo, innermost
from runtime.offsets import OffsetReader, lag

_POLL_S = 1.0
_FINE = ("INITIALIZING", "CREATED", "RUNNING")
#: A consumer that is fewer records behind than this is not held to get on: nothing may be coming.
_FEW = 1_000


def not_running(rest: FlinkRest, jobs: Sequence[JobInfo], seconds: float) -> str:
    """Wait until all tasks of the jobs run; return what is wrong, at once when it is seen, or an empty string."""
    deadline, left = time.monotonic() + seconds, list(jobs)
    while left and time.monotonic() < deadline:
        for job in left:
            if found := _broken(rest, job):
                return found
        running = {job.id for job in rest.jobs() if job.running}
        left = [job for job in left if job.id not in running]
        time.sleep(_POLL_S / 4)
    return f"{left[0].name} does not run after {seconds:.0f} s" if left else ""


def unhealthy(
    settings: Settings,
    console: Console,
    rest: FlinkRest,
    jobs: Sequence[JobInfo],
    seconds: float,
    before: Rejections,
    tracker: Tracker,
) -> str:
    """Watch jobs for a while; return what is wrong with them, at once when it is seen, or an empty string.

    A job must run without an exception, complete checkpoints, and get on where it is behind; and it must not reject
    more than was rejected `before`. A few records that are rejected for a new reason are only a warning.
    """
    began, offsets = time.monotonic(), OffsetReader(settings)
    first = _committed(offsets, jobs)
    while (passed := time.monotonic() - began) < seconds:
        tracker.describe(f"{passed:.0f} of {seconds:.0f} s")
        for job in jobs:
            if found := _broken(rest, job):
                return found
        time.sleep(_POLL_S)
    for job in jobs:
        counts = rest.checkpoints(job.id)
        if not counts["completed"]:
            return f"{job.name} has completed no checkpoint in {seconds:.0f} s ({counts['failed']} failed)"
    last = _committed(offsets, jobs)
    for stage in EVERY_STAGE:
        committed = last.get(stage.group)
        behind = lag(offsets.ends(stage.reads), committed) if committed is not None else 0
        if behind > _FEW and committed == first.get(stage.group):
            return f"{stage.job} does not get on: {stage.group} is {behind:,} records behind and has read none"
    rejected = Rejections.now(settings)
    if more := rejected.excess(before):
        return str(more[0])
    for one in rejected.new(before):
        console.warn(f"{one}. See: polyglot deadletters ls")
    return ""


def _broken(rest: FlinkRest, job: JobInfo) -> str:
    now = next((one for one in rest.jobs() if one.id == job.id), None)
    if now is None:
        return f"the cluster does not know {job.name} any more"
    if cause := rest.exceptions(job.id):
        return f"{job.name} failed: {innermost(cause)}"
    if now.state in _FINE:
        return ""
    cause = rest.cause(job.id)  # it is told later than the state
    return f"{job.name} failed: {cause}" if cause else f"{job.name} is {now.state}"


def _committed(offsets: OffsetReader, jobs: Sequence[JobInfo]) -> dict[str, dict[tuple[str, int], int]]:
    names = {job.name for job in jobs}
    stages = [stage for stage in EVERY_STAGE if stage.job in names]
    return {stage.group: offsets.committed(stage.group, offsets.ends(stage.reads)) for stage in stages}
