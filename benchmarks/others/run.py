"""Run other frameworks beside the light loop, in turn; where they cannot be installed, say why."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.loops.run import LIGHT, TARGET
from benchmarks.loops.run import run as run_loop
from benchmarks.measure import Rounds, follow, topic_counter
from benchmarks.preload import Expected, preload
from benchmarks.topics import FRAMES_PART, delete, ends, make
from runtime.config import ROOT, Settings
from runtime.console import CommandError, Console

LOCK = Path(__file__).with_name("requirements.lock")
#: Name → arguments of Python, in their environment.
FLOWS: dict[str, Sequence[str]] = {
    "Bytewax": ("-m", "bytewax.run", "benchmarks.others.bytewax_flow"),
    "Quix Streams": ("-m", "benchmarks.others.quix_flow"),
}
#: The light loop, by how many processes: a framework runs in one, as its documentation begins.
BASES = {"light loop, 1": 1, "light loop, 2": 2}


class SkippedError(Exception):
    """A framework cannot be measured here; the text says why."""


def measured(settings: Settings, console: Console, frames: int, part: int, repeats: int) -> dict[str, Any]:
    """Run each framework over the first ``part`` frames, and the light loop over all, in turn.

    Returns:
        By name what `Rounds.document` has, or ``skipped``: the reason.
    """
    try:
        python = environment(settings.cache_dir)
    except SkippedError as why:
        return {"found": {name: {"skipped": f"skipped: {why}"} for name in FLOWS}}
    loaded = preload(settings, frames, part, seed=13, raw=False)
    rounds = Rounds()
    for _ in range(repeats):
        for name, processes in BASES.items():
            rounds.add(name, run_loop(settings, LIGHT, processes, loaded.whole))
        for name, arguments in FLOWS.items():
            rate = _run(settings, [str(python), *arguments], loaded.part)
            rounds.add(name, rate)
            console.text(f"{name}: {rate:,.0f}/s")
    return {"frames": part, "repeats": repeats, "found": rounds.document(list(BASES))}


def environment(cache: Path) -> Path:
    """Return the Python of an environment with the pinned packages, made anew when the pins change.

    Raises:
        SkippedError: they cannot be installed.
    """
    folder = cache / "bench-others"
    python, stamp = folder / "bin" / "python", folder / "pins"
    pins = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == pins:
        return python
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.exists() else shutil.which("uv")
    if uv is None:
        raise SkippedError("uv is not installed")
    for command in (
        [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)],
        [uv, "pip", "install", "--quiet", "--python", str(python), "--require-hashes", "-r", str(LOCK)],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SkippedError((done.stderr.strip().splitlines() or ["uv failed"])[0])
    stamp.write_text(pins)
    return python


def _run(settings: Settings, command: list[str], expected: Expected) -> float:
    made = [TARGET]
    make(settings, made)
    total = sum(ends(settings, FRAMES_PART).values())
    with tempfile.TemporaryDirectory() as state:
        given = {
            "PYTHONWARNINGS": "ignore",  # about what their own dependencies use
            "BENCH_BROKER": settings.kafka.bootstrap_servers,
            "BENCH_SOURCE": FRAMES_PART,
            "BENCH_TARGET": TARGET,
            "BENCH_STATE": state,
            "BENCH_GROUP": f"benchmark-{Path(state).name}",
            "BENCH_COUNT": str(total),
        }
        process = subprocess.Popen(command, env={**os.environ, **given, "PYTHONPATH": str(ROOT)}, cwd=ROOT)
        count = topic_counter(settings, made)

        def written() -> int:
            if process.poll():
                raise CommandError(f"{' '.join(command[1:])} ended with {process.returncode}")
            return count()

        try:
            samples = follow(written, expected.numbered.count)
            process.wait(120)
        finally:
            process.kill()
            process.wait()
    LIGHT.check(settings, expected)
    delete(settings, made)
    return samples.rate() * total / expected.numbered.count
