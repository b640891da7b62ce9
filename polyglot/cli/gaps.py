"""``polyglot gaps``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from polyglot.cli import JsonOption
from runtime.config import Settings
from runtime.console import EXIT_CODES_HELP, Console

_EXAMPLES = "polyglot gaps\n\n    polyglot gaps --all --entity binance_usdm:BTCUSDT\n\n    polyglot gaps --json"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="Data", help=f"{gaps.__doc__}\n\nExamples:\n\n    {_EXAMPLES}\n\n{EXIT_CODES_HELP}")(
        gaps
    )


def gaps(
    entity: Annotated[str, typer.Option(help="Of one entity only, e.g. binance_usdm:BTCUSDT.")] = "",
    closed: Annotated[bool, typer.Option("--all", help="Closed ones, too.")] = False,
    limit: Annotated[int, typer.Option(help="Gaps shown at most; --json has all.")] = 50,
    json_output: JsonOption = False,
) -> None:
    """List the open gaps: numbers that the venue gave (trade ids, update ids of the book) and the log does not have."""
    from runtime.readers.gaps import gaps as read  # noqa: PLC0415 - keeps --help instant

    settings, console = Settings(), Console(json_output=json_output)
    found = read(settings, entity or None)
    wanted = [gap for gap in found if closed or gap["remaining"]]
    columns = ["entity", "channel", "reason", "found (ingest time)", "missing", "which", "version"]
    console.table(columns, [_row(gap) for gap in wanted[:limit]])
    console.result({"gaps": wanted, "open": sum(1 for gap in found if gap["remaining"]), "published": len(found)})
    if len(wanted) > limit:
        console.warn(f"{len(wanted) - limit:,} further gaps are not shown: use --limit")
    if not wanted:
        console.success(f"no open gap; {len(found):,} were closed" if found else "no gap")


def _row(gap: dict[str, Any]) -> list[str]:
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=gap["found_at"])
    which = gap["missing"] if len(gap["missing"]) <= 60 else gap["missing"][:57] + "..."
    count = f"{gap['remaining']:,} of {gap['last_id'] - gap['first_id'] + 1:,}"
    when = at.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    return [gap["entity_id"], gap["channel"], gap["reason"], when, count, which, str(gap["version"])]
