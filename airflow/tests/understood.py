"""Run by the product's Python: which of the command lines on stdin are wrong, which commands are unknown."""

from __future__ import annotations

import json
import sys
from typing import Any

from typer import BadParameter
from typer.main import get_command

from polyglot.cli import build


def understood(command: Any, line: list[str]) -> str:
    """Return what is wrong with a command line; nothing if it would run."""
    try:
        with command.make_context("polyglot", list(line)) as context:
            name, chosen, rest = command.resolve_command(context, list(line))
            if hasattr(chosen, "commands"):
                with chosen.make_context(name, list(rest), parent=context) as inner:
                    name, chosen, rest = chosen.resolve_command(inner, list(rest))
            chosen.make_context(name, list(rest), parent=context)
    except BadParameter as error:
        return f"{' '.join(line)}: {error.message}"
    return ""


def main() -> None:
    command = get_command(build())
    lines = [list(one) for one in {tuple(line) for line in json.load(sys.stdin)}]
    unknown = sorted({line[0] for line in lines} - set(command.commands))
    wrong = [found for line in lines if line[0] not in unknown and (found := understood(command, line))]
    sys.stdout.write(json.dumps({"unknown": unknown, "wrong": wrong}))


if __name__ == "__main__":
    main()
