"""The pins of the past: every committed state of ``ids.lock``, from git."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from operations.contracts.lock import LOCK, Pin, parse


@dataclass(frozen=True)
class Past:
    """The pins of one commit (short id)."""

    commit: str
    pins: tuple[Pin, ...]


class HistoryError(RuntimeError):
    """Git cannot answer: not a repository, or no such revision."""


def committed(folder: Path, against: str | None = None) -> list[Past]:
    """Return the lock at each commit that changed it, newest first; with `against`, at that revision alone.

    Raises:
        HistoryError: `folder` is in no repository, or the revision does not exist.
    """
    if against is not None:
        commits = [_git(folder, "rev-parse", "--verify", f"{against}^{{commit}}").strip()]
    else:
        commits = _git(folder, "rev-list", "--full-history", "HEAD", "--", LOCK).split()
    # ls-tree tells "the lock was not there yet" from an error.
    return [_at(folder, one) for one in commits if _git(folder, "ls-tree", "--name-only", one, LOCK)]


def is_shallow(folder: Path) -> bool:
    """Whether the repository was cloned without its older commits, whose pins nobody can see here then."""
    return _git(folder, "rev-parse", "--is-shallow-repository").strip() == "true"


def _at(folder: Path, commit: str) -> Past:
    short = commit[:10]
    return Past(short, parse(_git(folder, "show", f"{commit}:./{LOCK}"), f"{LOCK} of commit {short}"))


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise HistoryError("git is not installed") from error
    if done.returncode:
        raise HistoryError(f"git {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout
