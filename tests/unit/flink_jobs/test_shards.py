"""The operator over blocks: what it hands on, when it saves, and that it runs the code it was submitted with."""

import re
from types import SimpleNamespace

import pytest
from support.blocks import block

from flink_jobs import worker
from flink_jobs.replies import joined
from flink_jobs.runtime import python_options
from flink_jobs.shards import ShardFold
from polyglot.config import ROOT, Settings
from udfs.blocks import Records
from udfs.quality import QualityStop


class Log:
    """A fold that keeps the values it was given, and stops at one."""

    def __init__(self, topic, log):
        self.values, self.fresh = [value for part in log for value in part.split()], []

    def take(self, part):
        for value in part.values.tolist():
            if value == b"stop":
                raise QualityStop(SimpleNamespace(name="rule", topic="t"), "e", "1", "0")
            self.values.append(value)
            self.fresh.append(value)
        return [Records.of("out", [(1, b"k", value) for value in self.values])]

    def delta(self):
        fresh, self.fresh = self.fresh, []
        return b" ".join(fresh)

    def snapshot(self):
        self.fresh = []
        return b" ".join(self.values)


class State(list):
    """A list state, and the context that has it."""

    def get_list_state(self, descriptor):
        return self

    def get(self):
        return list(self)

    def add_all(self, values):
        self.extend(values)

    def update(self, values):
        self[:] = values


def opened(state):
    operator = ShardFold(Log, Log.take, joined)
    operator.open(state)
    return operator


def run(operator, *records):
    return list(operator.process_element(block(2, [("t", n, 0, value) for n, value in enumerate(records)]), None))


def test_state_is_saved_at_the_marker_and_found_again():
    state = State()
    operator = opened(state)
    run(operator, b"a", b"b")
    run(operator, b"c")
    assert state == []
    assert run(operator) == []
    assert state == [b"t\0a b c"]
    run(operator)  # nothing came since
    assert state == [b"t\0a b c"]
    ((reply, message),) = run(opened(state), b"d")
    assert message is None
    assert [reply.count(value) for value in (b"a", b"b", b"c", b"d")] == [1, 1, 1, 1]


def test_a_stop_is_handed_on_and_saves_nothing():
    state = State()
    operator = opened(state)
    ((reply, message),) = run(operator, b"a", b"stop")
    assert (reply, "rule" in message) == (joined([])[0], True)
    run(operator)
    assert state == []


def test_other_code_than_was_submitted_is_refused(monkeypatch):
    operator = ShardFold(Log, Log.take, joined)
    operator.open(State())
    monkeypatch.setattr(worker, "CODE", "0123456789abcdef")
    with pytest.raises(RuntimeError, match=r"this worker has 0123456789abcdef: .* restart the TaskManager"):
        operator.open(State())


def test_the_code_is_known_by_its_digest(monkeypatch, tmp_path):
    assert re.fullmatch("[0-9a-f]{16}", worker.CODE)
    assert worker._digest() == worker.CODE
    (tmp_path / "udfs").mkdir()
    (tmp_path / "udfs" / "one.py").write_text("1")
    monkeypatch.setattr(worker, "_ROOT", tmp_path)
    first = worker._digest()
    (tmp_path / "udfs" / "one.py").write_text("2")
    assert first != worker._digest() != worker.CODE


def test_thread_mode_finds_our_packages_and_theirs():
    assert python_options(Settings(flink={"python_mode": "process"})) == {"python.execution-mode": "process"}
    options = python_options(Settings(flink={"python_mode": "thread"}))
    own, others = options["python.pythonpath"].split(":")
    assert (options["python.execution-mode"], own) == ("thread", str(ROOT))
    assert others.endswith("site-packages")
