"""``polyglot chaos``: faults on the local stack, and the proof that they changed nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from polyglot.cli import JsonOption
from runtime.config import Settings
from runtime.console import EXIT_CODES_HELP, CommandError, Console, Exit

PANEL = "Proof"
_EXAMPLES = """\
Examples:

    polyglot chaos --seed 1 --minutes 5

    polyglot chaos --seed 3 --rounds 2 --report var/report/chaos.json --append

    polyglot chaos --campaign 1000 --resume --minutes 480

    polyglot chaos --rounds 1 --capture usdm_btcusdt.gz --fault kill-broker --fault rescale
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel=PANEL, help=f"{chaos.__doc__}\n\n{_EXAMPLES}\n\n{EXIT_CODES_HELP}")(chaos)


def chaos(
    seed: Annotated[int, typer.Option(min=0, max=50_000, help="Seed of the first round; the next ones count up.")] = 1,
    minutes: Annotated[
        float | None, typer.Option(help="Begin no round after this many minutes; default 10, of a campaign: never end.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds at most.")] = 1000,
    faults: Annotated[int, typer.Option(min=0, help="Faults per round.")] = 5,
    campaign: Annotated[
        int, typer.Option(metavar="N", min=0, help="Go on until N faults have been survived, over all runs.")
    ] = 0,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on behind the last round of the report, and add to it.")
    ] = False,
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
    from devstack.chaos import campaign as campaigns  # noqa: PLC0415 - keeps --help instant
    from devstack.chaos import report as reports  # noqa: PLC0415
    from devstack.chaos.faults import FAULTS  # noqa: PLC0415

    settings, console = Settings(), Console(json_output=json_output)
    names = fault or list(FAULTS)
    if unknown := sorted(set(names) - set(FAULTS)):
        raise CommandError(f"no such fault: {unknown[0]}", hint=f"Faults: {', '.join(FAULTS)}", code=Exit.USAGE)
    target = report or settings.var_dir / "report" / "chaos.json"
    earlier, runs = reports.load(target) if append or resume else ([], [])
    first = max([seed, *(one["seed"] + 1 for one in earlier)]) if resume else seed
    limit = minutes if minutes is not None else float("inf") if campaign else 10.0
    order = campaigns.Order(first, limit, rounds, faults, frames, tuple(capture or ()), tuple(names), campaign)

    def tell(done: list[dict[str, Any]]) -> None:
        """Write what is known: the machine may go down in the night."""
        reports.write(target, reports.summary(earlier + done, [*runs, reports.run(order.command(), done)]))

    done = campaigns.run(settings, console, order, survived=reports.survived(earlier), tell=tell)
    found = reports.summary(earlier + done, [*runs, reports.run(order.command(), done)] if done else runs)
    reports.write(target, found)
    console.table(list(reports.COLUMNS), [reports.row(one) for one in found["rounds"]], title="rounds")
    console.result(found)
    console.info(f"report: {target}")
    if not (found["rounds"] and all(one["passed"] for one in done)) or not (resume or found["passed"]):
        console.error("something was lost, or stream and replay differ: see the report")
        raise typer.Exit(Exit.FAILED)
    console.success(f"{found['faults']} faults in {found['rounds_run']} rounds: 0 differences, nothing lost")
    if campaign > found["faults_survived"]:
        console.info(f"{campaign - found['faults_survived']} more to survive: the same command with --resume goes on")
