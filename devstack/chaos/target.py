"""The stack under fire as faults see it: its processes, its jobs, and how far the feed is."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import TypeVar

import psutil

from devstack.chaos.collectors import Collector
from devstack.chaos.disk import SmallDisk
from devstack.chaos.feeds import Feed
from devstack.chaos.holding import Holder
from devstack.local.component import Probe
from devstack.local.components import components
from operations.jobs import JOBS, WINDOWS
from operations.lifecycle import savepoint
from runtime.config import Settings
from runtime.console import CommandError
from runtime.flink_rest import FlinkRest
from runtime.layout import Layout
from runtime.offsets import OffsetReader
from runtime.stack_state import read_state
from schemas.domains import domains

#: A fault that would begin behind this share of the feed would meet no load.
LOADED = 0.9
DEADLINE_S = 180.0
_T = TypeVar("_T")
POLL_S = 0.25


class NotApplicableError(Exception):
    """A fault cannot be applied here or now; the message says why. It is reported as skipped and never counted."""


@dataclass
class Target:
    """The stack, the collectors of the current round (the last one is the lone one of the second venue), the dice.

    ``turn`` says how many times the current fault was dealt in earlier rounds, ``hit_at`` at which share of the feed it
    began.
    """

    settings: Settings
    dice: Random
    seed: int = 0
    turn: int = 0
    hit_at: float = 1.0
    collectors: Sequence[Collector] = ()
    feed: Feed | None = None
    before: int = 0  # raw records when the round began
    disks: Sequence[SmallDisk] = ()
    transactions: int = 0  # of this round
    holder: Holder | None = None  # of this round's feed
    parallelism: dict[str, int] = field(default_factory=lambda: dict.fromkeys(JOBS, 1))
    _fed: float = 0.0
    _offsets: OffsetReader | None = None

    @property
    def offsets(self) -> OffsetReader:
        self._offsets = self._offsets or OffsetReader(self.settings)
        return self._offsets

    def raw_records(self) -> int:
        """Return how many records the raw topics hold."""
        return sum(self.offsets.ends(domains().raw_topics()).values())

    def choose(self, options: Sequence[_T]) -> _T:
        """Return what is next in turn: a fault that is dealt as many times as it has options has hit all of them."""
        return options[self.turn % len(options)]

    def begin(self, feed: Feed) -> None:
        """Start a round's collectors."""
        self.feed, self.before, self._fed = feed, self.raw_records(), 0.0
        self.transactions = 0
        self.collectors = [Collector(venue, path, feed.speed) for venue, path in feed.files]
        for collector in self.collectors:
            collector.start()
        self.holder = Holder(self.fed, self.collectors)

    def finish(self, seconds: float) -> None:
        """Wait until everything is fed.

        Raises:
            CommandError: a collector is not through in time.
        """
        if self.holder:
            self.holder.close()
        deadline = time.monotonic() + seconds
        for collector in self.collectors:
            collector.finish(deadline)

    def kill_collectors(self) -> None:
        """End what still feeds."""
        if self.holder:
            self.holder.close()
        for collector in self.collectors:
            collector.kill()

    def fed(self) -> float:
        """Return the share of the round's records that are in the log; while the broker is away, as last seen."""
        try:
            found = self.raw_records() - self.before
        except CommandError:
            return self._fed
        self._fed = found / self.feed.records if self.feed else 0.0
        return self._fed

    @property
    def feeding(self) -> bool:
        """Whether a collector of the first venue still has something to send."""
        return any(collector.running or collector.held for collector in self.collectors[:2])

    def await_fed(self, share: float) -> bool:
        """Wait until so much is fed; return False if the feed is over before."""
        while self.feeding:
            if self.fed() >= share:
                return True
            time.sleep(POLL_S)
        return False

    def demand_load(self) -> float:
        """Return the share that is fed, when a fault is about to begin.

        Raises:
            NotApplicableError: the feed is over, or so near its end that the fault would meet no load.
        """
        self.hit_at = self.fed() if self.feeding else 1.0
        if self.hit_at > LOADED:
            raise NotApplicableError(f"no load: {self.hit_at:.0%} are fed")
        return self.hit_at

    def await_that(self, what: str, holds: Callable[[], bool]) -> None:
        """Wait until something holds; services that do not answer are waited for.

        Raises:
            NotApplicableError: it does not hold in time.
        """
        deadline = time.monotonic() + DEADLINE_S
        why: object = ""
        while time.monotonic() < deadline:
            try:
                if holds():
                    return
            except Exception as error:  # noqa: BLE001 - a service that starts fails in any way its client knows
                why = error
            time.sleep(POLL_S)
        raise NotApplicableError(f"waited {DEADLINE_S:.0f} s in vain: {what} {why}".rstrip())

    def process(self, component: str) -> psutil.Process:
        """Return a component's process, when the supervisor has (again) started it."""
        found: list[psutil.Process] = []

        def there() -> bool:
            state = read_state(Layout.at(self.settings.var_dir))
            running = state.components.get(component) if state else None
            if running and running.pid and running.alive:
                found.append(psutil.Process(running.pid))
            return bool(found)

        self.await_that(f"{component} runs", there)
        return found[-1]

    def await_answer(self, *names: str) -> None:
        """Wait until components answer; without names, all of them."""
        for component in components(self.settings):
            if not names or component.name in names:
                self.await_that(f"{component.name} answers", partial(_answers, component.probe))

    def polyglot(self, *arguments: str, **environment: str) -> None:
        """Run one of our own commands as an operator would.

        Raises:
            CommandError: it failed.
        """
        command = [sys.executable, "-m", "polyglot.cli", *arguments, "--json"]
        done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CommandError(f"polyglot {' '.join(arguments)} failed:\n{done.stderr[-2000:]}")

    def await_jobs(self, *names: str) -> None:
        """Wait until these jobs (default: all) run with all their tasks."""

        def running() -> bool:
            with FlinkRest(self.settings.flink.url) as rest:
                return {job.name for job in rest.jobs(live=True) if job.running} >= set(names or JOBS)

        self.await_that(f"{', '.join(names or JOBS)} run", running)

    def windows_ms(self) -> int | None:
        """Return the watermark that all windows have passed, ms UTC; None while one has none."""
        with FlinkRest(self.settings.flink.url) as rest:
            job = rest.job("analytics")
            vertices = rest.vertices(job.id) if job else []
            watermarks = [
                rest.watermark(job.id, vertex["id"])
                for vertex in vertices
                if job and vertex["name"].startswith(WINDOWS)
            ]
        known = [watermark for watermark in watermarks if watermark is not None]
        return min(known) if known and len(known) == len(watermarks) else None

    def restart(self, job: str, parallelism: int = 1, **environment: str) -> None:
        """Stop a job with a savepoint and resume it, from now on at this parallelism, and with these settings."""
        path = savepoint(self.settings, job)
        self.parallelism[job] = parallelism
        self.submit("--from-savepoint", path, jobs=[job], **environment)

    def submit(self, *extra: str, jobs: Sequence[str] = JOBS, **environment: str) -> None:
        """Start jobs that do not run, each at the parallelism it is meant to have; ``environment`` has settings."""
        for degree in sorted({self.parallelism[job] for job in jobs}):
            chosen = [job for job in jobs if self.parallelism[job] == degree]
            self.polyglot("submit", *chosen, *extra, POLYGLOT_FLINK__PARALLELISM=str(degree), **environment)


def _answers(probe: Probe) -> bool:
    probe()  # raises while there is no answer
    return True
