"""Processes that die."""

from __future__ import annotations

import signal

import psutil

from devstack.chaos.target import Target
from devstack.chaos.transaction import ABORTED, COMMITTED, interrupt
from runtime.flink_rest import FlinkRest

_EXIT_S = 60.0
#: More interrupted transactions than a round has.
_PER_ROUND = 1000


def _kill(process: psutil.Process, number: int = signal.SIGKILL) -> None:
    process.send_signal(number)
    process.wait(_EXIT_S)


def _kill_loaded(target: Target, component: str) -> None:
    process = target.process(component)
    target.demand_load()  # it may have been waited for
    _kill(process)


def kill_taskmanager(target: Target) -> str:
    """Kill -9: every job restarts from its last checkpoint."""
    _kill_loaded(target, "taskmanager")
    return ""


def kill_jobmanager(target: Target) -> str:
    """Kill -9: without a high-availability service its jobs are gone; `polyglot submit` resumes them."""
    target.await_jobs()
    _kill_loaded(target, "jobmanager")

    def back() -> bool:
        with FlinkRest(target.settings.flink.url) as rest:
            return bool(rest.taskmanagers())

    target.await_that("the TaskManager is registered again", back)
    target.submit()
    return "jobs resumed with polyglot submit"


def kill_python_worker(target: Target) -> str:
    """Kill -9 of one of the processes that run kernels; where they run in the TaskManager, a crash of native code."""
    if target.settings.flink.python_mode == "thread":
        process = target.process("taskmanager")
        target.demand_load()
        _kill(process, signal.SIGSEGV)
        return "the TaskManager, in whose threads kernels run, by SIGSEGV"
    found: list[psutil.Process] = []

    def there() -> bool:
        children = target.process("taskmanager").children(recursive=True)
        found[:] = [child for child in children if "pyflink.fn_execution.beam.beam_boot" in child.cmdline()]
        return bool(found)

    target.await_that("the TaskManager has a Python worker", there)
    found.sort(key=lambda process: process.pid)
    target.demand_load()
    _kill(target.dice.choice(found))
    return f"one of {len(found)}"


def kill_broker(target: Target) -> str:
    """Kill -9 with the requests of collectors and sinks in flight."""
    _kill_loaded(target, "kafka")
    return ""


def restart_broker_in_transaction(target: Target) -> str:
    """Stop the broker, in order or with kill -9, while a producer's transaction is open in a raw topic."""
    feed = target.feed
    if feed is None:
        raise RuntimeError("no round has begun")
    number = target.choose((signal.SIGTERM, signal.SIGKILL))

    def blow() -> None:
        _kill(target.process("kafka"), number)
        target.await_answer("kafka")

    def now_us() -> int:
        return feed.start_us + round(target.fed() * feed.seconds * 1e6)

    target.await_answer("kafka")
    target.demand_load()
    first_id = 1 + (target.seed * _PER_ROUND + target.transactions) * (ABORTED + COMMITTED)
    target.transactions += 1
    feed.identities.update(interrupt(target.settings, first_id, now_us, blow))
    return f"{signal.Signals(number).name}; {ABORTED} records aborted, {COMMITTED} of the next transaction committed"


def kill_clickhouse(target: Target) -> str:
    """Kill -9 of the gateway with inserts in flight."""
    _kill_loaded(target, "clickhouse")
    return ""
