"""``polyglot spark-submit`` and ``polyglot spark-application``: batch commands in a driver that others start."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from polyglot.cli import JsonOption, help_with
from runtime.config import Settings
from runtime.console import CommandError, Console, Exit

PANEL = "Proof"
#: Commands that do all their work by Spark, and say what came out.
COMMANDS = ("adjust", "repair", "replay", "verify")
_PASSED_ON = {"ignore_unknown_options": True, "allow_interspersed_args": False}

WordsArgument = Annotated[
    list[str], typer.Argument(metavar="COMMAND...", help=f"One of {', '.join(COMMANDS)}, and its options.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for name, command, examples in (
        ("spark-submit", submit, ["polyglot spark-submit replay --from 2024-08-08 --to 2024-08-09 --publish"]),
        ("spark-application", application, ["polyglot spark-application --image spark:1 --claim shared verify"]),
    ):
        text = help_with(command, *examples)
        app.command(name, rich_help_panel=PANEL, help=text, context_settings=_PASSED_ON)(command)


def submit(
    words: WordsArgument,
    explain: Annotated[bool, typer.Option("--explain", help="Print the call; do nothing.")] = False,
) -> None:
    """Run a command in a driver that `spark-submit` starts here, on the cluster of POLYGLOT_SPARK__MASTER.

    It is the spark-submit of SPARK_HOME, with what the site has configured there: its defaults, its Kerberos.
    """
    from batch.spark.session import SparkUnavailableError  # noqa: PLC0415 - keeps --help instant
    from batch.spark.submission import become, call  # noqa: PLC0415

    _demand(words)
    try:
        found = call(Settings(), words)
    except SparkUnavailableError as error:
        raise CommandError(str(error), code=Exit.USAGE) from None
    if explain:
        Console().text(shlex.join(found))
        return
    try:
        become(found)
    except OSError as error:
        raise CommandError(
            f"{found[0]}: {error.strerror}", hint="SPARK_HOME names a Spark", code=Exit.MISSING
        ) from None


def application(
    words: WordsArgument,
    image: Annotated[str, typer.Option(help="Spark's image, with this code in /opt/polyglot.")],
    claim: Annotated[str, typer.Option(help="Volume claim of the folder POLYGLOT_SPARK__SHARED_DIR.")],
    json_output: JsonOption = False,
) -> None:
    """Print a SparkApplication, for Spark's operator on Kubernetes, whose driver runs a command."""
    import yaml  # noqa: PLC0415

    from batch.spark import submission  # noqa: PLC0415
    from batch.spark.session import SparkUnavailableError  # noqa: PLC0415

    _demand(words)
    console = Console(json_output=json_output)
    try:
        document = submission.application(Settings(), words, image=image, claim=claim)
    except SparkUnavailableError as error:
        raise CommandError(str(error), code=Exit.USAGE) from None
    console.text(yaml.safe_dump(document, sort_keys=False).rstrip())
    console.result(document)


def _demand(words: list[str]) -> None:
    if words[0] not in COMMANDS:
        raise CommandError(f"{words[0]} is none of {', '.join(COMMANDS)}", code=Exit.USAGE)
