"""The command line: ``polyglot``. Each module here that has ``register(app)`` adds its commands.

A command module keeps imports of engines and clients inside its functions, so that ``--help`` stays instant; it writes
through `runtime.console.Console` and fails with `CommandError`, whose code becomes the exit code.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, NoReturn

import typer
from pydantic import ValidationError

from runtime.console import EXIT_CODES_HELP, CommandError, Console, Exit

#: The ``--json`` option of every command.
JsonOption = Annotated[bool, typer.Option("--json", help="Write one JSON document to stdout, for machines.")]


def help_with(command: Callable[..., object], *examples: str) -> str:
    """Return a command's help: what its docstring says, examples, and the exit codes."""
    lines = "\n\n".join(f"    {line}" for line in examples)
    return f"{command.__doc__}\n\nExamples:\n\n{lines}\n\n{EXIT_CODES_HELP}"


def build() -> typer.Typer:
    """Return the application with the commands of every module in this package."""
    app = typer.Typer(
        name="polyglot",
        help="Market data from one definition: Flink runs it as it happens, Spark replays it, `verify` proves that "
        f"both wrote the same bytes.\n\n{EXIT_CODES_HELP}",
        no_args_is_help=True,
        rich_markup_mode="markdown",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback()
    def root() -> None:  # a callback keeps `polyglot COMMAND` even while there is a single command
        pass

    for module in pkgutil.iter_modules(__path__):
        if module.name.startswith("_"):
            continue  # `__main__` would run a second command line
        register = getattr(importlib.import_module(f"{__name__}.{module.name}"), "register", None)
        if register is not None:
            register(app)
    return app


@cache
def _command() -> Any:
    """Return what the library makes of the application's signatures, which takes it a while."""
    return typer.main.get_command(build())


def main() -> NoReturn:
    """Run the command line and exit with one of `runtime.console.Exit`."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code; failures become a message and a hint on stderr."""
    console = Console()
    try:
        _command()(arguments, prog_name="polyglot")
    except SystemExit as done:  # how the library ends a command, with its own message for wrong usage
        return int(done.code or Exit.OK)
    except CommandError as error:
        console.error(str(error), error.hint)
        return error.code
    except ValidationError as error:
        console.error(f"the configuration is not valid: {error}")
        return Exit.USAGE
    except KeyboardInterrupt:
        console.error("interrupted")
        return Exit.INTERRUPTED
    return Exit.OK
