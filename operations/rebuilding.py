"""Whether lost tables can be made again: their jobs stand still, and have read what Bronze has."""

from __future__ import annotations

from collections.abc import Sequence

from operations.jobs import EVERY_STAGE
from operations.runs import known
from runtime.config import Settings
from runtime.console import CommandError, Exit
from runtime.flink_rest import FlinkRest
from runtime.offsets import OffsetReader, lag
from schemas.domains import Table

#: A table's sink tails its topic as a consumer group of this name.
_WRITERS = {stage.group: stage.job for stage in EVERY_STAGE}


def writer(table: Table) -> str:
    """Return the job that writes to a table.

    Raises:
        CommandError: none that tails a topic; says how else the table is made again.
    """
    if job := _WRITERS.get(f"polyglot-{table.name}"):
        return job
    again = (
        "`polyglot submit ingest --fresh` reads the raw topics from their beginning"
        if table.contract is None
        else "`polyglot adjust` writes what it lacks"
    )
    raise CommandError(f"{table.name} is not made again out of Bronze", hint=again, code=Exit.USAGE)


def demand_rest(settings: Settings, tables: Sequence[Table]) -> list[str]:
    """Return the ids of all runs of the jobs that write to these tables; none runs now, and nothing is behind.

    Raises:
        CommandError: a job runs, or has not read all that there is.
    """
    jobs = {writer(table) for table in tables}
    with FlinkRest(settings.flink.url) as rest:
        live = sorted({job.name for job in rest.jobs(live=True)} & jobs)
    if live:
        hint = f"polyglot drain, and then: polyglot savepoint {' '.join(live)} --stop"
        raise CommandError(f"{' and '.join(live)} would write to them meanwhile", hint=hint)
    reader = OffsetReader(settings)
    for stage in EVERY_STAGE:
        if "clickhouse" in stage.group:
            continue
        ends = reader.ends(stage.reads)
        committed = reader.committed(stage.group, ends)
        if lag(ends, committed) and (behind := lag(reader.unread(ends, committed), committed)):
            hint = "stop what feeds; start the jobs (polyglot submit), polyglot drain, and stop them again"
            raise CommandError(f"{stage.group} is {behind:,} records behind", hint=hint)
    return [run for job in sorted(jobs) for run in known(settings, job).job_ids]
