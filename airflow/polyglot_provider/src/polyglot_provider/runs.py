"""Runs of commands as folders: who starts one, who finds one that runs or has ended, and what came of it.

``<runs>/<name>/<number>/`` is one attempt. It holds ``command.json`` (what and where), ``process.json`` (who watches
it), ``progress.log`` (its stderr), ``out.json`` (its stdout: one document), ``result.json`` (how it ended),
``delivered`` (a task has taken the result) and ``lock``. The lock is held by the watching process and by the command
itself for as long as either lives; the kernel drops it when both are gone, whatever killed them.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

#: How a command ended that left no exit code: it was killed with everything that watched it.
LOST = None
#: File systems take names of 255 bytes.
LONGEST_NAME = 200
#: Of Airflow's own, and what would make another Python look into Airflow's packages.
_FOREIGN = re.compile(r"_?AIRFLOW_.*|_AIRFLOW.*|PYTHONPATH|PYTHONHOME|VIRTUAL_ENV|OPENLINEAGE_.*")


class AnotherCommandError(RuntimeError):
    """Under this name another command is running."""


@dataclass(frozen=True)
class Command:
    """What is to be run, where, and for how long.

    Attributes:
        arguments: the whole command line.
        directory: where it runs.
        timeout_s: it is ended after so many seconds, with exit code 5; 0: never.
        turn: commands of one turn run one after the other on this machine; empty: at any time.
    """

    arguments: tuple[str, ...]
    directory: str = "."
    timeout_s: float = 0.0
    turn: str = ""


@dataclass(frozen=True)
class Attempt:
    """One process of a run."""

    folder: Path

    @property
    def running(self) -> bool:
        """Whether the command, or what watches it, is alive."""
        with (self.folder / "lock").open("a") as probe:
            try:
                fcntl.flock(probe, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    @property
    def command(self) -> Command:
        found = json.loads((self.folder / "command.json").read_bytes())
        return Command(**{**found, "arguments": tuple(found["arguments"])})

    @property
    def code(self) -> int | None:
        """Return the exit code (negative: the signal that ended it); `LOST` while or if there is none."""
        try:
            code: int = json.loads((self.folder / "result.json").read_bytes())["code"]
        except FileNotFoundError:
            return LOST
        return code

    @property
    def document(self) -> Any:
        """Return the document that the command printed; None if it printed none."""
        try:
            return json.loads((self.folder / "out.json").read_bytes())
        except (FileNotFoundError, ValueError):
            return None

    @property
    def last_words(self) -> str:
        """Return what the command said last of an error, else its last line."""
        with suppress(FileNotFoundError):
            lines = (self.folder / "progress.log").read_text(errors="replace").strip().splitlines()
            starts = [at for at, line in enumerate(lines) if line.startswith("error: ")]
            return "\n".join(lines[starts[-1] :] if starts else lines[-1:])[-2000:]
        return ""

    @property
    def delivered(self) -> bool:
        return (self.folder / "delivered").exists()

    def deliver(self) -> None:
        """Note that a task has taken the result: the next one of this name starts anew."""
        (self.folder / "delivered").touch()

    def end(self) -> None:
        """Ask the command to end; its watcher sees to it that it does."""
        with suppress(FileNotFoundError, ProcessLookupError):
            if self.running:  # so the pid is still its own
                os.kill(json.loads((self.folder / "process.json").read_bytes())["pid"], signal.SIGTERM)

    def wait(self, every_s: float = 0.05) -> int | None:
        """Wait until it has ended; return its code."""
        while self.running:
            time.sleep(every_s)
        return self.code


class Tail:
    """Whole lines that a file got since the last look."""

    def __init__(self, path: Path, at: int = 0) -> None:
        self._path, self.at = path, at

    def lines(self, *, ended: bool = False) -> list[str]:
        """Return the new lines; once the writer has ended, also one that is not finished."""
        try:
            with self._path.open("rb") as file:
                file.seek(self.at)
                data = file.read()
        except FileNotFoundError:
            return []
        whole = data if ended else data[: data.rfind(b"\n") + 1]
        self.at += len(whole)
        return whole.decode(errors="replace").splitlines()


@dataclass(frozen=True)
class Run:
    """The attempts of one name, oldest first."""

    folder: Path
    #: Variables that the command gets beside the worker's own.
    environment: Mapping[str, str] = field(default_factory=dict)

    def attempts(self) -> list[Attempt]:
        if not self.folder.is_dir():
            return []
        numbers = sorted(int(path.name) for path in self.folder.iterdir() if path.name.isdigit())
        return [Attempt(self.folder / str(number)) for number in numbers]

    def find_or_start(self, command: Command) -> tuple[Attempt, bool]:
        """Return the attempt whose result is still to be had, and whether it was started just now.

        Raises:
            AnotherCommandError: what runs under this name is another command.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with _alone(self.folder / "starting"):
            before = self.attempts()
            last = before[-1] if before else None
            if last and last.running:
                if last.command != command:
                    raise AnotherCommandError(f"{self.folder.name} still runs {' '.join(last.command.arguments)}")
                return last, False
            if last and last.code is not LOST and not last.delivered and last.command == command:
                return last, False
            return self._start(command, len(before) + 1), True

    def _start(self, command: Command, number: int) -> Attempt:
        attempt = Attempt(self.folder / str(number))
        attempt.folder.mkdir()
        write(attempt.folder / "command.json", asdict(command))
        with (attempt.folder / "lock").open("a") as lock, (attempt.folder / "progress.log").open("ab") as log:
            fcntl.flock(lock, fcntl.LOCK_EX)  # of the open file: the child holds it on when we close ours
            watcher = subprocess.Popen(
                [sys.executable, "-m", "polyglot_provider.runner", str(attempt.folder), str(lock.fileno())],
                env={**os.environ, "POLYGLOT_RUN_ENVIRONMENT": json.dumps(dict(self.environment))},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                pass_fds=(lock.fileno(),),
                start_new_session=True,  # whatever ends the worker and its children does not end this
            )
        write(attempt.folder / "process.json", {"pid": watcher.pid})
        return attempt


