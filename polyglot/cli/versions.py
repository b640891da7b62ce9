"""``polyglot versions``: which version of which behaviour held where."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from polyglot.cli import JsonOption
from runtime.config import Settings
from runtime.console import EXIT_CODES_HELP, Console

PANEL = "Upgrades"
_EXAMPLES = """\
Examples:

    polyglot versions

    polyglot versions --save versions.json
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    text = f"{versions.__doc__}\n\n{_EXAMPLES}\n\n{EXIT_CODES_HELP}"
    app.command(rich_help_panel=PANEL, help=text)(versions)


def versions(
    save: Annotated[
        Path | None, typer.Option(help="Also write it to a file, for `replay` and `verify` without a broker.")
    ] = None,
    json_output: JsonOption = False,
) -> None:
    """List which version of a job's behaviour holds for which windows or frames, as it was recorded, newest last.

    Of several lines that hold for one place the last one counts.
    """
    from operations.cutovers import at, where  # noqa: PLC0415 - keeps --help instant
    from runtime.readers.releases import events, of_events  # noqa: PLC0415

    console, found = Console(json_output=json_output), events(Settings())
    console.table(
        ["recorded", "job", "behaviour", "version", "holds for", "by", "release", "commit"],
        [
            [at(one["recorded_at"]), one["job"], one["family"], str(one["version"]), where(one), one["action"],
             one["release"], one["commit"]]
            for one in found
        ],
    )  # fmt: skip
    if save is not None:
        save.write_text(of_events(found).text() + "\n")
        console.info(f"written to {save}")
    console.result([{**one, "where": where(one)} for one in found])
