"""The whole path with every sink on, at a steady rate for minutes, then latencies at 5,000 messages per second."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from typing import Any, Self

from benchmarks.memory import MemoryWatch
from polyglot.clickhouse.client import connect
from polyglot.config import Settings
from polyglot.console import CommandError, Console
from polyglot.demo.latency import LatencyProbe
from polyglot.jobs import JOBS, STAGES
from polyglot.jobs.drain import drain
from polyglot.jobs.lifecycle import submit
from polyglot.jobs.offsets import OffsetReader, lag

LATENCY_RATE = 5_000
#: Fed before latencies count: workers import kernels when the first record comes, the JVM compiles what runs often.
WARM_UP_S = 30


def _feed(arguments: list[str]) -> dict[str, Any]:
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
        fed = _feed(["--simulate", str(frames), "--rate", str(rate), "--speed", "1", "--seed", "21", "--no-resume"])
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


def latencies(settings: Settings, console: Console, seconds: int) -> dict[str, Any]:
    """Feed 5,000 messages per second whose event times are now; return both latencies in ms, after a warm-up."""
    submit(settings, console, list(JOBS))
    frames = LATENCY_RATE * (WARM_UP_S + seconds)
    arguments = ["--simulate", str(frames), "--rate", str(LATENCY_RATE), "--start", "now", "--late", "0"]
    with LatencyProbe(settings) as probe, WindowProbe(settings) as windows:
        _feed([*arguments, "--seed", str(int(time.time()))])
        time.sleep(5)  # the last windows close a second after their last event
    if (matched := probe.percentiles()["matched"]) < frames * 0.9:
        raise CommandError(f"only {matched:,} of {frames:,} records were matched")
    return {
        "warm_up_s": WARM_UP_S,
        "raw_to_normalized_ms": probe.percentiles(WARM_UP_S),
        "window_end_to_clickhouse_ms": windows.percentiles(WARM_UP_S),
    }


class WindowProbe:
    """Asks ClickHouse every 50 ms which one-second bars are new, and how long ago their window ended."""

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
        while not self._stop.wait(0.05):
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
        values = sorted(wait for end, wait in self._waits if end >= since)
        if not values:
            raise CommandError("no bar became visible in ClickHouse")

        def pick(q: float) -> float:
            return round(values[min(len(values) - 1, int(q * len(values)))], 1)

        return {"p50": pick(0.5), "p99": pick(0.99), "max": round(values[-1], 1), "windows": len(values)}
