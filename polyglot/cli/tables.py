"""``polyglot tables``: what is in the lake's tables, their upkeep, and how a lost one is made again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from polyglot.cli import JsonOption, help_with
from polyglot.cli._signals import until_stopped
from polyglot.cli.replay import spark
from runtime.config import Settings
from runtime.console import EXIT_CODES_HELP, CommandError, Console, Exit
from schemas.domains import domains

if TYPE_CHECKING:
    from batch.maintenance.conditions import Condition
    from schemas.domains import Table

PANEL = "Data"
NameArgument = Annotated[list[str] | None, typer.Argument(metavar="TABLE…", help="Only these; by default all.")]


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(
        no_args_is_help=True,
        help=f"The lake's tables: what is in them, what is due, and doing it.\n\n{EXIT_CODES_HELP}",
        rich_markup_mode="markdown",
    )
    for name, command, examples in (
        ("ls", ls, "polyglot tables ls\n\npolyglot tables ls bronze_raw --json"),
        ("maintain", maintain, "polyglot tables maintain --dry-run\n\npolyglot tables maintain gold_bar"),
        ("rebuild", rebuild, "polyglot tables rebuild silver_trade gold_bar"),
    ):
        group.command(name, help=help_with(command, *examples.split("\n\n")))(command)
    app.add_typer(group, name="tables", rich_help_panel=PANEL)


def ls(names: NameArgument = None, json_output: JsonOption = False) -> None:
    """Show each table's files and what is due: small files, log files, what was replaced, when a service ran last.

    The bounds are in schemas/domains.toml. Only names of files are read, so it costs nothing beside a running stream.
    """
    settings, console = Settings(), Console(json_output=json_output)
    found = _look(settings, _tables(names))
    _show(console, found)
    console.result([one.document() for one in found])


def maintain(
    names: NameArgument = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what is due, and do nothing.")] = False,
    watch: Annotated[float, typer.Option(min=0, help="Stay, and look every so many seconds (0: once).")] = 0.0,
    json_output: JsonOption = False,
) -> None:
    """Do what is due, beside the running stream: compaction, clustering, cleaning.

    What an earlier run left unfinished is finished first. Two runs at once are refused. Spark runs only while something
    is due.
    """
    settings, console = Settings(), Console(json_output=json_output)
    tables = _tables(names)
    if watch:
        if json_output or dry_run:
            raise CommandError("--watch has no end: neither --json nor --dry-run goes with it", code=Exit.USAGE)
        stop = until_stopped()
        while not stop.is_set():
            if any(one.due for one in _look(settings, tables)):
                _carry_out(settings, console, tables)
            stop.wait(watch)
        return
    before = _look(settings, tables)
    due = {one.table: list(one.due) for one in before if one.due}
    if dry_run or not due:
        _show(console, before)
        console.result({"dry_run": dry_run, "done": {}, "due": due})
        console.info("nothing is due" if not due else "; ".join(f"{name}: {', '.join(due[name])}" for name in due))
        return
    done = _carry_out(settings, console, tables)
    after = _look(settings, tables)
    _show(console, after)
    console.result({"dry_run": False, "done": done, "due": {one.table: list(one.due) for one in after if one.due}})


def rebuild(
    names: Annotated[list[str], typer.Argument(metavar="TABLE…", help="Which: of Silver, or Gold's bars.")],
    json_output: JsonOption = False,
) -> None:
    """Make tables that are gone again, by a replay of all of Bronze.

    Their jobs must stand still, stopped with a savepoint after `polyglot drain`; they go on from it afterwards. A table
    that is there is never replaced: delete its folder first.
    """
    from batch.maintenance.rebuild import TableThereError  # noqa: PLC0415 - keeps --help instant
    from batch.maintenance.rebuild import rebuild as make_again  # noqa: PLC0415
    from operations.rebuilding import demand_rest  # noqa: PLC0415
    from runtime.quality import rules  # noqa: PLC0415
    from runtime.readers.releases import schedule  # noqa: PLC0415

    settings, console = Settings(), Console(json_output=json_output)
    tables = _tables(names)
    runs = demand_rest(settings, tables)
    scratch = settings.replays_dir / "rebuild"
    try:
        with spark(settings, console, "rebuild") as session:
            found = make_again(
                session, settings.lake_uri, tables, scratch, runs, quality=rules(settings), schedule=schedule(settings)
            )
    except TableThereError as error:
        raise CommandError(str(error), hint="a table that is there is not replaced", code=Exit.USAGE) from None
    console.table(["table", "rows"], [[name, f"{count:,}"] for name, count in found.items()])
    console.result(found)
    console.success("the jobs go on with: polyglot submit")


def _carry_out(settings: Settings, console: Console, tables: list[Table]) -> dict[str, list[str]]:
    from batch.maintenance.rounds import MaintenanceBusyError, alone  # noqa: PLC0415 - keeps --help instant
    from batch.maintenance.rounds import maintain as carry_out  # noqa: PLC0415
    from runtime.object_store import open_lake  # noqa: PLC0415

    try:
        with alone(settings.var_dir), spark(settings, console, "maintain") as session:
            done = carry_out(session, open_lake(settings), tables, console.info)
    except MaintenanceBusyError as error:
        raise CommandError(str(error), code=Exit.FAILED) from None
    console.success(f"{sum(map(len, done.values()))} services were run")
    return done


def _tables(names: list[str] | None) -> list[Table]:
    known = domains().tables
    if unknown := [name for name in names or () if name not in known]:
        raise CommandError(f"there is no table {unknown[0]}", hint=f"known: {', '.join(known)}", code=Exit.USAGE)
    return [known[name] for name in names] if names else list(known.values())


def _look(settings: Settings, tables: list[Table]) -> list[Condition]:
    from batch.maintenance.rounds import look  # noqa: PLC0415
    from batch.maintenance.table_files import LayoutError  # noqa: PLC0415 - keeps --help instant
    from runtime.object_store import open_lake  # noqa: PLC0415

    try:
        return look(open_lake(settings), tables)
    except LayoutError as error:
        raise CommandError(f"a table cannot be read: {error}", code=Exit.FAILED) from None


def _show(console: Console, found: list[Condition]) -> None:
    console.table(
        ["table", "files", "MB", "small", "logs", "most in a group", "replaced", "MB", "last service", "due"],
        [
            [
                one.table,
                f"{one.files:,}",
                f"{one.bytes / 1e6:,.1f}",
                f"{one.small_files:,} ({one.small_share:.0%})",
                f"{one.log_files:,}",
                str(one.most_log_files),
                f"{one.stale_files:,}",
                f"{one.stale_bytes / 1e6:,.1f}",
                max(one.last.values()) or "never",
                ", ".join(one.due),
            ]
            for one in found
        ],
    )
