"""Run a loop in one or two processes over a topic's partitions, measure it, and check what it wrote."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

from orjson import loads

from benchmarks.loops.clients import Task
from benchmarks.measure import Samples
from benchmarks.preload import CHANNELS, Expected, numbered
from benchmarks.topics import ENVELOPES_PART, FRAMES, Digest, delete, ends, make, values
from runtime.config import ROOT, Settings
from runtime.console import CommandError

TARGET = "benchmark.loop"
DEAD = ".dead"
_CHANNELS = {"trade": "trade", "quote": "book_ticker"}
_FRAMES = {"trade": CHANNELS["trade"], "quote": CHANNELS["book_ticker"]}


@dataclass(frozen=True)
class Loop:
    """A loop: its module, what it reads, and who checks what it wrote (settings, what must be there)."""

    module: str
    source: str
    check: Callable[[Settings, Expected], None]


def run(settings: Settings, loop: Loop, processes: int, expected: Expected) -> float:
    """Return the records per second that a loop reads.

    Raises:
        CommandError: a process failed, or what it wrote is wrong.
    """
    made = [TARGET, TARGET + DEAD]
    make(settings, made)
    found = ends(settings, loop.source)
    broker = settings.kafka.librdkafka()
    tasks = [Task(broker, loop.source, share, TARGET) for share in shares(found, processes)]
    command = [sys.executable, "-m", f"benchmarks.loops.{loop.module}"]
    running = [subprocess.Popen([*command, task.text()], stdout=subprocess.PIPE, text=True, cwd=ROOT) for task in tasks]
    outputs = [process.communicate()[0] for process in running]
    if any(process.returncode for process in running):
        raise CommandError(f"a process of {loop.module} failed")
    rate = progress(outputs, sum(found.values())).rate()
    loop.check(settings, expected)
    delete(settings, made)
    return rate


def shares(found: dict[int, int], processes: int) -> list[dict[int, int]]:
    """Deal partitions out to processes so that each has about as many records."""
    dealt: list[dict[int, int]] = [{} for _ in range(processes)]
    for partition, end in sorted(found.items(), key=lambda one: -one[1]):
        min(dealt, key=lambda share: sum(share.values()))[partition] = end
    return dealt


def progress(outputs: list[str], total: int) -> Samples:
    """Return how many records all processes together had read at each moment that one of them reported."""
    lines = [(i, json.loads(line)) for i, text in enumerate(outputs) for line in text.splitlines()]
    read = [0] * len(outputs)
    points = []
    for i, line in sorted(((i, line) for i, line in lines if "read" in line), key=lambda one: one[1]["at"]):
        read[i] = line["read"]
        points.append((line["at"], sum(read)))
    if not points or points[-1][1] != total:
        raise CommandError(f"loops read {points[-1][1] if points else 0:,} of {total:,} records")
    return Samples(total, points)


def _numbers(settings: Settings, expected: Expected) -> None:
    found = Digest()
    for value in values(settings, [TARGET]):
        record = loads(value)
        event_id = f"sim:{record['symbol']}:{_CHANNELS[record['kind']]}:{record['id']}"
        found.add(numbered(event_id, record["seq"], record["time"] * 1000))
    _same("the light loop", found, expected.numbered)


def _bars(settings: Settings, expected: Expected) -> None:
    found = {}
    for value in values(settings, [TARGET]):
        bar = loads(value)
        found[_FRAMES[bar["kind"]], bar["symbol"], bar["second"]] = (bar["count"], bar.get("volume", 0.0))
    wrong = [
        key
        for key in found.keys() | expected.seconds.keys()
        if key not in found or key not in expected.seconds or not _close(found[key], expected.seconds[key])
    ]
    if wrong:
        raise CommandError(
            f"the light loop: {len(wrong):,} of {len(expected.seconds):,} bars are wrong, e.g. {wrong[0]}"
        )


def _close(found: tuple[int, float], expected: tuple[int, object]) -> bool:
    return found[0] == expected[0] and math.isclose(found[1], float(str(expected[1])), rel_tol=1e-9)


def _contracts(settings: Settings, expected: Expected) -> None:
    _same("the same-work loop", Digest.of(values(settings, [TARGET])), expected.normalized)
    dead = sum(ends(settings, TARGET + DEAD).values())
    if dead != expected.rejected:
        raise CommandError(f"the same-work loop rejected {dead:,} records, the kernels {expected.rejected:,}")


def _same(who: str, found: Digest, expected: Digest) -> None:
    if found != expected:
        raise CommandError(f"{who} wrote {found}, the kernels {expected}")


LIGHT = Loop("light", FRAMES, _numbers)
BARS = Loop("bars", FRAMES, _bars)
SAME_WORK = Loop("same_work", ENVELOPES_PART, _contracts)
