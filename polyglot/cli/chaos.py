"""``polyglot chaos``: faults on the local stack, and the proof that they changed nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from polyglot.cli import JsonOption
from polyglot.config import Settings
from polyglot.console import EXIT_CODES_HELP, Console, Exit

PANEL = "Proof"
_EXAMPLES = """\
Examples:

    polyglot chaos --seed 1 --minutes 5

    polyglot chaos --seed 1 --rounds 10 --minutes 60 --report var/report/chaos.json
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel=PANEL, help=f"{chaos.__doc__}\n\n{_EXAMPLES}\n\n{EXIT_CODES_HELP}")(chaos)


def chaos(
    seed: Annotated[int, typer.Option(help="Seed of the first round; the next ones count up.")] = 1,
    minutes: Annotated[float, typer.Option(help="Begin no round after this many minutes.")] = 10.0,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds at most.")] = 1000,
    faults: Annotated[int, typer.Option(min=0, help="Faults per round.")] = 5,
    frames: Annotated[int, typer.Option(min=5000, help="Frames per round.")] = 50_000,
    report: Annotated[Path | None, typer.Option(help="JSON report; default var/report/chaos.json.")] = None,
    json_output: JsonOption = False,
) -> None:
    """Kill, stall, pause, rescale and stop parts of a fresh local stack under load; then drain, count and verify.

    An earlier local stack is stopped and its data deleted; the new one is left running. Exits with 1 if anything was
    lost or a byte differs.
    """
    from polyglot.chaos import campaign  # noqa: PLC0415 - keeps --help instant

    settings, console = Settings(), Console(json_output=json_output)
    found = campaign.run(settings, console, seed, minutes, rounds, faults, frames)
    target = report or settings.var_dir / "report" / "chaos.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps({"conditions": campaign.describe(), **found}, indent=2) + "\n")
    _show(console, found)
    console.result(found)
    console.info(f"report: {target}")
    if not found["passed"]:
        console.error("something was lost, or stream and replay differ: see the report")
        raise typer.Exit(Exit.FAILED)
    console.success(f"{found['faults']} faults in {len(found['rounds'])} rounds: 0 differences, nothing lost")


def _show(console: Console, found: dict[str, Any]) -> None:
    rows = [
        [
            one["seed"],
            ", ".join(hit["fault"] for hit in one["faults"]),
            f"{one['counts']['raw']:,}",
            f"{one['verify']['records']:,}",
            one["verify"]["differences"],
            one["lost"],
            one["topics"]["missing_sequence_numbers"] + one["topics"]["conflicting_copies"],
            "holds" if one["passed"] else "BROKEN",
        ]
        for one in found["rounds"]
    ]
    columns = ["seed", "faults", "raw so far", "verified", "differences", "lost", "in the topics", "verdict"]
    console.table(columns, rows, title="rounds")
