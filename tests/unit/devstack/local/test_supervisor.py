"""The supervisor itself, as a real process over components that are cheap to start."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
from support.patience import wait_for

from devstack.local.supervisor import backoff_s, describe_exit, stop_components
from runtime.config import ROOT
from runtime.layout import Layout
from runtime.process import kill, members
from runtime.stack_state import State, read_state, write_state

#: `worker` starts a child of its own, as a TaskManager does; `store` must outlive `worker`; `broken` never starts.
SCRIPT = """
import sys
from pathlib import Path
from runtime.config import Settings
from devstack.local.component import Component
from devstack.local.supervisor import Supervisor

var, stack_id, *names = sys.argv[1:]
sleep = (sys.executable, "-c", "import time; time.sleep(300)")
parent = (sys.executable, "-c", "import subprocess, sys, time;"
          "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)']); time.sleep(300)")
commands = {"store": (sleep, ()), "worker": (parent, ()), "broken": ((sys.executable, "-c", "raise SystemExit(7)"), ())}
after = {"store": ("worker",)}
components = [
    Component(name, commands[name][0], "", {}, probe=str, stop_after=after.get(name, ()), grace_s=5)
    for name in names
]
Supervisor(Settings(var_dir=Path(var)), components, stack_id).run()
"""


@pytest.fixture
def stack(tmp_path):
    """Start supervisors over one var dir; whatever they leave is killed at the end."""
    stack_id = f"test-{os.getpid()}-{time.monotonic_ns()}"
    supervisors = []

    class Stack:
        layout = Layout.at(tmp_path)
        id = stack_id

        def start(self, *names):
            (tmp_path / "script.py").write_text(SCRIPT)
            child = subprocess.Popen(
                [sys.executable, str(tmp_path / "script.py"), str(tmp_path), stack_id, *names],
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stderr=subprocess.DEVNULL,
            )
            supervisors.append(child)
            wait_for(lambda: (state := read_state(self.layout)) and state.supervisor_pid == child.pid)
            return child

        def running(self, name):
            state = read_state(self.layout)
            one = state.components.get(name) if state else None
            return one if one and one.alive else None

    yield Stack()
    for child in supervisors:
        child.kill()
        child.wait()
    kill(members(stack_id))


def test_a_killed_component_comes_back_and_its_orphans_do_not_stay(stack):
    stack.start("worker")
    first = wait_for(lambda: stack.running("worker"))
    orphan = wait_for(lambda: psutil.Process(first.pid).children())[0]
    os.kill(first.pid, signal.SIGKILL)
    second = wait_for(lambda: (one := stack.running("worker")) and one.pid != first.pid and one)
    assert (second.restarts, second.last_exit) == (1, "signal 9")
    # It was killed before the new one was started; on a busy machine it takes a moment until it has ended.
    wait_for(lambda: not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE)
    # Written right behind the state.
    wait_for(lambda: int(stack.layout.pid_file("worker").read_text()) == second.pid)


def test_a_component_that_cannot_start_does_not_disturb_the_others(stack):
    stack.start("store", "broken")
    wait_for(lambda: (state := read_state(stack.layout)) and state.components["broken"].restarts >= 2)
    state = read_state(stack.layout)
    assert state.components["broken"].last_exit == "exit 7"
    assert state.components["store"].restarts == 0
    assert stack.running("store")


def test_sigterm_stops_everything_and_forgets_it(stack):
    supervisor = stack.start("worker", "store")
    wait_for(lambda: stack.running("worker") and stack.running("store"))
    supervisor.terminate()
    assert supervisor.wait(timeout=30) == 0
    assert members(stack.id) == []
    assert read_state(stack.layout) is None
    assert not list(stack.layout.stack.glob("*.pid"))


def test_components_outlive_a_killed_supervisor_and_the_next_one_adopts_them(stack):
    supervisor = stack.start("worker", "store")
    before = wait_for(lambda: stack.running("worker") and stack.running("store") and read_state(stack.layout))
    supervisor.kill()
    supervisor.wait()
    assert stack.running("worker")
    stack.start("worker", "store")
    os.kill(before.components["worker"].pid, signal.SIGKILL)  # adopted, not a child: it is watched all the same
    wait_for(lambda: (one := stack.running("worker")) and one.pid != before.components["worker"].pid)
    assert stack.running("store").pid == before.components["store"].pid


def test_a_stack_without_its_supervisor_can_be_stopped(stack):
    supervisor = stack.start("worker", "store")
    state = wait_for(lambda: stack.running("worker") and stack.running("store") and read_state(stack.layout))
    wait_for(lambda: psutil.Process(state.components["worker"].pid).children())
    supervisor.kill()
    supervisor.wait()
    os.kill(state.components["store"].pid, signal.SIGKILL)  # half dead, too
    assert stop_components(state) == []
    assert members(stack.id) == []


def test_backoff_starts_at_once_and_is_bounded():
    assert [backoff_s(deaths) for deaths in range(1, 5)] == [0.0, 1.0, 2.0, 4.0]
    assert backoff_s(50) == 15.0


@pytest.mark.parametrize(("code", "text"), [(None, "ended"), (0, "exit 0"), (3, "exit 3"), (-9, "signal 9")])
def test_exits_are_described(code, text):
    assert describe_exit(code) == text


def test_state_that_is_not_readable_is_no_state(tmp_path):
    layout = Layout.at(tmp_path)
    assert read_state(layout) is None
    write_state(layout, State(stack_id="x"))
    assert read_state(layout) == State(stack_id="x")
    layout.state.write_text('{"stack_id": ')
    assert read_state(layout) is None
