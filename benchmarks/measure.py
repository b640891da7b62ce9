"""Rates from counters that are sampled while a job works."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import httpx

from runtime.config import Settings
from runtime.console import CommandError
from runtime.offsets import OffsetReader

#: Start-up and run-out are left out of a rate.
FIRST, LAST = 0.10, 0.95
#: A source's own count of what it has read: labels and value.
_SOURCE_OUT = re.compile(
    r'^flink_taskmanager_job_task_operator_numRecordsOut\{([^}]*operator_name="Source:_[^}]*)\} (\S+)', re.MULTILINE
)


@dataclass
class Samples:
    """(seconds, count) pairs of one counter on its way to ``total``."""

    total: int
    points: list[tuple[float, int]] = field(default_factory=list)

    def rate(self) -> float:
        """Return records per second between 10 % and 95 % of the total.

        Where it went too fast for two samples in between, those just outside are taken: the rate is no higher then.

        Raises:
            CommandError: there are none: the input is too small for this machine.
        """
        low, high = FIRST * self.total, LAST * self.total
        middle = [p for p in self.points if low <= p[1] <= high]
        if len(middle) < 2:
            before, after = ([p for p in self.points if p[1] < low], [p for p in self.points if p[1] > high])
            middle = [*before[-1:], *middle, *after[:1]]
        if len(middle) < 2:
            raise CommandError(f"too few samples around 10 % to 95 % of {self.total:,}: use more frames")
        return (middle[-1][1] - middle[0][1]) / (middle[-1][0] - middle[0][0])


def follow(read: Callable[[], int], total: int, timeout_s: float = 900.0, every_s: float = 0.25) -> Samples:
    """Sample ``read`` until it reaches ``total``; only changes are kept."""
    samples, began = Samples(total), time.monotonic()
    while True:
        count = read()
        if not samples.points or count != samples.points[-1][1]:
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


def source_counter(settings: Settings, job_id: str) -> Callable[[], int]:
    """Return a function that counts the records that a job's sources handed on.

    The TaskManager's own exposition is read, because it is what holds now: the JobManager's copy is a second old, and a
    job may be done in three. The sources are asked, not the tasks that they are part of: where one packs its records
    into blocks, the task hands on blocks.
    """
    url = f"http://{settings.flink.host}:{settings.flink.first_metrics_port + 1}/metrics"
    client = httpx.Client(timeout=15)

    def count() -> int:
        lines = _SOURCE_OUT.findall(client.get(url).raise_for_status().text)
        return sum(round(float(value)) for labels, value in lines if f'job_id="{job_id}"' in labels)

    return count


@dataclass
class Rounds:
    """Rates of several things that ran in turn, once in each round."""

    rates: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, rate: float) -> None:
        """Take the rate of one run."""
        self.rates.setdefault(name, []).append(rate)

    def document(self, bases: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return, by name, the median rate, its spread and all runs, and ``of``: the ratio to each base that ran.

        A ratio is the median of the rounds' ratios, for the machine's pace differs more between rounds than within
        one. A spread is (largest - smallest) / median.
        """
        found = {}
        for name, runs in self.rates.items():
            of = {}
            for base in bases:
                if base != name and base in self.rates:
                    ratios = [mine / other for mine, other in zip(runs, self.rates[base], strict=True)]
                    of[base] = {"ratio": round(median(ratios), 4), "spread": spread(ratios)}
            found[name] = {
                "per_s": round(median(runs)), "spread": spread(runs), "runs": [round(rate) for rate in runs], "of": of,
            }  # fmt: skip
        return found


def spread(values: Sequence[float]) -> float:
    """Return (largest - smallest) / median."""
    return round((max(values) - min(values)) / median(values), 3)
