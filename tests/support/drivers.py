"""Drivers that only tests use: pinned by files in tests/drivers, fetched into .cache/drivers, never into the tree."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.absent import absent

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "tests" / "drivers"
CACHE = ROOT / ".cache" / "drivers"

_TRIES = 3


def tool(name: str) -> str:
    """Return the path of a program; without it the test is skipped with the reason (in CI it fails)."""
    return shutil.which(name) or absent(f"{name} is not installed: its driver cannot be tried")


def prepared(name: str, pinned: Sequence[Path] | str, fill: Callable[[Path], None]) -> Path:
    """Return the folder that ``fill`` made from what is pinned: once for each, and by one process at a time."""
    text = pinned.encode() if isinstance(pinned, str) else b"".join(file.read_bytes() for file in pinned)
    folder = CACHE / f"{name}-{hashlib.sha256(text).hexdigest()[:12]}"
    with _alone(name):
        if not (folder / ".complete").exists():
            for stale in CACHE.glob(f"{name}-*/"):
                shutil.rmtree(stale)
            folder.mkdir(parents=True)
            fill(folder)
            (folder / ".complete").touch()
    return folder


def fetch(
    command: Sequence[str | Path], cwd: Path, environment: Mapping[str, str] | None = None, *, needed: bool = True
) -> None:
    """Run a command that downloads, three times at most.

    If it does not succeed, the test is skipped with the reason; in CI it fails, if the download is ``needed``.
    """
    said = ""
    for tried in range(_TRIES):
        time.sleep(3 * tried)
        try:
            run = subprocess.run(
                command,
                cwd=cwd,
                env={**os.environ, **(environment or {})},
                capture_output=True,
                text=True,
                timeout=240,
                check=False,
            )
        except subprocess.TimeoutExpired:
            said = "no end after 240 s"
            continue
        if run.returncode == 0:
            return
        said = (run.stdout + run.stderr)[-2000:]
    reason = f"could not be fetched: {' '.join(str(part) for part in command)}: {said}"
    if not needed:
        pytest.skip(reason)
    absent(reason)


def python(name: str, lock: Path) -> Path:
    """Return the interpreter of an environment of its own with exactly the packages of a lock file."""
    uv = Path(sys.executable).with_name("uv")
    environment = {"UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR", str(ROOT / ".cache" / "uv"))}

    def fill(folder: Path) -> None:
        fetch([uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, "env"], folder, environment)
        install = [uv, "pip", "install", "--quiet", "--python", "env/bin/python", "--require-hashes", "--no-deps"]
        fetch([*install, "--requirement", lock], folder, environment)

    return prepared(name, [lock], fill) / "env" / "bin" / "python"


def go() -> Path:
    """Return the Go program."""
    compiler = tool("go")
    source = SOURCES / "go"
    environment = {
        "GOMODCACHE": str(CACHE / "gomod"),
        "GOFLAGS": "-mod=readonly -modcacherw -buildvcs=false -trimpath",
        "GOTOOLCHAIN": "local",
        "CGO_ENABLED": "0",
    }

    def fill(folder: Path) -> None:
        fetch([compiler, "build", "-o", folder / "smoke", "."], source, environment)

    return prepared("go", [source / name for name in ("go.mod", "go.sum", "main.go")], fill) / "smoke"


def jars() -> str:
    """Return the class path of the JDBC driver and what it needs."""
    maven = tool("mvn")
    source = SOURCES / "java"

    def fill(folder: Path) -> None:
        copy = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
        options = ["--batch-mode", "--no-transfer-progress", "--quiet", f"-DoutputDirectory={folder}"]
        fetch([maven, *options, copy], source)

    return f"{prepared('java', [source / 'pom.xml'], fill)}/*"


def node() -> Path:
    """Return the folder with the JS program and its modules."""
    npm = tool("npm")
    source = SOURCES / "js"
    files = [source / name for name in ("package.json", "package-lock.json", "smoke.mjs")]

    def fill(folder: Path) -> None:
        for file in files:
            shutil.copy(file, folder)
        options = ["--ignore-scripts", "--no-audit", "--no-fund", f"--cache={CACHE / 'npm'}"]
        fetch([npm, "ci", *options], folder)

    return prepared("js", files, fill)


def smoke(command: Sequence[str | Path], seconds: float, cwd: Path | None = None) -> dict[str, float]:
    """Run a program of tests/drivers; return what it says each step took, or fail with its message."""
    try:
        run = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        pytest.fail(f"no end after {seconds:.0f} s: {command[0]}", pytrace=False)
    if run.returncode:
        pytest.fail(f"ended with {run.returncode}: {(run.stderr or run.stdout)[-4000:]}", pytrace=False)
    took: dict[str, float] = json.loads(run.stdout.splitlines()[-1])
    return took


@contextmanager
def _alone(name: str) -> Iterator[None]:
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
