"""Rates from counters that are sampled while a job works."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from polyglot.config import Settings
from polyglot.console import CommandError
from polyglot.jobs.offsets import OffsetReader
from polyglot.jobs.rest import FlinkRest

#: Start-up and run-out are left out of a rate.
FIRST, LAST = 0.10, 0.95


@dataclass
class Samples:
    """(seconds, count) pairs of one counter on its way to ``total``."""

    total: int
    points: list[tuple[float, int]] = field(default_factory=list)

    def rate(self) -> float:
        """Return records per second between 10 % and 95 % of the total.

        Raises:
            CommandError: fewer than three samples lie there: the input is too small for this machine.
        """
        middle = [p for p in self.points if FIRST * self.total <= p[1] <= LAST * self.total]
        if len(middle) < 3:
            raise CommandError(f"too few samples between 10 % and 95 % of {self.total:,}: use more frames")
        return (middle[-1][1] - middle[0][1]) / (middle[-1][0] - middle[0][0])


def follow(read: Callable[[], int], total: int, timeout_s: float = 900.0, every_s: float = 0.25) -> Samples:
    """Sample ``read`` until it reaches ``total``."""
    samples, began = Samples(total), time.monotonic()
    while True:
        count = read()
        samples.points.append((time.monotonic(), count))
        if count >= total:
            return samples
        if time.monotonic() - began > timeout_s:
            raise CommandError(f"only {count:,} of {total:,} after {timeout_s:.0f} s")
        time.sleep(every_s)


def topic_counter(settings: Settings, topics: list[str]) -> Callable[[], int]:
    """Return a function that counts the records of topics."""
    reader = OffsetReader(settings)
    return lambda: sum(reader.ends(topics).values())


def source_counter(settings: Settings, job_id: str, sources: tuple[str, ...]) -> Callable[[], int]:
    """Return a function that counts what a job's sources handed on; ``sources`` are parts of their names."""

    def count() -> int:
        with FlinkRest(settings.flink.url) as rest:
            vertices = rest.vertices(job_id)
        return sum(
            int(v["metrics"]["write-records"])
            for v in vertices
            if v["name"].startswith("Source:") and any(name in v["name"] for name in sources)
        )

    return count
