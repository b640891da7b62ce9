"""``polyglot retention``: what topics may lose, and cutting it."""

from __future__ import annotations

from collections import defaultdict
from typing import Annotated

import typer

from polyglot.cli import JsonOption
from runtime.config import Settings
from runtime.console import EXIT_CODES_HELP, Console

PANEL = "Data"
_EXAMPLES = "Examples:\n\n    polyglot retention\n\n    polyglot retention --apply\n"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel=PANEL, help=f"{retention.__doc__}\n\n{_EXAMPLES}\n\n{EXIT_CODES_HELP}")(retention)


def retention(
    apply: Annotated[bool, typer.Option("--apply", help="Cut what may be cut.")] = False,
    json_output: JsonOption = False,
) -> None:
    """Show how much may be cut of topics that no broker may cut by age alone; with --apply, cut it.

    These are raw topics, of which Bronze must have a record first, and topics on legal hold (`hold` in
    schemas/domains.toml), of which nothing is cut. Whatever a job has not read stays, however old it is.
    """
    from operations.retention import carry_out, plan  # noqa: PLC0415 - keeps --help instant
    from schemas.domains import domains  # noqa: PLC0415

    settings, console = Settings(), Console(json_output=json_output)
    parts = plan(settings)
    by_topic = defaultdict(list)
    for part in parts:
        by_topic[part.topic].append(part)
    console.table(
        ["topic", "has", "may be cut", "the rest is kept by", "hold"],
        [
            [
                topic,
                f"{sum(one.end - one.begin for one in mine):,}",
                f"{sum(one.records for one in mine):,}",
                ", ".join(sorted({one.kept_by for one in mine})),
                domains().topics[topic].hold,
            ]
            for topic, mine in by_topic.items()
        ],
    )
    count = carry_out(settings, parts) if apply else 0
    console.result({"applied": apply, "cut": count, "partitions": [part.document() for part in parts]})
    if apply:
        console.success(f"{count:,} records were cut")
    else:
        console.info(f"{sum(part.records for part in parts):,} records may be cut; --apply does it")
