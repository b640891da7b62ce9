"""A job that is a cluster of its own (Flink's application mode) starts itself, and nobody here submits it.

PythonDriver -pym operations.application JOB

So what `submit` does for the jobs of a session cluster happens in the JobManager: it finds from where newer versions of
the job's behaviour hold, records that before the job starts, and hands it to the job. Started once more, as after the
loss of its JobManager, the same release finds that everything is recorded.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from py4j.protocol import Py4JJavaError

from flink_jobs import environment
from flink_jobs.environment import Job
from flink_jobs.saved import contents
from operations.cutovers import Cut, Places, planned, record
from operations.jobs import JOBS
from operations.lifecycle import FRAMES
from operations.releases import pack
from runtime.console import CommandError
from runtime.readers.releases import schedule
from savepoints.saved import Saved
from schemas.versions import Schedule


def main(arguments: Sequence[str]) -> None:
    """Build the job, record from where its versions hold, and run it."""
    if len(arguments) != 1 or arguments[0] not in JOBS:
        sys.exit(f"operations.application takes one of {', '.join(JOBS)}")
    environment.held = []
    importlib.import_module(f"flink_jobs.{arguments[0]}").main()
    (job,) = environment.held
    try:
        found = versions(job)
    except CommandError as error:
        sys.exit(f"{job.name} cannot start: {error}" + (f" ({error.hint})" if error.hint else ""))
    job.run(versions=found.text())


def versions(job: Job) -> Schedule:
    """Return which versions hold once the job has started; what is new of that is recorded.

    A run that has an end repeats what was computed, and changes nothing.

    Raises:
        CommandError: the broker does not answer, or a version holds that this code does not have.
    """
    if job.settings.flink.bounded or job.settings.flink.replay:
        return schedule(job.settings)
    found, new = planned(job.settings, pack(job.settings), [job.name], Cut(), {job.name: _read(job.origin)})
    record(job.settings, new)
    for one in new:
        print(f"recorded: version {one['version']} of {one['family']}")  # noqa: T201 - for who reads the log
    return found


def _read(origin: str) -> Places:
    """Return the offset behind which a checkpoint or savepoint has read nothing, by partition of the raw topics.

    What cannot be read is Flink's to complain of: where it keeps the state of a lost JobManager, it asks for no more.
    """
    if not origin:
        return {}
    try:
        return Saved.of(contents(origin)).offsets.get(FRAMES, {})
    except Py4JJavaError:
        return {}


if __name__ == "__main__":
    main(sys.argv[1:])