def named(*parts: object) -> str:
    """Return a folder's name for a run: the same parts give the same name, others another one."""
    name = "+".join(re.sub(r"[^A-Za-z0-9._-]", lambda found: f"={ord(found[0]):x}=", str(part)) for part in parts)
    return name if len(name) <= LONGEST_NAME else f"{name[:100]}+{hashlib.sha256(name.encode()).hexdigest()}"


def own_environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """Return a command's environment: the worker's without what is Airflow's, and with what the connection adds."""
    kept = {name: value for name, value in inherited.items() if not _FOREIGN.fullmatch(name)}
    more: dict[str, str] = json.loads(kept.pop("POLYGLOT_RUN_ENVIRONMENT", "{}"))
    return {**kept, **more}


def write(path: Path, document: Mapping[str, Any]) -> None:
    """Write a document in one step: nobody meets half of it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(json.dumps(document))
    draft.replace(path)


@contextmanager
def _alone(path: Path) -> Iterator[IO[str]]:
    with path.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle


def command_line(command: str | Sequence[str], options: Mapping[str, Any]) -> list[str]:
    """Return a command with its options as arguments.

    An option that is None, False or empty is left out; True is a flag; a list repeats the option.

    >>> command_line("verify", {"from": "2024-08-08", "entity": "", "store": ["gold", "silver"], "fail-on-empty": True})
    ['verify', '--from', '2024-08-08', '--store', 'gold', '--store', 'silver', '--fail-on-empty']
    """
    line = command.split() if isinstance(command, str) else list(command)
    for name, value in options.items():
        if value is True:
            line.append(f"--{name}")
        elif value is not False:
            values = value if isinstance(value, list | tuple) else [value]
            line += [part for one in values if one not in (None, "") for part in (f"--{name}", str(one))]
    return line
