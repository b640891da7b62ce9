"""A run is started once, whoever is killed; its result is handed over once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from polyglot_provider.runs import (
    LOST,
    AnotherCommandError,
    Attempt,
    Command,
    Run,
    Tail,
    command_line,
    named,
    own_environment,
)

SH = "/bin/sh"


def command(script: str, folder: Path, **how) -> Command:
    return Command((SH, "-c", script), str(folder), **how)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path / "runs" / "one")


def test_a_command_runs_to_its_end_and_says_how_it_ended(run, tmp_path):
    attempt, started = run.find_or_start(command("echo '{\"a\": 1}'; echo going >&2; exit 3", tmp_path))
    assert started
    assert attempt.wait() == 3
    assert attempt.document == {"a": 1}
    assert attempt.last_words == "going"


def test_who_asks_again_finds_the_one_that_runs_and_then_its_result(run, tmp_path, wait):
    gate = tmp_path / "gate"
    what = command(f"echo x >> starts; until [ -e {gate} ]; do sleep 0.02; done; echo 1", tmp_path)
    first, _ = run.find_or_start(what)
    wait((tmp_path / "starts").exists)
    assert run.find_or_start(what) == (first, False)
    gate.touch()
    assert first.wait() == 0
    assert run.find_or_start(what) == (first, False)
    first.deliver()
    second, started = run.find_or_start(what)
    assert started and second != first
    assert second.wait() == 0
    assert (tmp_path / "starts").read_text() == "x\nx\n"


def test_a_killed_worker_leaves_its_command_alive(tmp_path, wait):
    worker_code = """if True:
        import sys, time; from pathlib import Path; from polyglot_provider.runs import Command, Run
        folder, script = sys.argv[1:]
        Run(Path(folder) / "runs" / "one").find_or_start(Command(("/bin/sh", "-c", script), folder))
        time.sleep(600)
    """
    script = "echo $$ > pid; until [ -e gate ]; do sleep 0.02; done; echo 7"
    worker = subprocess.Popen([sys.executable, "-c", worker_code, str(tmp_path), script], start_new_session=True)
    wait(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip())
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()
    (attempt,) = Run(tmp_path / "runs" / "one").attempts()
    assert attempt.running
    (tmp_path / "gate").touch()
    assert attempt.wait() == 0
    assert attempt.document == 7


def test_while_the_command_lives_nobody_starts_another_even_if_its_watcher_is_killed(run, tmp_path, wait):
    what = command("echo $$ > pid; until [ -e gate ]; do sleep 0.02; done", tmp_path)
    attempt, _ = run.find_or_start(what)
    wait(lambda: (tmp_path / "pid").exists() and (attempt.folder / "process.json").exists())
    os.kill(json.loads((attempt.folder / "process.json").read_text())["pid"], signal.SIGKILL)
    assert run.find_or_start(what) == (attempt, False)
    (tmp_path / "gate").touch()
    assert attempt.wait() is LOST
    another, started = run.find_or_start(what)
    assert started and another != attempt
    another.wait()


def test_another_command_under_the_same_name_is_refused_while_one_runs(run, tmp_path):
    attempt, _ = run.find_or_start(command("until [ -e gate ]; do sleep 0.02; done", tmp_path))
    with pytest.raises(AnotherCommandError, match="still runs"):
        run.find_or_start(command("true", tmp_path))
    (tmp_path / "gate").touch()
    attempt.wait()
    changed, started = run.find_or_start(command("true", tmp_path))
    assert started
    changed.wait()


def test_a_command_that_takes_too_long_is_ended_with_its_children(run, tmp_path, wait):
    attempt, _ = run.find_or_start(command("sleep 600 & echo $! > child; wait", tmp_path, timeout_s=0.5))
    assert attempt.wait() == 5
    assert "not done in" in attempt.last_words
    child = int((tmp_path / "child").read_text())
    wait(lambda: not Path(f"/proc/{child}").exists() or " Z " in Path(f"/proc/{child}/stat").read_text())


def test_ending_a_command_leaves_a_result(run, tmp_path, wait):
    attempt, _ = run.find_or_start(command("touch begun; sleep 600", tmp_path))
    wait((tmp_path / "begun").exists)
    attempt.end()
    assert attempt.wait() == -signal.SIGTERM
    attempt.end()  # of one that is over: nothing happens


def test_commands_of_one_turn_wait_for_each_other(tmp_path, wait):
    runs = tmp_path / "runs"
    script = "until [ -e gate ]; do sleep 0.02; done; echo $0 >> order"
    first, _ = Run(runs / "a").find_or_start(Command((SH, "-c", script, "a"), str(tmp_path), turn="spark"))
    wait((first.folder / "out.json").exists)
    second, _ = Run(runs / "b").find_or_start(Command((SH, "-c", script, "b"), str(tmp_path), turn="spark"))
    wait(lambda: "waiting for another command" in (second.folder / "progress.log").read_text())
    assert not (second.folder / "out.json").exists()
    (tmp_path / "gate").touch()
    assert (first.wait(), second.wait()) == (0, 0)
    assert (tmp_path / "order").read_text() == "a\nb\n"


def test_what_cannot_be_started_says_so(run, tmp_path):
    attempt, _ = run.find_or_start(Command((str(tmp_path / "nothing"),), str(tmp_path)))
    assert attempt.wait() == 4
    assert "cannot be started" in attempt.last_words


def test_a_command_sees_nothing_of_airflows_environment():
    inherited = {
        "PATH": "p",
        "AIRFLOW_HOME": "a",
        "_AIRFLOW_PROCESS_CONTEXT": "b",
        "PYTHONPATH": "c",
        "VIRTUAL_ENV": "d",
        "POLYGLOT_VAR_DIR": "v",
        "POLYGLOT_RUN_ENVIRONMENT": '{"POLYGLOT_FAKE": "f"}',
    }
    assert own_environment(inherited) == {"PATH": "p", "POLYGLOT_VAR_DIR": "v", "POLYGLOT_FAKE": "f"}


def test_names_of_runs_are_folders_and_never_meet():
    parts = [("a", "b+c"), ("a+b", "c"), ("a", "b", "c"), ("a/b", "c"), ("a=2f=b", "c"), ("x" * 300,), ("x" * 301,)]
    names = [named(*one) for one in parts]
    assert len(set(names)) == len(parts)
    assert all("/" not in name and len(name) <= 200 for name in names)
    assert named("a", -1) == named("a", -1)


def test_a_tail_gives_whole_lines_once(tmp_path):
    path = tmp_path / "log"
    tail = Tail(path)
    assert tail.lines() == []
    path.write_text("one\ntw")
    assert tail.lines() == ["one"]
    with path.open("a") as file:
        file.write("o\nthree")
    assert tail.lines() == ["two"]
    assert tail.lines(ended=True) == ["three"]
    assert tail.lines(ended=True) == []


def test_options_become_arguments():
    options = {
        "from": "2024-08-08",
        "entity": "",
        "store": ["gold", "silver"],
        "publish": True,
        "known-at": None,
        "x": False,
    }
    line = ["verify", "--from", "2024-08-08", "--store", "gold", "--store", "silver", "--publish"]
    assert command_line("verify", options) == line
    assert command_line("deadletters redrive", {"since": "", "limit": 0}) == ["deadletters", "redrive", "--limit", "0"]


def test_the_last_error_is_what_counts(tmp_path):
    (tmp_path / "progress.log").write_text(
        "starting\nerror: early\nmore\nerror: no answer\nStart it with: polyglot up\n"
    )
    assert Attempt(tmp_path).last_words == "error: no answer\nStart it with: polyglot up"
