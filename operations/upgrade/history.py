"""What was applied on this machine, newest last, and whether it was kept."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from runtime import files
from runtime.config import Settings
from runtime.console import CommandError
from runtime.layout import Layout

BEGUN, KEPT = "begun", "kept"


@dataclass(frozen=True)
class Applied:
    """One change of the running jobs.

    ``savepoints``: by job, where it was stopped. ``before`` and ``release`` are ids of releases. ``widths``: by job,
    the parallelism before. ``outcome``: begun, kept, or why it was rolled back.
    """

    number: int
    action: str
    release: str
    commit: str
    before: str
    at: str
    widths: dict[str, int] = field(default_factory=dict)
    savepoints: dict[str, str] = field(default_factory=dict)
    outcome: str = BEGUN


def history(settings: Settings) -> list[Applied]:
    """Return what was applied, oldest first."""
    path = _file(settings)
    return [Applied(**one) for one in json.loads(path.read_text())] if path.exists() else []


def record(settings: Settings, applied: Applied) -> None:
    """Add an entry, or replace the one of its number."""
    entries = {one.number: one for one in history(settings)} | {applied.number: applied}
    path = _file(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    files.replace(path, json.dumps([asdict(entries[number]) for number in sorted(entries)], indent=2))


def begun(settings: Settings, action: str, release: str, commit: str, before: str, widths: dict[str, int]) -> Applied:
    """Record that something is being applied; return its entry."""
    number = max((one.number for one in history(settings)), default=0) + 1
    at = datetime.now(UTC).isoformat(timespec="seconds")
    applied = Applied(number, action, release, commit, before, at, widths)
    record(settings, applied)
    return applied


def ended(settings: Settings, applied: Applied, outcome: str) -> None:
    """Record how it ended."""
    record(settings, replace(applied, outcome=outcome))


@contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """Keep other operators from changing the jobs meanwhile.

    Raises:
        CommandError: one is at it.
    """
    path = Layout.at(settings.var_dir).var / "jobs" / "lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise CommandError(
                f"another command changes the jobs{lock.read()}",
                hint="wait until it has ended; then look: polyglot plan",
            ) from None
        lock.truncate(0)
        lock.write(f", since {datetime.now(UTC):%H:%M:%S} UTC")
        lock.flush()
        yield
        lock.truncate(0)


def _file(settings: Settings) -> Path:
    return Layout.at(settings.var_dir).var / "jobs" / "history.json"
