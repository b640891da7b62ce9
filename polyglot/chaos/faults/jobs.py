"""Jobs that are stopped in order: with a savepoint, for long, at another parallelism."""

from __future__ import annotations

from polyglot.chaos.faults.feeds import HORIZON_S, SKEW_S
from polyglot.chaos.target import Target
from polyglot.jobs import JOBS
from polyglot.jobs.lifecycle import savepoint


def rescale(target: Target) -> str:
    """Stop with a savepoint and resume at another parallelism, twice: 1 → 2 → 1."""
    job = target.dice.choice(JOBS)
    for degree in (2, 1):
        target.await_jobs(job)
        path = savepoint(target.settings, job)
        target.parallelism[job] = degree
        target.submit("--from-savepoint", path, jobs=[job])
    return f"{job} 1 → 2 → 1"


def stop_past_horizon(target: Target) -> str:
    """Stop a job with a savepoint for longer, in event time, than horizon and skew; then resume it with its backlog."""
    job = target.dice.choice(JOBS)
    target.await_jobs(job)
    if target.feed is None:
        raise RuntimeError("no round has begun")
    path = savepoint(target.settings, job)
    began, longest = target.fed(), HORIZON_S + SKEW_S
    target.await_fed(began + 1.1 * longest / target.feed.seconds)
    down_s = (target.fed() - began) * target.feed.seconds
    target.submit("--from-savepoint", path, jobs=[job])
    return f"{job} for {down_s:.0f} s of event time ({longest:.0f} is the horizon)"
