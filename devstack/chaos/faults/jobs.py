"""Jobs that are stopped in order: with a savepoint, for long, at another parallelism."""

from __future__ import annotations

from devstack.chaos.faults.feeds import HORIZON_S, SKEW_S
from devstack.chaos.target import NotApplicableError, Target
from operations.jobs import JOBS
from operations.lifecycle import savepoint


def rescale(target: Target) -> str:
    """Stop with a savepoint and resume at another parallelism, twice: 1 → 2 → 1. The jobs take turns."""
    job = target.choose(JOBS)
    for degree in (2, 1):
        target.await_jobs(job)
        if degree == 2:
            target.demand_load()
        target.restart(job, degree)
    return f"{job} 1 → 2 → 1"


def stop_past_horizon(target: Target) -> str:
    """Stop a job with a savepoint for longer, in event time, than horizon and skew; then resume it with its backlog."""
    job = target.choose(JOBS)
    target.await_jobs(job)
    if target.feed is None:
        raise RuntimeError("no round has begun")
    longest = HORIZON_S + SKEW_S
    share = 1.1 * longest / target.feed.seconds
    if target.demand_load() + share > 1.0:
        raise NotApplicableError(f"the feed is over in less than {longest:.0f} s of event time")
    path = savepoint(target.settings, job)
    began = target.fed()
    target.await_fed(began + share)
    down_s = (target.fed() - began) * target.feed.seconds
    target.submit("--from-savepoint", path, jobs=[job])
    if down_s <= longest:
        raise NotApplicableError(f"the feed was over after {down_s:.0f} s of event time")
    return f"{job} for {down_s:.0f} s of event time ({longest:.0f} is the horizon)"
