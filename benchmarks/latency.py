"""How long a record takes to its normalized topic, and a bar from its window's end to ClickHouse and to a query."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from typing import Any, Self

from benchmarks.whole import WARM_UP_S, feed
from devstack.demo.latency import LatencyProbe, percentiles
from operations.jobs import JOBS
from operations.lifecycle import submit
from runtime.clickhouse.client import connect
from runtime.config import Settings
from runtime.console import CommandError, Console

#: Messages per second whose way is timed, and those during which somebody asks for bars.
LATENCY_RATE, QUERY_RATE = 5_000, 1_000
NEWEST = "SELECT toUnixTimestamp64Micro(max(window_end)) FROM bars WHERE interval = '1s'"


def _simulated(rate: int, seconds: int) -> list[str]:
    """Return the arguments of a feed whose event times are now."""
    seed = str(int(time.time()))
    frames = str(rate * seconds)
    return ["--simulate", frames, "--rate", str(rate), "--start", "now", "--late", "0", "--seed", seed]


def latencies(settings: Settings, console: Console, seconds: int, warm_up_s: int = WARM_UP_S) -> dict[str, Any]:
    """Feed 5,000 messages per second whose event times are now; return both latencies in ms, after a warm-up."""
    submit(settings, console, list(JOBS))
    with LatencyProbe(settings, ["sim"]) as probe, WindowProbe(settings) as windows:
        feed(_simulated(LATENCY_RATE, warm_up_s + seconds))
        # The last windows close a second after their last event, or never: nothing tells which, so a fixed time it is.
        time.sleep(5)
    if (matched := probe.matched) < 0.9 * LATENCY_RATE * (warm_up_s + seconds):
        raise CommandError(f"only {matched:,} records were matched")
    return {
        "warm_up_s": warm_up_s,
        "raw_to_normalized_ms": probe.percentiles(warm_up_s),
        "window_end_to_clickhouse_ms": windows.percentiles(warm_up_s),
    }


def queried(settings: Settings, console: Console, seconds: int, warm_up_s: int = WARM_UP_S) -> dict[str, Any]:
    """Run ``polyglot query`` again and again while 1,000 messages per second are fed, after a warm-up.

    What counts is, when a query has printed its rows, for how many ms the first window had been over that is not yet
    among them: a bar is always there within the highest of these.
    """
    submit(settings, console, list(JOBS))
    missing: list[float] = []
    feeder = threading.Thread(target=feed, args=(_simulated(QUERY_RATE, warm_up_s + seconds),))
    feeder.start()
    began = time.monotonic()
    while feeder.is_alive():
        done = subprocess.run(
            [sys.executable, "-m", "polyglot.cli", "query", NEWEST, "--json"], stdout=subprocess.PIPE, check=True
        )
        newest = int(json.loads(done.stdout)["rows"][0][0]) / 1_000_000
        if feeder.is_alive() and time.monotonic() - began > warm_up_s:
            missing.append((time.time() - (newest + 1)) * 1000)
    if len(missing) < 10:
        raise CommandError(f"only {len(missing)} queries ended while the feed ran")
    return {"window_end_to_query_ms": {**percentiles(missing), "queries": len(missing)}}


class WindowProbe:
    """Asks ClickHouse every 100 ms which one-second bars are new, and how long ago their window ended."""

    def __init__(self, settings: Settings) -> None:
        self._client = connect(settings)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._waits: list[tuple[float, float]] = []  # end of the window, ms; how long until it was visible, ms

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        seen: set[tuple[str, int]] = set()
        since = int(time.time()) * 1_000_000
        query = (
            "SELECT entity_id, toUnixTimestamp64Micro(window_end) FROM bars "
            "WHERE interval = '1s' AND window_end > fromUnixTimestamp64Micro({since:Int64}) GROUP BY ALL"
        )
        while not self._stop.wait(0.1):
            rows = self._client.query(query, parameters={"since": since}).result_rows
            now = time.time() * 1000
            for entity, end in rows:
                if (entity, end) not in seen:
                    seen.add((entity, end))
                    self._waits.append((end / 1000, now - end / 1000))
            since = max(since, int(now * 1000) - 20_000_000)

    def percentiles(self, after_s: float = 0.0) -> dict[str, float | int]:
        """Return p50, p99 and max in ms, and how many windows were seen; without the first ``after_s``."""
        since = min((end for end, _ in self._waits), default=0.0) + after_s * 1000
        values = [wait for end, wait in self._waits if end >= since]
        if not values:
            raise CommandError("no bar became visible in ClickHouse")
        return {**percentiles(values), "windows": len(values)}
