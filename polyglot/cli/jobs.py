"""``polyglot submit``, ``jobs``, ``drain`` and ``query``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from polyglot.cli import JsonOption, help_with
from runtime.config import Settings
from runtime.console import CommandError, Console, Exit

PANEL = "Jobs"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command, examples in (
        (
            submit,
            "polyglot submit\n\npolyglot submit analytics --from-savepoint PATH\n\npolyglot submit normalize --bounded",
        ),
        (jobs, "polyglot jobs\n\npolyglot jobs --json"),
        (drain, "polyglot drain\n\npolyglot drain --timeout 300"),
        (
            query,
            'polyglot query "select * from bars_latest order by window_start desc limit 5"\n\n'
            'polyglot query --json "select count() from bars" | jq ".rows[0][0]"',
        ),
    ):
        app.command(rich_help_panel=PANEL, help=help_with(command, *examples.split("\n\n")))(command)


def submit(
    names: Annotated[list[str] | None, typer.Argument(metavar="[JOB]...", help="Default: all.")] = None,
    from_savepoint: Annotated[str, typer.Option(help="Restore one job from this savepoint or checkpoint.")] = "",
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Start from the beginning of the topics, without state.")
    ] = False,
    bounded: Annotated[
        bool,
        typer.Option(
            "--bounded",
            help="Read the topics from their beginning to where they end now, write to topics only, and end.",
        ),
    ] = False,
    skip_expired: Annotated[
        bool,
        typer.Option("--skip-expired", help="Where retention has cut what a job has not read, go on behind that."),
    ] = False,
    fill: Annotated[
        bool, typer.Option("--fill", help="Have normalize read Bronze's copy of what retention has cut before it.")
    ] = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for a bounded run, or for Bronze.")] = 3600.0,
    json_output: JsonOption = False,
) -> None:
    """Submit the jobs through `flink run`, each from its last checkpoint; what runs already is left alone."""
    from operations.bounded import JOBS as BOUNDED  # noqa: PLC0415
    from operations.bounded import run  # noqa: PLC0415
    from operations.expired import FILLED  # noqa: PLC0415
    from operations.jobs import JOBS  # noqa: PLC0415 - keeps --help instant
    from operations.lifecycle import submit as start  # noqa: PLC0415
    from operations.upgrade.history import alone  # noqa: PLC0415

    console = Console(json_output=json_output)
    wanted = names or list(JOBS)
    if unknown := sorted(set(wanted) - set(JOBS)):
        raise CommandError(f"no such job: {', '.join(unknown)}", hint=f"Jobs: {', '.join(JOBS)}", code=Exit.USAGE)
    if from_savepoint and len(wanted) != 1:
        raise CommandError("a savepoint belongs to one job: name it", code=Exit.USAGE)
    if bounded:
        if from_savepoint or fresh or fill or skip_expired:
            raise CommandError("a bounded run has no state to begin with", code=Exit.USAGE)
        ended = [run(Settings(), console, name, timeout) for name in names or BOUNDED]
        console.table(["job", "id", "state"], [[job.name, job.id, job.state] for job in ended])
        console.result([vars(job) for job in ended])
        return
    if fill and (wanted != [FILLED] or fresh or from_savepoint):
        raise CommandError(f"--fill is for {FILLED} alone, from its last checkpoint", code=Exit.USAGE)
    settings = Settings()
    with alone(settings):
        if fill or skip_expired:
            _end_stuck(settings, wanted)
        folder = _fill(settings, console, timeout) if fill else None
        done = start(
            settings, console, wanted,
            from_savepoint=from_savepoint, fresh=fresh, skip_expired=skip_expired, fill=folder,
        )  # fmt: skip
    console.table(
        ["job", "id", "restored from"],
        [[s.name, s.job_id, "already running" if s.already_running else s.restored_from or "-"] for s in done],
    )
    console.result([vars(s) for s in done])


def _end_stuck(settings: Settings, names: list[str]) -> None:
    """Cancel those of the jobs that try in vain to go on in topics that do not have what they want to read."""
    from operations.expired import cuts  # noqa: PLC0415
    from operations.upgrade.apply import cancel  # noqa: PLC0415
    from runtime.flink_rest import FlinkRest  # noqa: PLC0415

    with FlinkRest(settings.flink.url) as rest:
        trying = {job.name: job for job in rest.jobs(live=True) if job.name in names and not job.running}
        stuck = {cut.job for cut in cuts(settings, trying)} if trying else set()
        cancel(rest, [trying[name] for name in sorted(stuck)])


def _fill(settings: Settings, console: Console, timeout: float) -> Path | None:
    from batch.replaying.fill import extract  # noqa: PLC0415
    from batch.spark.bronze import read_bronze  # noqa: PLC0415
    from operations.drain import await_bronze  # noqa: PLC0415
    from operations.expired import FILLED, cuts, fill  # noqa: PLC0415
    from polyglot.cli.replay import spark  # noqa: PLC0415
    from runtime.flink_rest import FlinkRest  # noqa: PLC0415

    with FlinkRest(settings.flink.url) as rest:
        if rest.job(FILLED):
            raise CommandError(f"{FILLED} runs", hint=f"Stop it first: polyglot savepoint {FILLED} --stop")
    if not cuts(settings, [FILLED]):
        console.info("retention has cut nothing that is not read yet")
        return None
    await_bronze(settings, console, timeout)
    with spark(settings, console, "fill") as session:
        files = read_bronze(session, settings.lake_uri).inputFiles()
        folder, count = fill(settings, lambda spans, where: extract(files, spans, where))
    console.info(f"Bronze has {count:,} records of what {FILLED} has not read")
    return folder


def jobs(json_output: JsonOption = False) -> None:
    """List the cluster's jobs, newest first, and why one that failed did."""
    from runtime.flink_rest import TROUBLED, FlinkRest  # noqa: PLC0415

    console = Console(json_output=json_output)
    with FlinkRest(Settings().flink.url) as rest:
        found = rest.jobs()
        causes = {j.id: rest.cause(j.id) for j in found if j.state in TROUBLED}
    console.table(
        ["job", "state", "tasks running", "id", "cause"],
        [
            [j.name, j.state, f"{j.tasks.get('running', 0)}/{j.tasks.get('total', 0)}", j.id, causes.get(j.id, "")]
            for j in found
        ],
    )
    console.result([{**vars(j), "cause": causes.get(j.id, "")} for j in found])


