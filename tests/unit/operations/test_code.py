"""In thread mode a TaskManager runs the code that it loaded first: new code needs a new TaskManager."""

import os
import subprocess
import sys
from threading import Thread

import pytest

from operations import code
from runtime.config import Settings
from runtime.console import CommandError, Console
from runtime.flink_rest import JobInfo
from runtime.layout import Layout
from runtime.process import Identity
from runtime.stack_state import Running, State, write_state

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


class Rest:
    def __init__(self, *live):
        self.live = [JobInfo(name, name, "RUNNING", {}) for name in live]
        self.ids = ["one"]

    def jobs(self, *, live):
        assert live
        return self.live

    def taskmanagers(self):
        return self.ids


@pytest.fixture
def started():
    found = []

    def start():
        found.append(subprocess.Popen(SLEEP))
        return found[-1]

    yield start
    for one in found:
        one.kill()
        one.wait()


def running(settings, process):
    me, its = Identity.of(os.getpid()), Identity.of(process.pid)
    state = State(stack_id="x", supervisor_pid=me.pid, supervisor_created=me.created)
    state.components["taskmanager"] = Running(pid=its.pid, created=its.created)
    write_state(Layout.at(settings.var_dir), state)


def stack(tmp_path, process, mode="thread"):
    settings = Settings(var_dir=tmp_path, flink={"python_mode": mode})
    running(settings, process)
    return settings


def test_the_same_code_keeps_its_taskmanager(tmp_path, started):
    process = started()
    settings = stack(tmp_path, process)
    for _ in range(2):
        code.renew_taskmanager(settings, Console(), Rest("analytics"), "a")
    assert process.poll() is None


def test_other_code_gets_a_new_one(tmp_path, started):
    process, rest = started(), Rest()
    settings = stack(tmp_path, process)
    code.renew_taskmanager(settings, Console(), rest, "older")

    def supervise():
        process.wait()
        running(settings, started())
        rest.ids = ["one", "two"]  # the old one is listed until its heartbeat is missed

    supervisor = Thread(target=supervise)
    supervisor.start()
    code.renew_taskmanager(settings, Console(), rest, "newer")
    supervisor.join()
    assert process.poll() is not None
    code.renew_taskmanager(settings, Console(), Rest("ingest"), "newer")  # known now: nothing to restart


def test_jobs_of_the_other_code_are_named_and_left_alone(tmp_path, started):
    process = started()
    settings = stack(tmp_path, process)
    code.renew_taskmanager(settings, Console(), Rest(), "older")
    with pytest.raises(CommandError, match="it runs analytics"):
        code.renew_taskmanager(settings, Console(), Rest("analytics"), "newer")
    assert process.poll() is None


def test_worker_processes_load_code_by_themselves(tmp_path, started):
    process = started()
    settings = stack(tmp_path, process, mode="process")
    code.renew_taskmanager(settings, Console(), Rest(), "older")
    code.renew_taskmanager(settings, Console(), Rest("analytics"), "newer")
    assert process.poll() is None


def test_a_taskmanager_that_was_restarted_meanwhile_has_loaded_nothing(tmp_path, started):
    settings = stack(tmp_path, started())
    code.renew_taskmanager(settings, Console(), Rest(), "older")
    process = started()
    running(settings, process)
    code.renew_taskmanager(settings, Console(), Rest("ingest"), "newer")
    assert process.poll() is None
