"""The whole path with every sink on, at a steady rate for minutes, in a stack that is warm."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.loops.run import LIGHT, run
from benchmarks.measure import follow, spread
from benchmarks.memory import MemoryWatch
from benchmarks.preload import preload
from benchmarks.stock import remove, write
from collectors.sim import DEFAULT_START_US, MAX_ID_STEP, SimSpec
from operations.drain import drain
from operations.jobs import JOBS, STAGES
from operations.lifecycle import submit
from runtime.config import ROOT, Settings
from runtime.console import CommandError, Console
from runtime.flink_rest import FlinkRest
from runtime.offsets import OffsetReader, lag

#: Fed before anything counts: workers import kernels when the first record comes, and the JVM's compilers take two to
#: three minutes. The aims are for a stream that runs for days; one minute in, the compilers take half a core.
WARM_UP_S = 180
_WARM_UP_RATE = 5_000
#: Frames per second at which the stack's memory is to keep an aim.
MEMORY_RATE = 20_000
#: Of the light loop that runs before and after the whole path.
_BESIDE_FRAMES, _BESIDE_RUNS = 1_000_000, 3


def feed(arguments: list[str]) -> dict[str, Any]:
    """Feed the simulated venue through the command line; return its report."""
    command = [sys.executable, "-m", "polyglot.cli", "feed", "sim", *arguments, "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _raw_lag(reader: OffsetReader) -> int:
    ends = {stage: reader.ends(stage.reads) for stage in STAGES[0]}
    return max(lag(end, reader.committed(stage.group, end)) for stage, end in ends.items())


def _spec(rate: int, after: int) -> SimSpec:
    """Return a sequence that begins after so many frames of another one.

    The venue's ids are one per ms ahead of those at its own beginning, so as many ms are left as those frames may have
    taken ids.
    """
    return SimSpec(seed=21, rate=rate, start_us=DEFAULT_START_US + after * MAX_ID_STEP * 1000)


def sustained(
    settings: Settings, console: Console, rate: int, minutes: float, warm_up_s: int = WARM_UP_S
) -> dict[str, Any]:
    """Feed at ``rate`` for ``minutes``, after a warm-up; return rates, lag and memory.

    The frames are made in advance (`benchmarks.stock`), so that the feeder takes little of what is measured. The path
    keeps up if what is left when the feed ends drains in a small part of the time that it took.
    """
    frames = int(rate * minutes * 60)
    stock = Path(settings.var_dir) / "stock"
    write(stock, _spec(rate, warm_up_s * _WARM_UP_RATE), frames)
    submit(settings, console, list(JOBS))
    warm_up = ["--simulate", str(_WARM_UP_RATE * warm_up_s), "--rate", str(_WARM_UP_RATE), "--speed", "1"]
    feed([*warm_up, "--seed", "21", "--no-resume"])
    drain(settings, console, 1800)
    reader, lags = OffsetReader(settings), []
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(5):
            lags.append(_raw_lag(reader))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    began = time.monotonic()
    with MemoryWatch(settings) as memory:
        command = [sys.executable, "-m", "benchmarks.stock", str(stock), str(rate)]
        fed = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT).stdout)
        feed_s = time.monotonic() - began
        drain_s = drain(settings, console, 1800)
    stop.set()
    watcher.join()
    remove(stock)
    return {
        "warm_up_s": warm_up_s,
        "asked_rate": rate,
        "fed_rate": round(fed["frames"] / fed["seconds"]),
        "end_to_end_rate": round(frames / (feed_s + drain_s)),
        "feed_s": round(feed_s, 1),
        "drain_s": round(drain_s, 1),
        "lag_at_checkpoints": lags,
        "memory": memory.summary(),
    }


def whole(
    settings: Settings, console: Console, rate: int, minutes: float, warm_up_s: int = WARM_UP_S
) -> dict[str, Any]:
    """Run the whole path, every store on, with the light loop before and after it, and verify all of it.

    Returns:
        As `sustained`; ``of_light_loop`` is the end-to-end rate of what the light loop does in two processes.
    """
    loaded = preload(settings, _BESIDE_FRAMES, 0, seed=5, raw=False)
    beside = [run(settings, LIGHT, 2, loaded.whole) for _ in range(_BESIDE_RUNS)]
    found = sustained(settings, console, rate, minutes, warm_up_s)
    report = _verified()
    with FlinkRest(settings.flink.url) as rest:
        for job in rest.jobs(live=True):
            rest.cancel(job.id)
        follow(lambda: int(not rest.jobs(live=True)), 1, timeout_s=60)
    beside += [run(settings, LIGHT, 2, loaded.whole) for _ in range(_BESIDE_RUNS)]
    replay_s = report["replay"]["seconds"]["total"]
    return {
        **found,
        "light_loop": {
            "per_s": round(median(beside)),
            "spread": spread(beside),
            "runs": [round(one) for one in beside],
        },
        "of_light_loop": round(found["end_to_end_rate"] / median(beside), 4),
        "verify": {k: report[k] for k in ("passed", "records", "differences")},
        "replay_events_per_second": report["replay"]["events_per_second"],
        "verify_of_replay": round(sum(report["seconds"].values()) / replay_s, 3),
    }


def _verified() -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "polyglot.cli", "verify", "--json"], stdout=subprocess.PIPE, text=True, check=False
    )
    if not done.stdout.strip():
        raise CommandError(f"verify ended with {done.returncode} and without a report")
    found: dict[str, Any] = json.loads(done.stdout)
    return found
