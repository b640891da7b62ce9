"""What is done to a running stack. Each fault is over when it returns; recovery goes on beside the feed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

import psutil

from polyglot.chaos.collectors import EVENT_RATE, Collector, raw_records
from polyglot.config import Settings
from polyglot.console import CommandError
from polyglot.jobs import JOBS
from polyglot.jobs.lifecycle import savepoint
from polyglot.jobs.rest import FlinkRest
from polyglot.stack.layout import Layout
from polyglot.stack.state import read_state
from schemas.domains import domains

_DEADLINE_S = 240.0
_POLL_S = 0.25


@dataclass
class Target:
    """The stack under fire, the collectors of the current round, and the dice."""

    settings: Settings
    dice: Random
    collectors: Sequence[Collector] = ()
    parallelism: dict[str, int] = field(default_factory=lambda: dict.fromkeys(JOBS, 1))

    def process(self, component: str) -> psutil.Process:
        """Return a component's process.

        Raises:
            CommandError: it is not running, and the supervisor does not bring it back in time.
        """
        deadline = time.monotonic() + _DEADLINE_S
        while time.monotonic() < deadline:
            state = read_state(Layout.at(self.settings.var_dir))
            running = state.components.get(component) if state else None
            if running and running.pid and running.alive:
                return psutil.Process(running.pid)
            time.sleep(_POLL_S)
        raise CommandError(f"{component} does not come back")

    def polyglot(self, *arguments: str, **environment: str) -> None:
        """Run one of our own commands as an operator would."""
        command = [sys.executable, "-m", "polyglot.cli", *arguments, "--json"]
        done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CommandError(f"polyglot {' '.join(arguments)} failed:\n{done.stderr[-2000:]}")

    def await_running(self, jobs: Sequence[str]) -> None:
        """Wait until these jobs run, whatever hit them before."""
        deadline = time.monotonic() + _DEADLINE_S
        while time.monotonic() < deadline:
            try:
                with FlinkRest(self.settings.flink.url) as rest:
                    found = {job.name for job in rest.jobs(live=True) if job.running}
            except CommandError:  # the JobManager is being started again
                found = set()
            if found >= set(jobs):
                return
            time.sleep(_POLL_S)
        raise CommandError(f"not running: {', '.join(sorted(set(jobs) - found))}")

    def resume(self, job: str, path: str) -> None:
        """Restore a job from a savepoint, at the parallelism it is meant to have."""
        degree = str(self.parallelism[job])
        self.polyglot("submit", job, "--from-savepoint", path, POLYGLOT_FLINK__PARALLELISM=degree)


def _kill(process: psutil.Process) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait(30)


def kill_taskmanager(target: Target) -> str:
    """Kill -9: every job restarts from its last checkpoint."""
    _kill(target.process("taskmanager"))
    return ""


def kill_jobmanager(target: Target) -> str:
    """Kill -9: without a high-availability service its jobs are gone; `polyglot submit` resumes them."""
    target.await_running(JOBS)
    _kill(target.process("jobmanager"))
    deadline = time.monotonic() + _DEADLINE_S
    while time.monotonic() < deadline:
        try:
            with FlinkRest(target.settings.flink.url) as rest:
                if rest.taskmanagers():
                    break
        except CommandError:
            pass
        time.sleep(_POLL_S)
    for job in JOBS:
        target.polyglot("submit", job, POLYGLOT_FLINK__PARALLELISM=str(target.parallelism[job]))
    return "jobs resumed with polyglot submit"


def kill_python_worker(target: Target) -> str:
    """Kill -9 of one of the processes that run kernels."""
    target.await_running(JOBS)
    workers = [
        child
        for child in target.process("taskmanager").children(recursive=True)
        if "pyflink.fn_execution.beam.beam_boot" in child.cmdline()
    ]
    if not workers:
        raise CommandError("the TaskManager has no Python worker")
    worker = target.dice.choice(sorted(workers, key=lambda p: p.pid))
    _kill(worker)
    return f"one of {len(workers)}"


def kill_broker(target: Target) -> str:
    """Kill -9 with producers in flight."""
    _kill(target.process("kafka"))
    return ""


def kill_clickhouse(target: Target) -> str:
    """Kill -9 of the gateway with inserts in flight."""
    _kill(target.process("clickhouse"))
    return ""


def kill_collector(target: Target) -> str:
    """Kill -9; the next one goes on behind what was acknowledged, and repeats some of it."""
    collector = target.dice.choice(list(target.collectors))
    collector.kill()
    collector.start()
    return collector.name


def pause_collector(target: Target) -> str:
    """Let a feed fall silent and come back with its backlog."""
    collector, seconds = target.dice.choice(list(target.collectors)), target.dice.uniform(2, 6)
    collector.signal(signal.SIGSTOP)
    time.sleep(seconds)
    collector.signal(signal.SIGCONT)
    return f"{collector.name} for {seconds:.1f} s"


def stall(target: Target) -> str:
    """Let a process stand still for some seconds, as on a disk that does not answer."""
    component, seconds = target.dice.choice(("taskmanager", "kafka", "clickhouse")), target.dice.uniform(2, 6)
    process = target.process(component)
    process.send_signal(signal.SIGSTOP)
    time.sleep(seconds)
    process.send_signal(signal.SIGCONT)
    return f"{component} for {seconds:.1f} s"


def rescale(target: Target) -> str:
    """Stop with a savepoint, resume at another parallelism: 1 → 2 → 1."""
    job = target.dice.choice(JOBS)
    target.await_running([job])
    path = savepoint(target.settings, job)
    before = target.parallelism[job]
    target.parallelism[job] = 3 - before
    target.resume(job, path)
    return f"{job} {before} → {3 - before}"


def stop_past_horizon(target: Target) -> str:
    """Stop a job with a savepoint for longer, in event time, than the horizon and the lateness; then resume it."""
    job = target.dice.choice(JOBS)
    target.await_running([job])
    path = savepoint(target.settings, job)
    longest = max(topic.horizon_ms + topic.max_skew_ms for topic in domains().topics_becoming("trade", "quote")) / 1000
    goal = raw_records(target.settings) + round(1.2 * longest * EVENT_RATE)
    while raw_records(target.settings) < goal and any(collector.running for collector in target.collectors):
        time.sleep(_POLL_S)
    reached = raw_records(target.settings) >= goal
    target.resume(job, path)
    return f"{job}, {'more' if reached else 'less'} than {longest:.0f} s of event time"


Fault = Callable[[Target], str]
FAULTS: dict[str, Fault] = {
    fault.__name__.replace("_", "-"): fault
    for fault in (
        kill_taskmanager, kill_jobmanager, kill_python_worker, kill_broker, kill_clickhouse, kill_collector,
        pause_collector, stall, rescale, stop_past_horizon,
    )
}  # fmt: skip
