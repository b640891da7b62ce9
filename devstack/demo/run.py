"""The demo: a fresh stack, the three jobs, frames at a steady pace, everything drained, counted and verified."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from devstack.demo.captures import detect_venue, speed_for
from devstack.demo.latency import LatencyProbe
from devstack.demo.manifest import compared, differences
from devstack.demo.reconciliation import reconcile
from devstack.local.control import down, up
from operations.drain import drain
from operations.jobs import JOBS
from operations.lifecycle import submit
from runtime.config import Settings
from runtime.console import CommandError, Console

#: Frames per second fed of a capture, and of the simulated venue: what two slow cores keep up with while the JVM still
#: compiles. The latency objective is stated for 5,000 and a warm pipeline: `make bench`.
PACE, SIMULATED_PACE = 5_000.0, 2_500.0
#: Event rate of the simulator, frames per second of event time.
SIMULATED_RATE = 2_000
#: A job's Python workers import their kernels when the first record comes; the JVM compiles what runs often. The first
#: frames of the simulated venue are fed ahead of the others, and awaited. Latency is reported without these and the
#: first seconds of what follows, and with all of it.
WARM_UP_FRAMES = 10_000
WARM_UP_S = 10.0
_DRAIN_TIMEOUT_S = 900.0


@dataclass
class Timings:
    """Seconds per step, in order."""

    steps: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, console: Console, name: str) -> Iterator[None]:
        """Time one step and say what it is."""
        console.info(f"── {name}")
        began = time.monotonic()
        yield
        self.steps[name] = round(time.monotonic() - began, 1)


def _polyglot(arguments: Sequence[str], *, json_output: bool = True) -> dict[str, Any]:
    """Run one of our own commands as a user would and return its JSON document.

    Raises:
        CommandError: it failed; its message is passed on.
    """
    command = [sys.executable, "-m", "polyglot.cli", *arguments, *(["--json"] if json_output else [])]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    try:
        document: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise CommandError(f"polyglot {arguments[0]} failed with exit code {done.returncode}") from None
    return {**document, "exit_code": done.returncode}


def _simulated(frames: int, seed: int) -> list[str]:
    """Return the call that feeds the first frames of the simulated venue; what was fed before is not fed again."""
    speed = SIMULATED_PACE / SIMULATED_RATE
    simulate = ["--simulate", str(frames), "--seed", str(seed), "--rate", str(SIMULATED_RATE)]
    return ["feed", "sim", *simulate, "--speed", f"{speed:g}"]


def _feeds(captures: Sequence[Path], venue: str, frames: int, seed: int) -> list[list[str]]:
    """Return the `polyglot feed` calls, one per venue."""
    if not captures:
        return [_simulated(frames, seed)]
    by_venue: dict[str, list[Path]] = {}
    for path in captures:
        by_venue.setdefault(venue or detect_venue(path), []).append(path)
    return [
        ["feed", name, "--capture", *map(str, paths), "--speed", f"{speed_for(paths, PACE):g}"]
        for name, paths in by_venue.items()
    ]


def run(
    settings: Settings, console: Console, captures: Sequence[Path], venue: str, frames: int, seed: int
) -> dict[str, Any]:
    """Run the demo and return its report; the stack is left running.

    Raises:
        CommandError: a step failed.
    """
    feeds = _feeds(captures, venue, frames, seed)
    warm_up = WARM_UP_FRAMES if not captures and frames > WARM_UP_FRAMES else 0
    timings = Timings()
    with timings.step(console, "stop an earlier stack and delete its data"):
        down(settings, console, wipe=True)
    with timings.step(console, "start the stack"):
        up(settings, console)
    with timings.step(console, "submit the jobs"):
        submit(settings, console, list(JOBS))
    fed: list[dict[str, Any]] = []
    pace = PACE if captures else SIMULATED_PACE
    venues = {venue for _, venue, *_ in feeds}
    with timings.step(console, f"feed at {pace:,.0f} frames/s"), LatencyProbe(settings, venues) as probe:
        if warm_up:
            fed.append(_polyglot(_simulated(warm_up, seed)))
            _await_matched(probe)
        warm = time.monotonic()
        fed += [_polyglot(arguments) for arguments in feeds]
        _await_matched(probe)
    if failed := [one for one in fed if one["exit_code"]]:
        raise CommandError(f"feeding failed: {failed}")
    with timings.step(console, "drain"):
        drain(settings, console, _DRAIN_TIMEOUT_S)
    with timings.step(console, "replay with Spark and verify"):
        verified = _polyglot(["verify", "--fail-on-empty" if not captures else "--limit=20"])
    counted = reconcile(settings, verified)
    return {
        **counted,
        **_made(fed[-1].get("manifest"), counted),
        "input": "simulator" if not captures else [path.name for path in captures],
        "fed": [{k: one[k] for k in ("venue", "frames", "acked", "rate")} for one in fed],
        **_latencies(probe, warm),
        "warm_up": {"frames": warm_up, "seconds": WARM_UP_S},
        "set_up_s": round(sum(list(timings.steps.values())[:3]), 1),
        "run_s": round(sum(list(timings.steps.values())[3:]), 1),
        "steps_s": timings.steps,
    }


def _latencies(probe: LatencyProbe, warm: float) -> dict[str, Any]:
    """Return the latency with and without the start, and what to know about it.

    Of an input that was over before its first seconds were, it is that of the whole input behind the warm-up frames.
    """
    settled = probe.percentiles(WARM_UP_S, since=warm)
    note = "" if settled["matched"] else f"the feed took less than {WARM_UP_S:.0f} s: while the JVM compiles"
    return {
        "latency_ms": settled if settled["matched"] else probe.percentiles(since=warm),
        "latency_ms_with_start_up": probe.percentiles(),
        "latency_note": note,
    }


def _made(manifest: dict[str, Any] | None, counted: dict[str, Any]) -> dict[str, Any]:
    """Return what the simulator made beside what came out of it; of captured frames nobody knows."""
    if manifest is None:
        return {"expected": None, "made_and_came_out": None, "unexpected": []}
    lines = compared(manifest, counted)
    return {"expected": manifest, "made_and_came_out": lines, "unexpected": differences(lines)}


def passed(report: dict[str, Any]) -> bool:
    """Tell whether a demo's report says that all is as it must be."""
    balanced = all(report["balance"].values())
    return bool(report["verify"]["passed"] and balanced and not report["unexpected"])


def _await_matched(probe: LatencyProbe) -> None:
    """Wait until the pipeline has caught up with the feed, as far as the probe sees."""
    before, deadline = -1, time.monotonic() + 30
    while (now := probe.matched) != before and time.monotonic() < deadline:
        before = now
        time.sleep(1.0)
