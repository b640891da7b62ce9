"""Playbooks as an operator follows them: the commands of a page, section by section."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping

from runtime.config import ROOT
from support.stack import Stack

FOLDER = ROOT / "docs" / "howto" / "playbooks"
LOOK, DO, OVER = "Look", "Do", "It is over when"


def follow(stack: Stack, page: str, *sections: str, instead: Mapping[str, str] | None = None) -> dict[str, str]:
    """Run the commands of a page's sections; return what each printed, by the command's words.

    A command must end with 0, or with what its comment says: ``# exit 1: …``. ``instead`` has what stands in the place
    of the page's examples: ids, files.
    """
    said = {}
    for command, code in commands(page, *sections):
        for example, ours in (instead or {}).items():
            command = command.replace(example, ours)  # noqa: PLW2901
        done = stack.run(*shlex.split(command)[1:])
        assert done.returncode == code, f"{command}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        said[command] = done.stdout + done.stderr
    return said


def commands(page: str, *sections: str) -> Iterator[tuple[str, int]]:
    """Yield the commands of a page's sections and the exit codes that they are to have."""
    split = (part.partition("\n") for part in (FOLDER / page).read_text().split("\n## "))
    parts = {title: text for title, _, text in split}
    for section in sections:
        for block in re.findall(r"^```sh\n(.*?)^```", parts[section], re.MULTILINE | re.DOTALL):
            # A quoted query may take several lines.
            for line in re.findall(r'^polyglot (?:[^"\n#]|"[^"]*")+(?:#[^\n]*)?$', block, re.MULTILINE):
                command, _, comment = line.partition("#")
                code = re.search(r"exit (\d)", comment)
                yield command.strip(), int(code[1]) if code else 0
