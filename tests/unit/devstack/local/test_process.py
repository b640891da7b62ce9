"""Processes are known by pid and start time, and die with everything they started."""

import math
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from support.patience import wait_for

from runtime.process import STACK_VARIABLE, Identity, kill, members, orphans_of, reap, spawn, terminate

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)",
]
PARENT = [
    sys.executable,
    "-c",
    "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
    "print('ready', flush=True); time.sleep(60)",
]


@pytest.fixture
def start(tmp_path: Path):
    stack_id = f"test-{os.getpid()}-{time.monotonic_ns()}"
    children = []

    def run(command, wait_ready=False):
        output = tmp_path / f"out{len(children)}"
        child = spawn(command, env={**os.environ, STACK_VARIABLE: stack_id}, cwd=tmp_path, output=output)
        children.append(child)
        if wait_ready:
            wait_for(lambda: output.read_bytes().startswith(b"ready"))
        return child

    run.stack_id = stack_id
    yield run
    kill(members(stack_id))
    for child in children:
        child.kill()  # in the first moment after its start a process shows no environment, and so is nobody's member
        child.wait()


def test_an_identity_ends_with_its_process(start):
    child = start(SLEEP)
    identity = Identity.of(child.pid)
    assert identity.alive
    child.kill()
    wait_for(lambda: not identity.alive)  # a zombie counts as ended, though its pid still exists
    assert psutil.pid_exists(child.pid)


def test_a_reused_pid_is_somebody_else(start):
    child = start(SLEEP)
    earlier = Identity(child.pid, psutil.Process(child.pid).create_time() - 100)
    assert not earlier.alive
    assert terminate([earlier], grace=0.1) == []
    assert child.poll() is None, "a stranger that got the pid was killed"


def test_terminate_asks_first_and_kills_only_who_does_not_listen(start):
    polite, stubborn = start(SLEEP), start(STUBBORN, wait_ready=True)
    identities = [Identity.of(polite.pid), Identity.of(stubborn.pid)]
    assert terminate(identities, grace=1.0) == [identities[1]]
    assert polite.wait() == -15
    assert stubborn.wait() == -9


def test_orphans_of_a_killed_parent_are_found_by_group_and_mark(start):
    parent, other = start(PARENT, wait_ready=True), start(SLEEP)
    identity = Identity.of(parent.pid)
    child = psutil.Process(parent.pid).children()[0]
    parent.kill()
    wait_for(lambda: not identity.alive)
    assert [process.pid for process in orphans_of(identity, start.stack_id)] == [child.pid]
    kill(orphans_of(identity, start.stack_id))
    wait_for(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
    assert other.poll() is None


def test_members_are_those_with_the_mark_and_not_ourselves(start, monkeypatch):
    monkeypatch.setenv(STACK_VARIABLE, start.stack_id)
    child = start(SLEEP)
    wait_for(lambda: [process.pid for process in members(start.stack_id)] == [child.pid])
    assert members("another stack") == []


def test_spawned_processes_lead_their_own_group(start):
    child = start(SLEEP)
    assert os.getpgid(child.pid) == child.pid
    assert os.getsid(child.pid) == os.getsid(0)


def test_reap_tells_how_a_child_ended():
    failed = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"])
    assert reap(Identity.of(failed.pid)) == 3
    failed.returncode = 3  # collected behind Popen's back
    killed = subprocess.Popen(SLEEP)
    identity = Identity.of(killed.pid)
    killed.kill()
    assert reap(identity) == -9
    killed.returncode = -9


def test_reap_returns_at_once_for_a_process_that_is_gone():
    child = subprocess.Popen([sys.executable, "-c", ""])
    identity = Identity.of(child.pid)
    child.wait()
    assert reap(identity, timeout=math.inf) is None  # it does not wait
