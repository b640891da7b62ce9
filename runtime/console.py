"""The one way commands talk to people and machines.

People read stderr: progress bars and colours in a terminal, plain lines elsewhere. Results go to stdout: tables and
values as text, or with ``--json`` exactly one JSON document and nothing else.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from rich.console import Console as RichConsole
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from runtime.errors import CommandError, Exit

__all__ = ["EXIT_CODES_HELP", "CommandError", "Console", "Exit", "Tracker"]


EXIT_CODES_HELP = (
    "Exit codes: 0 done · 1 failed · 2 wrong usage or configuration · 3 a service is not running · "
    "4 a prerequisite is missing · 5 timed out."
)


class Tracker(Protocol):
    """A running task's progress: ``advance`` by some amount, or ``describe`` what it is doing now."""

    def advance(self, amount: float = 1) -> None: ...

    def describe(self, text: str) -> None: ...


class _BarTracker:
    def __init__(self, progress: Progress, description: str, total: float | None) -> None:
        self._progress = progress
        self._title = description
        self._task = progress.add_task(description, total=total)

    def advance(self, amount: float = 1) -> None:
        self._progress.advance(self._task, amount)

    def describe(self, text: str) -> None:
        self._progress.update(self._task, description=f"{self._title}: {text}")


class _LineTracker:
    """Plain lines: each description that differs from the last one, and every further tenth of the total."""

    def __init__(self, console: Console, description: str, total: float | None) -> None:
        self._console = console
        self._title = description
        self._total = total
        self._done = 0.0
        self._shown = 0
        self._text = ""
        console.info(description)

    def advance(self, amount: float = 1) -> None:
        self._done += amount
        if not self._total or self._text:
            return  # a task that describes its steps has said what there is to say
        tenth = int(10 * self._done / self._total)
        if tenth > self._shown:
            self._shown = tenth
            self._console.info(f"{self._title}: {self._done:,.0f} of {self._total:,.0f}")

    def describe(self, text: str) -> None:
        if text != self._text:
            self._text = text
            self._console.info(f"{self._title}: {text}")


class Console:
    """Messages, tables, progress and JSON results of one command."""

    def __init__(self, *, json_output: bool = False, quiet: bool = False) -> None:
        self.json_output = json_output
        self.quiet = quiet
        self._out = RichConsole(highlight=False, soft_wrap=not sys.stdout.isatty())
        self._err = RichConsole(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())

    @property
    def interactive(self) -> bool:
        """Whether a person watches stderr in a terminal."""
        return self._err.is_terminal

    def info(self, text: str) -> None:
        """Say what is going on, on stderr."""
        if not self.quiet:
            self._err.print(text, markup=False)

    def success(self, text: str) -> None:
        if not self.quiet:
            self._err.print(text, style="green", markup=False)

    def warn(self, text: str) -> None:
        self._err.print(f"warning: {text}", style="yellow", markup=False)

    def error(self, text: str, hint: str = "") -> None:
        self._err.print(f"error: {text}", style="bold red", markup=False)
        if hint:
            self._err.print(hint, markup=False)

    def result(self, document: Any) -> None:
        """Write the command's one JSON document to stdout; without ``--json`` do nothing."""
        if self.json_output:
            sys.stdout.write(json.dumps(document, indent=2, default=str) + "\n")
            sys.stdout.flush()

    def text(self, text: str) -> None:
        """Write a line of the result to stdout; with ``--json`` do nothing."""
        if not self.json_output:
            self._out.print(text, markup=False)

    def table(
        self,
        columns: Sequence[str],
        rows: Sequence[Sequence[object]],
        *,
        title: str = "",
        styles: Sequence[str | None] | None = None,
    ) -> None:
        """Write rows to stdout: a drawn table in a terminal, tab-separated lines elsewhere, nothing with ``--json``.

        `styles` gives one rich style per row (None for the default).
        """
        if self.json_output:
            return
        cells = [["" if value is None else str(value) for value in row] for row in rows]
        if not self._out.is_terminal:
            lines = ["\t".join(row) for row in [list(columns), *cells]]
            sys.stdout.write("\n".join([*([f"# {title}"] if title else []), *lines]) + "\n")
            sys.stdout.flush()
            return
        table = Table(title=title or None, title_justify="left")
        for column in columns:
            table.add_column(column)
        for index, row in enumerate(cells):
            table.add_row(*row, style=styles[index] if styles else None)
        self._out.print(table)

    @contextmanager
    def progress(self, description: str, total: float | None = None) -> Iterator[Tracker]:
        """Track a task on stderr; `total` in the caller's own unit, None when it is not known."""
        if self.quiet or not self.interactive:
            yield _LineTracker(self, description, total) if not self.quiet else _Silent()
            return
        columns = [SpinnerColumn(), TextColumn("{task.description}")]
        if total is not None:
            columns += [BarColumn(), MofNCompleteColumn()]
        with Progress(*columns, TimeElapsedColumn(), console=self._err, transient=True) as progress:
            yield _BarTracker(progress, description, total)


class _Silent:
    def advance(self, amount: float = 1) -> None: ...

    def describe(self, text: str) -> None: ...
