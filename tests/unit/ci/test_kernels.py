"""`.ci/kernels`: compiled kernels come back with the times of their sources, for the very same sources only."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.config import ROOT

COMPILED = Path("udfs/deep/__pycache__/kernel.f-1.py311.1.nbi")


@pytest.fixture
def checkout(tmp_path):
    """Return what makes a checkout: the same sources, written at another time."""

    def fresh(name: str, at: int) -> Path:
        root = tmp_path / name
        (root / "udfs" / "deep").mkdir(parents=True)
        for path, text in (("udfs/a.py", "A = 1\n"), ("udfs/deep/kernel.py", "def f(): ...\n")):
            (root / path).write_text(text)
            os.utime(root / path, ns=(at, at))
        shutil.copytree(ROOT / ".ci", root / ".ci")
        return root

    return fresh


def kernels(root: Path, command: str) -> None:
    subprocess.run([sys.executable, root / ".ci" / "kernels", command], check=True, capture_output=True)


def compiled(checkout) -> Path:
    root = checkout("first", 1_000_000_007)
    (root / COMPILED).parent.mkdir()
    (root / COMPILED).write_bytes(b"machine code")
    kernels(root, "save")
    return root / ".cache"


def test_the_next_checkout_has_them_with_the_times_of_their_sources(checkout):
    cache, root = compiled(checkout), checkout("second", 2_000_000_009)
    kernels(root, "restore")
    assert not (root / COMPILED).exists()
    shutil.copytree(cache, root / ".cache")
    kernels(root, "restore")
    assert (root / COMPILED).read_bytes() == b"machine code"
    assert {path.stat().st_mtime_ns for path in root.rglob("udfs/**/*.py")} == {1_000_000_007}


def test_other_sources_get_none(checkout):
    cache, root = compiled(checkout), checkout("second", 2_000_000_009)
    shutil.copytree(cache, root / ".cache")
    (root / "udfs" / "a.py").write_text("A = 2\n")
    kernels(root, "restore")
    assert not (root / COMPILED).exists()
