"""A stack that goes after a failed test leaves its logs; one that goes after good tests leaves nothing."""

import contextlib
import subprocess
from types import SimpleNamespace

import pytest
from support import evidence
from support.stack import Stack


@pytest.fixture
def stack(tmp_path, monkeypatch):
    monkeypatch.setattr(evidence, "failures", [])
    monkeypatch.setattr(evidence, "ARTIFACTS", tmp_path / "kept")
    one = Stack(tmp_path)
    ran = []
    monkeypatch.setattr(one, "run", lambda *arguments: ran.append(arguments))
    monkeypatch.setattr(one, "running", list)
    one.ran = ran
    (one.layout.logs / "flink").mkdir(parents=True)
    (one.layout.logs / "kafka.log").write_text("broker")
    (one.layout.logs / "flink" / "taskmanager.log").write_text("tasks")
    (one.layout.secrets).mkdir()
    (one.layout.accounts).write_text("password")
    return one


def kept(tmp_path):
    return sorted(str(path.relative_to(tmp_path / "kept")) for path in (tmp_path / "kept").rglob("*") if path.is_file())


def test_good_tests_leave_nothing(stack, tmp_path):
    stack.close()
    assert kept(tmp_path) == []
    assert stack.ran == [("down", "--wipe")]


def test_a_failed_test_leaves_the_logs_of_all_processes_and_no_secret(stack, tmp_path):
    evidence.failures.append("tests/integration/test_x.py::test_y[1]")
    stack.close()
    names = kept(tmp_path)
    assert [name.split("/", 2)[2] for name in names] == ["log/flink/taskmanager.log", "log/kafka.log"]
    assert all("test_x.py-test_y-1" in name for name in names)
    assert stack.ran == [("down",), ("down", "--wipe")]  # the logs end with how it stopped


def test_a_failure_before_the_stack_was_there_is_not_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(evidence, "failures", ["earlier"])
    assert evidence.Watch().failed() is None


def test_a_fixture_that_fails_while_it_is_set_up_leaves_them_too(stack, tmp_path):
    with contextlib.suppress(RuntimeError):
        try:
            raise RuntimeError("up failed")
        finally:
            stack.close()
    assert len(kept(tmp_path)) == 2


def test_of_a_long_log_the_end_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(evidence, "LONGEST", 4)
    monkeypatch.setattr(evidence, "ARTIFACTS", tmp_path)
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "a.log").write_text("123456")
    target = evidence.keep([tmp_path / "log", tmp_path / "absent"], "t")
    assert (target / "log" / "a.log").read_text() == "3456"
    assert evidence.keep([tmp_path / "log"], "t") != target


def test_pytest_tells_of_every_failed_test(request, monkeypatch):
    monkeypatch.setattr(evidence, "failures", [])
    conftest = request.config.pluginmanager.get_plugin(str(evidence.ROOT / "tests" / "conftest.py"))
    for name, failed in (("good", False), ("bad", True)):
        conftest.pytest_runtest_logreport(SimpleNamespace(nodeid=name, failed=failed))
    assert evidence.failures == ["bad"]


def test_artifacts_are_never_committed():
    done = subprocess.run(["git", "check-ignore", "-q", "ci-artifacts/x"], cwd=evidence.ROOT, check=False)
    assert done.returncode == 0
