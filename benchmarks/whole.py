"""The whole path with every sink on, at a steady rate for minutes."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from typing import Any

from benchmarks.memory import MemoryWatch
from polyglot.config import Settings
from polyglot.console import Console
from polyglot.jobs import JOBS, STAGES
from polyglot.jobs.drain import drain
from polyglot.jobs.lifecycle import submit
from polyglot.jobs.offsets import OffsetReader, lag


def feed(arguments: list[str]) -> dict[str, Any]:
    """Feed the simulated venue through the command line; return its report."""
    command = [sys.executable, "-m", "polyglot.cli", "feed", "sim", *arguments, "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _raw_lag(reader: OffsetReader) -> int:
    ends = {stage: reader.ends(stage.reads) for stage in STAGES[0]}
    return max(lag(end, reader.committed(stage.group, end)) for stage, end in ends.items())


def sustained(settings: Settings, console: Console, rate: int, minutes: float) -> dict[str, Any]:
    """Feed at ``rate`` for ``minutes``; return rates, lag, memory, and what verify says of it.

    The path keeps up if what is left when the feed ends drains in a small part of the time that it took.
    """
    submit(settings, console, list(JOBS))
    frames = int(rate * minutes * 60)
    reader, lags = OffsetReader(settings), []
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(5):
            lags.append(_raw_lag(reader))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    began = time.monotonic()
    with MemoryWatch(settings) as memory:
        fed = feed(["--simulate", str(frames), "--rate", str(rate), "--speed", "1", "--seed", "21", "--no-resume"])
        feed_s = time.monotonic() - began
        drain_s = drain(settings, console, 1800)
    stop.set()
    watcher.join()
    verified = subprocess.run(
        [sys.executable, "-m", "polyglot.cli", "verify", "--json"], stdout=subprocess.PIPE, text=True, check=False
    )
    report = json.loads(verified.stdout)
    return {
        "asked_rate": rate,
        "fed_rate": fed["rate"],
        "end_to_end_rate": round(frames / (feed_s + drain_s)),
        "feed_s": round(feed_s, 1),
        "drain_s": round(drain_s, 1),
        "lag_at_checkpoints": lags,
        "memory": memory.summary(),
        "verify": {k: report[k] for k in ("passed", "records", "differences")},
        "replay_events_per_second": report["replay"]["events_per_second"],
    }
