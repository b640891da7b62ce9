"""``polyglot chaos``: faults on the local stack, and the proof that they changed nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from polyglot.cli import JsonOption
from runtime.config import Settings
from runtime.console import EXIT_CODES_HELP, CommandError, Console, Exit

PANEL = "Proof"
_EXAMPLES = """\
Examples:

    polyglot chaos --seed 1 --minutes 5

    polyglot chaos --seed 3 --rounds 2 --report var/report/chaos.json --append

    polyglot chaos --rounds 1 --capture usdm_btcusdt.gz --fault kill-broker --fault rescale
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel=PANEL, help=f"{chaos.__doc__}\n\n{_EXAMPLES}\n\n{EXIT_CODES_HELP}")(chaos)


def chaos(
    seed: Annotated[int, typer.Option(min=0, max=50_000, help="Seed of the first round; the next ones count up.")] = 1,
    minutes: Annotated[float, typer.Option(help="Begin no round after this many minutes.")] = 10.0,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds at most.")] = 1000,
    faults: Annotated[int, typer.Option(min=0, help="Faults per round.")] = 5,
    frames: Annotated[int, typer.Option(min=5000, help="Frames per round.")] = 48_000,
    capture: Annotated[
        list[Path] | None, typer.Option(metavar="F", help="Captured frames of one venue instead of simulated ones.")
    ] = None,
    fault: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only these faults; default: all.")] = None,
    report: Annotated[Path | None, typer.Option(help="JSON report; default var/report/chaos.json.")] = None,
    append: Annotated[bool, typer.Option("--append", help="Add to the rounds that the report has already.")] = False,
    json_output: JsonOption = False,
) -> None:
    """Kill, stall, pause, rescale and stop parts of a fresh local stack under load; then drain, count and verify.

    An earlier local stack is stopped and its data deleted; the new one is stopped at the end and keeps its data. Exits
    with 1 if anything was lost or a byte differs.
    """
    from devstack.chaos import campaign  # noqa: PLC0415 - keeps --help instant
    from devstack.chaos import report as reports  # noqa: PLC0415
    from devstack.chaos.faults import FAULTS  # noqa: PLC0415

    settings, console = Settings(), Console(json_output=json_output)
    names = fault or list(FAULTS)
    if unknown := sorted(set(names) - set(FAULTS)):
        raise CommandError(f"no such fault: {unknown[0]}", hint=f"Faults: {', '.join(FAULTS)}", code=Exit.USAGE)
    target = report or settings.var_dir / "report" / "chaos.json"
    earlier, runs = reports.load(target) if append else ([], [])
    order = campaign.Order(seed, minutes, rounds, faults, frames, tuple(capture or ()), tuple(names))
    done = campaign.run(settings, console, order)
    found = reports.summary(earlier + done, [*runs, reports.run(order.command(), done)])
    reports.write(target, found)
    console.table(list(reports.COLUMNS), [reports.row(one) for one in found["rounds"]], title="rounds")
    console.result(found)
    console.info(f"report: {target}")
    if not found["passed"]:
        console.error("something was lost, or stream and replay differ: see the report")
        raise typer.Exit(Exit.FAILED)
    console.success(f"{found['faults']} faults in {found['rounds_run']} rounds: 0 differences, nothing lost")
