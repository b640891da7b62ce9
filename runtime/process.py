"""Processes by identity: a pid alone may belong to a stranger by the time we look, pid plus start time does not."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

#: Every process of a stack carries the stack's id in this variable, so that children whose parent was killed
#: (Python workers of a TaskManager) can be distinguished from everybody else's.
STACK_VARIABLE = "POLYGLOT_STACK_ID"


@dataclass(frozen=True)
class Identity:
    """A process: its pid and when it started (seconds since the epoch, as the kernel tells it)."""

    pid: int
    created: float

    @classmethod
    def of(cls, pid: int) -> Identity:
        """Return the identity of a running pid; raise psutil.NoSuchProcess if there is none."""
        return cls(pid, psutil.Process(pid).create_time())

    def process(self) -> psutil.Process | None:
        """Return the live process, or None if it ended (a zombie has ended) or the pid was reused."""
        try:
            process = psutil.Process(self.pid)
            # The kernel counts start times in ticks of 10 ms from boot; psutil adds a boot time that may drift.
            same = abs(process.create_time() - self.created) < 0.5
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            return None

    @property
    def alive(self) -> bool:
        return self.process() is not None


def spawn(
    command: Sequence[str], *, env: Mapping[str, str], cwd: Path, output: Path, new_session: bool = False
) -> subprocess.Popen[bytes]:
    """Start a process in its own process group, stdin closed, stdout and stderr appended to `output`."""
    output.parent.mkdir(parents=True, exist_ok=True)
    with output.open("ab") as sink:
        return subprocess.Popen(
            list(command),
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=new_session,
            process_group=None if new_session else 0,
        )


def members(stack_id: str) -> list[psutil.Process]:
    """Return the live processes that carry this stack's id, except the caller."""
    found = []
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        with contextlib.suppress(psutil.Error, OSError):
            if process.status() != psutil.STATUS_ZOMBIE and process.environ().get(STACK_VARIABLE) == stack_id:
                found.append(process)
    return found


def orphans_of(leader: Identity, stack_id: str) -> list[psutil.Process]:
    """Return what a dead `leader` left behind in its process group."""
    left = []
    for process in members(stack_id):
        with contextlib.suppress(ProcessLookupError):
            if os.getpgid(process.pid) == leader.pid and process.pid != leader.pid:
                left.append(process)
    return left


def kill(processes: Iterable[psutil.Process]) -> None:
    """SIGKILL each; one that is gone is fine (psutil refuses a reused pid)."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def terminate(identities: Iterable[Identity], grace: float) -> list[Identity]:
    """SIGTERM all, wait up to `grace` seconds in total, SIGKILL the rest; return those that had to be killed."""
    alive = [(identity, process) for identity in identities if (process := identity.process())]
    for _, process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + grace
    while alive and time.monotonic() < deadline:
        alive = [(identity, process) for identity, process in alive if identity.alive]
        if alive:
            time.sleep(0.05)
    kill(process for _, process in alive)
    return [identity for identity, _ in alive]


def reap(identity: Identity, timeout: float = 10.0) -> int | None:
    """Wait until a killed or ended process has let go of everything (ports, files), and collect it.

    A process of many threads looks like a zombie while its last threads are still ending. Return its exit code
    (negative: the signal that ended it), or None if it is somebody else's child or still there after `timeout` s.
    """
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        try:
            collected, status = os.waitpid(identity.pid, os.WNOHANG)
        except ChildProcessError:
            if not psutil.pid_exists(identity.pid):
                return None
        else:
            if collected:
                return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    return None
