"""What an upgrade comes to in calls of Flink's own command line, for those who would rather type them."""

from __future__ import annotations

import shlex

from operations.runs import known
from operations.upgrade.apply import Wish
from runtime.config import Settings
from runtime.flink_rest import FlinkRest


def calls(settings: Settings, wish: Wish) -> list[str]:
    """Return the calls, with the ids of the jobs that run now; ``SAVEPOINT`` is what the first ones print."""
    target = settings.savepoints_uri
    manager = f"{settings.flink.host}:{settings.flink.rest_port}"
    with FlinkRest(settings.flink.url) as rest:
        running = {job.name: job.id for job in rest.jobs(live=True)}
    lines = [
        shlex.join(
            ["flink", "stop", "-m", manager, "--savepointPath", target, running.get(name, f"({name} does not run)")]
        )
        for name in wish.names
    ]
    lines += [f"export {key}={shlex.quote(value)}" for key, value in wish.release.environment().items()]
    for name in wish.names:
        width = wish.widths.get(name) or known(settings, name).parallelism or settings.flink.parallelism
        lines.append(f"flink run -m {manager} --detached -p {width} -s SAVEPOINT-OF-{name} -pym flink_jobs.{name}")
    return lines
