"""Another version of Polyglot: a copy of this checkout with some lines changed, run by its own command line."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from runtime.config import ROOT, settings

_PACKAGES = (
    "batch", "collectors", "devstack", "flink_jobs", "operations", "polyglot", "runtime", "savepoints", "schemas",
    "sql", "udfs",
)  # fmt: skip


def checkout(folder: Path, edits: Mapping[str, tuple[str, str]]) -> Path:
    """Return a copy of the code in ``folder``, each file of ``edits`` with its first text replaced by the second."""
    for package in _PACKAGES:
        # With the machine code of kernels: it is found by a digest of their sources, whatever the folder.
        shutil.copytree(ROOT / package, folder / package, copy_function=_copied, ignore=shutil.ignore_patterns("*.pyc"))
    shutil.copyfile(ROOT / "pyproject.toml", folder / "pyproject.toml")
    (folder / "connectors").symlink_to(ROOT / "connectors")
    for name, (old, new) in edits.items():
        text = (folder / name).read_text()
        assert old in text, f"{name} has no {old!r}"
        (folder / name).write_text(text.replace(old, new, 1))
    return folder


def environment(folder: Path, env: Mapping[str, str]) -> dict[str, str]:
    """Return the variables by which the copy's command line works on the same stack."""
    return {**env, "PYTHONPATH": str(folder), "POLYGLOT_CACHE_DIR": str(settings().cache_dir.resolve())}


def _copied(source: str, target: str) -> None:
    if source.endswith((".nbi", ".nbc")):
        os.link(source, target)
    else:
        shutil.copy2(source, target)
