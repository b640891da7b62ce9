"""``polyglot contracts check``, ``pin`` and ``register``."""

from __future__ import annotations

from typing import Annotated

import typer

from polyglot.cli import JsonOption, help_with
from runtime.config import settings
from runtime.console import EXIT_CODES_HELP, CommandError, Console, Exit

PANEL = "Contracts"


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(
        no_args_is_help=True,
        help=f"The Avro contracts in schemas/: their pinned ids, and how they may change.\n\n{EXIT_CODES_HELP}",
        rich_markup_mode="markdown",
    )
    for name, command, examples in (
        (
            "check",
            check,
            "polyglot contracts check\n\npolyglot contracts check --against origin/main\n\n"
            "polyglot contracts check --strict",
        ),
        ("pin", pin, "polyglot contracts pin"),
        (
            "register",
            register_all,
            "polyglot contracts register\n\npolyglot contracts register --import --json",
        ),
    ):
        group.command(name, help=help_with(command, *examples.split("\n\n")))(command)
    app.add_typer(group, name="contracts", rich_help_panel=PANEL)


def check(
    against: Annotated[
        str | None,
        typer.Option(metavar="REF", help="Compare with this revision alone, not all of HEAD's history."),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Without any history to compare with, fail.")] = False,
    json_output: JsonOption = False,
) -> None:
    """Check that every contract is pinned, unchanged since any commit, and compatible with its older versions.

    Exits with 1 if a rule is broken. A shallow clone is compared with the commits it has, and says so.
    """
    from operations.contracts.check import check as examine  # noqa: PLC0415 - keeps --help instant
    from operations.contracts.history import HistoryError, committed, is_shallow  # noqa: PLC0415
    from schemas.contracts import FOLDER  # noqa: PLC0415

    console = Console(json_output=json_output)
    try:
        past = committed(FOLDER, against)
        if is_shallow(FOLDER):
            console.warn("this clone is shallow: older commits are not compared (git fetch --unshallow)")
    except HistoryError as error:
        if against is not None:
            raise CommandError(str(error), code=Exit.USAGE) from error
        if strict:
            hint = "--strict needs git and a clone of the repository with its history"
            raise CommandError(f"nothing to compare the contracts with: {error}", hint=hint) from error
        console.warn(f"only the files here are checked, not their history: {error}")
        past = []
    wrong = examine(FOLDER, past)
    console.result({"compared_with": [one.commit for one in past], "violations": wrong})
    for line in wrong:
        console.text(line)
    if wrong:
        console.error(f"{len(wrong)} violations; the rules are in docs/laws.md, law 2")
        raise typer.Exit(Exit.FAILED)
    console.success(f"the contracts keep their promises (compared with {len(past)} committed states of ids.lock)")


def pin(json_output: JsonOption = False) -> None:
    """Give each new contract file (NAME.vN.avsc) the next free id in ids.lock.

    Nothing is pinned unless the whole folder passes the check.
    """
    from operations.contracts.check import pin as add  # noqa: PLC0415
    from operations.contracts.history import HistoryError, committed  # noqa: PLC0415
    from schemas.contracts import FOLDER  # noqa: PLC0415

    console = Console(json_output=json_output)
    try:
        past = committed(FOLDER)
    except HistoryError as error:
        raise CommandError(str(error), hint="ids are unique over the whole history: pin in the repository") from error
    new, wrong = add(FOLDER, past)
    if wrong:
        raise CommandError("\n".join(wrong), hint="ids.lock was left as it was")
    console.table(["contract", "id"], [[one.label, one.id] for one in new])
    console.result([{"contract": one.label, "id": one.id} for one in new])
    console.success(f"pinned {len(new)} contracts" if new else "every contract is pinned already")


def register_all(
    imported: Annotated[
        bool | None,
        typer.Option(
            "--import/--no-import",
            help="Tell the registry the pinned ids (Confluent's IMPORT mode).  [default: registry.import_ids]",
            show_default=False,
        ),
    ] = None,
    json_output: JsonOption = False,
) -> None:
    """Register every contract with the configured schema registry, one subject TOPIC-value per topic.

    Fails if the registry has or gives other ids than the pinned ones.
    """
    from operations.contracts.registry import register_all as carry_out  # noqa: PLC0415

    console = Console(json_output=json_output)
    done = carry_out(settings().registry, imported=imported)
    console.table(["subject", "contract", "id"], [[one.subject, one.contract, one.id] for one in done])
    console.result([vars(one) for one in done])
    console.success(f"{len(done)} subject versions are registered under the pinned ids")
