"""The whole path with every sink on, at a steady rate for minutes, in a stack that is warm."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from typing import Any

from benchmarks.memory import MemoryWatch
from polyglot.collect.sim import DEFAULT_START_US, MAX_ID_STEP
from polyglot.config import Settings
from polyglot.console import Console
from polyglot.jobs import JOBS, STAGES
from polyglot.jobs.drain import drain
from polyglot.jobs.lifecycle import submit
from polyglot.jobs.offsets import OffsetReader, lag

#: Fed before anything counts: workers import kernels when the first record comes, and the JVM's compilers take two to
#: three minutes. The aims are for a stream that runs for days; one minute in, the compilers take half a core.
WARM_UP_S = 180
_WARM_UP_RATE = 5_000


def feed(arguments: list[str]) -> dict[str, Any]:
    """Feed the simulated venue through the command line; return its report."""
    command = [sys.executable, "-m", "polyglot.cli", "feed", "sim", *arguments, "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _raw_lag(reader: OffsetReader) -> int:
    ends = {stage: reader.ends(stage.reads) for stage in STAGES[0]}
    return max(lag(end, reader.committed(stage.group, end)) for stage, end in ends.items())


def _steadily(rate: int, seconds: float, after: int = 0) -> list[str]:
    """Return the arguments of a feed that begins after so many frames of another one.

    The venue's ids are one per ms ahead of those at its own beginning, so as many ms are left as those frames may have
    taken ids.
    """
    start = datetime.fromtimestamp(DEFAULT_START_US / 1e6 + after * MAX_ID_STEP / 1e3, UTC).isoformat()
    frames = str(int(rate * seconds))
    return ["--simulate", frames, "--rate", str(rate), "--speed", "1", "--seed", "21", "--start", start, "--no-resume"]


def sustained(settings: Settings, console: Console, rate: int, minutes: float) -> dict[str, Any]:
    """Feed at ``rate`` for ``minutes``, after a warm-up; return rates, lag, memory, and what verify says of it all.

    The path keeps up if what is left when the feed ends drains in a small part of the time that it took.
    """
    submit(settings, console, list(JOBS))
    feed(_steadily(_WARM_UP_RATE, WARM_UP_S))
    drain(settings, console, 1800)
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
        fed = feed(_steadily(rate, minutes * 60, after=_WARM_UP_RATE * WARM_UP_S))
        feed_s = time.monotonic() - began
        drain_s = drain(settings, console, 1800)
    stop.set()
    watcher.join()
    verified = subprocess.run(
        [sys.executable, "-m", "polyglot.cli", "verify", "--json"], stdout=subprocess.PIPE, text=True, check=False
    )
    report = json.loads(verified.stdout)
    return {
        "warm_up_s": WARM_UP_S,
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