def drain(
    timeout: Annotated[float, typer.Option(help="Seconds to wait.")] = 900.0, json_output: JsonOption = False
) -> None:
    """Wait until everything that was fed has come through to every topic and store."""
    from operations.drain import drain as wait  # noqa: PLC0415
    from operations.repairs import count_open  # noqa: PLC0415

    settings, console = Settings(), Console(json_output=json_output)
    seconds = wait(settings, console, timeout)
    requests = count_open(settings)
    console.result({"seconds": round(seconds, 1), "open_repair_requests": requests})
    console.success(f"drained in {seconds:.1f} s")
    if requests:
        console.warn(f"{requests:,} repair requests are open: polyglot repair answers them")


def query(
    sql: Annotated[str, typer.Argument(help="A ClickHouse query; tables are in the configured database.")],
    limit: Annotated[int, typer.Option(help="Rows shown at most.")] = 100,
    json_output: JsonOption = False,
) -> None:
    """Run a query on ClickHouse and show its rows.

    In JSON, integers that any reader keeps are numbers, NULL is null; decimals, larger integers and times are texts.
    """
    from clickhouse_connect.driver.exceptions import ClickHouseError  # noqa: PLC0415

    from runtime.clickhouse.client import connect  # noqa: PLC0415
    from runtime.clickhouse.values import plain, shown  # noqa: PLC0415

    console, client = Console(json_output=json_output), connect(Settings())
    try:
        found = client.query(sql)
    except ClickHouseError as error:
        raise CommandError(str(error)) from error
    finally:
        client.close()
    rows = found.result_rows[:limit]
    console.table(list(found.column_names), [list(map(shown, row)) for row in rows])
    console.result({"columns": list(found.column_names), "rows": [plain(row) for row in rows]})
    if len(found.result_rows) > limit:
        console.warn(f"{len(found.result_rows) - limit:,} further rows are not shown: use --limit")
