"""What outlives a failed test: the logs of its stack's processes, in ci-artifacts/stacks."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

#: The repository; not from runtime.config, for every run of pytest imports this.
ROOT = Path(__file__).parents[2]
ARTIFACTS = ROOT / "ci-artifacts"
#: Of a log longer than this its end is kept, bytes.
LONGEST = 5_000_000
#: Tests of this process that have failed so far; tests/conftest.py adds to it.
failures: list[str] = []


class Watch:
    """Tells whether something failed since it was made."""

    def __init__(self) -> None:
        self._before = len(failures)

    def failed(self) -> str | None:
        """Return the first test that failed since, or the one that is failing right now; None: all is well."""
        if len(failures) > self._before:
            return failures[self._before]
        # A fixture that fails while it is set up is torn down before pytest reports it.
        raised = sys.exc_info()[0]
        if raised is None or issubclass(raised, GeneratorExit):
            return None
        return os.environ.get("PYTEST_CURRENT_TEST", "unknown")


def keep(folders: list[Path], test: str) -> Path:
    """Copy folders of logs and reports; of long files the end.

    Args:
        folders: what is kept, each under its own name; what is not there is left out.
        test: the test that failed, which names the copy.

    Returns:
        The folder with the copies.
    """
    name = re.sub(r"[^\w.-]+", "-", test).strip("-")[-120:]
    target = ARTIFACTS / "stacks" / f"{name}-{os.getpid()}"
    for number in range(2, 1000):
        if not target.exists():
            break
        target = target.with_name(f"{name}-{os.getpid()}-{number}")
    for folder in folders:
        if folder.is_dir():
            shutil.copytree(folder, target / folder.name, copy_function=_copy_end, dirs_exist_ok=True)
    return target


def _copy_end(source: str, target: str) -> str:
    with Path(source).open("rb") as log, Path(target).open("wb") as copy:
        log.seek(max(0, Path(source).stat().st_size - LONGEST))
        shutil.copyfileobj(log, copy)
    return target
