"""Two redundant collectors of one venue: the same simulated frames, each with gaps that the other fills."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

from polyglot.config import Settings
from polyglot.console import CommandError
from polyglot.jobs.offsets import OffsetReader
from schemas.domains import domains

#: Frames per second of event time; fed at ``SPEED`` times that. A second of outage is ten seconds of event time.
EVENT_RATE = 200
SPEED = 10
#: Share of the frames that one collector misses and the other has, each.
MISSED = 0.05


def raw_records(settings: Settings) -> int:
    """Return how many records the raw topics hold."""
    return sum(OffsetReader(settings).ends(domains().raw_topics()).values())


class Collector:
    """A `polyglot feed` process on a capture file; started again, it goes on where it was acknowledged."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        arguments = ["feed", "sim", "--capture", str(path), "--speed", str(SPEED), "--json"]
        self._command = [sys.executable, "-m", "polyglot.cli", *arguments]
        self._process: subprocess.Popen[bytes] | None = None
        self._said = path.with_suffix(".log")

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the process."""
        with self._said.open("ab") as said:
            self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=said)

    def signal(self, number: int) -> None:
        """Send a signal, if it still runs."""
        if self._process and self.running:
            self._process.send_signal(number)

    def kill(self) -> None:
        """Kill -9, and wait for it."""
        self.signal(signal.SIGKILL)
        if self._process:
            self._process.wait()

    def finish(self, timeout_s: float) -> None:
        """Wait until everything is fed.

        Raises:
            CommandError: it failed, or is not through in time.
        """
        if self._process is None:
            raise CommandError(f"{self.name} was never started")
        try:
            code = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise CommandError(f"{self.name} is not through after {timeout_s:.0f} s") from None
        if code:
            raise CommandError(f"{self.name} ended with {code}: {self._said.read_text(errors='replace')[-1500:]}")


def record(folder: Path, seed: int, frames: int, start: str, dice: Random) -> tuple[list[Path], dict[str, Any]]:
    """Write the round's frames as two captures with gaps; return them and what the simulator says must come out."""
    folder.mkdir(parents=True, exist_ok=True)
    whole, manifest = folder / f"{seed}.gz", folder / f"{seed}.json"
    options = {
        "--simulate": frames, "--seed": seed, "--rate": EVENT_RATE, "--start": start, "--late": 0.05, "--late-max": 30,
        "--duplicates": 0.02, "--malformed": 0.005, "--clock-offset-ms": dice.randrange(-1500, 1500),
        "--write": whole, "--manifest": manifest,
    }  # fmt: skip
    arguments = [str(part) for pair in options.items() for part in pair]
    command = [sys.executable, "-m", "polyglot.cli", "feed", "sim", *arguments, "--json"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ))
    paths = [folder / f"{seed}-{side}.gz" for side in "ab"]
    with gzip.open(whole) as lines, gzip.open(paths[0], "wb", 1) as first, gzip.open(paths[1], "wb", 1) as second:
        for line in lines:
            chance = dice.random()
            if chance >= MISSED:
                first.write(line)
            if not MISSED <= chance < 2 * MISSED:
                second.write(line)
    return paths, json.loads(manifest.read_text())
