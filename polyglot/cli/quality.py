"""``polyglot quality``: what the data-quality rules said."""

from __future__ import annotations

import typer

from polyglot.cli import JsonOption
from runtime.config import Settings
from runtime.console import EXIT_CODES_HELP, Console
from runtime.quality import rules

PANEL = "Data"
_EXAMPLES = "Examples:\n\n    polyglot quality\n\n    polyglot quality --json\n"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel=PANEL, help=f"{quality.__doc__}\n\n{_EXAMPLES}\n\n{EXIT_CODES_HELP}")(quality)


def quality(json_output: JsonOption = False) -> None:
    """Show every rule of schemas/quality.toml with its action, and how many records it rejected or marked.

    Counted in the topics: rejected ones are dead letters, marked ones are in quality.normalization.v1; adjusted series
    carry the rules that spoke of them. A rule that stopped a job shows in `polyglot jobs`.
    """
    from operations.dead_letters.flags import counts  # noqa: PLC0415 - keeps --help instant

    settings, console = Settings(), Console(json_output=json_output)
    found = counts(settings, rules(settings))
    console.table(
        ["topic", "rule", "action", "count"], [[one.topic, one.rule, one.action, f"{one.count:,}"] for one in found]
    )
    console.result([one.document() for one in found])
