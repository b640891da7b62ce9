import json
from types import SimpleNamespace

import pytest
import typer

import polyglot.cli
from devstack.gateway.confinement import Support
from devstack.local import doctor
from polyglot.cli import run
from runtime.config import Settings
from runtime.console import CommandError, Console, Exit


@pytest.fixture(autouse=True)
def isolated(tmp_path, monkeypatch):
    """Commands must not meet a stack that happens to run on this machine."""
    settings = Settings(
        var_dir=tmp_path / "var",
        kafka={"bootstrap_servers": "127.0.0.1:9"},
        flink={"rest_port": 9},
        clickhouse={"port": 9},
        redis={"port": 9},
    )
    monkeypatch.setattr("polyglot.cli.stack.settings", lambda: settings)
    return settings


def commands(command, *before):
    """Yield the words of every command below this one."""
    if isinstance(command, typer.core.TyperGroup):
        for name, one in command.commands.items():
            yield from commands(one, *before, name)
    else:
        yield before


ALL = list(commands(typer.main.get_command(polyglot.cli.build())))


def test_the_tree_has_commands_and_commands_of_groups():
    assert {("up",), ("demo",), ("contracts", "check"), ("deadletters", "redrive")} <= set(ALL)


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_each_command_has_examples_and_exit_codes_in_its_help(words, capsys):
    assert run([*words, "--help"]) == Exit.OK
    shown = capsys.readouterr().out
    _, examples = shown.split("Examples:", 1)
    assert f"polyglot {' '.join(words)}" in examples
    assert "Exit codes" in examples


def test_no_command_shows_the_help(capsys):
    assert run([]) == Exit.USAGE
    captured = capsys.readouterr()
    assert "status" in captured.out + captured.err


def test_an_unknown_command_or_option_is_wrong_usage(capsys):
    assert run(["nonsense"]) == Exit.USAGE
    assert run(["up", "--nonsense"]) == Exit.USAGE
    assert "nonsense" in capsys.readouterr().err


def test_status_of_nothing_is_unavailable_and_says_so_in_json(capsys):
    assert run(["status", "--json"]) == Exit.UNAVAILABLE
    document = json.loads(capsys.readouterr().out)
    assert {one["name"]: one["health"] for one in document["components"]} == dict.fromkeys(
        ("kafka", "jobmanager", "taskmanager", "clickhouse", "redis"), "stopped"
    )
    assert document["jobs"] == document["groups"] == []


def test_down_of_nothing_is_done(capsys):
    assert run(["down", "--json"]) == Exit.OK
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"was_running": False, "wiped": False}
    assert "nothing was running" in captured.err


def test_topics_without_a_broker_is_unavailable_with_a_hint(capsys, monkeypatch):
    monkeypatch.setattr("operations.topics.TIMEOUT_S", 0.5)
    assert run(["topics"]) == Exit.UNAVAILABLE
    assert "polyglot up" in capsys.readouterr().err


def test_up_of_an_unknown_component_is_wrong_usage(capsys):
    assert run(["up", "--only", "nonsense"]) == Exit.USAGE
    assert "kafka, flink, clickhouse, redis" in capsys.readouterr().err


def test_doctor_says_what_is_missing_and_how_to_get_it(capsys, monkeypatch):
    monkeypatch.setattr(doctor, "java", lambda: "/nowhere/java")
    assert run(["doctor", "--json"]) == Exit.MISSING
    findings = {one["check"]: one for one in json.loads(capsys.readouterr().out)}
    assert findings["Java 17"]["ok"] is False
    assert "apt-get install openjdk-17" in findings["Java 17"]["remedy"]
    assert findings["Python 3.11"]["ok"] is True
    assert findings["git"]["ok"] is True


def test_doctor_looks_for_git(monkeypatch):
    monkeypatch.setenv("PATH", "")
    found = doctor._git()
    assert (found.ok, found.found, found.remedy) == (False, "not found", "apt-get install git")


def test_doctor_names_the_fullest_disk_of_all_that_grows(tmp_path, monkeypatch):
    settings = Settings(var_dir=tmp_path)
    checkpoints = tmp_path / "flink" / "checkpoints"
    checkpoints.mkdir(parents=True)
    left = {checkpoints: 1}
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: SimpleNamespace(free=left.get(path, 90) * 1024**3))
    found = doctor._disk(settings)
    assert (found.ok, found.found) == (False, f"1 GB free in {checkpoints}")
    left.clear()
    assert doctor._disk(settings).ok


def test_doctor_says_whether_the_engine_can_be_confined(tmp_path, monkeypatch):
    def found(**clickhouse):
        findings = doctor.examine(Settings(var_dir=tmp_path, clickhouse=clickhouse))
        return [one for one in findings if one.check == "confinement"]

    monkeypatch.setattr(doctor, "support", lambda: Support(7, True, "Landlock and seccomp"))
    assert found() == [doctor.Finding("confinement", True, "Landlock and seccomp")]
    for lacking in (Support(0, True, "no Landlock"), Support(7, False, "no seccomp")):
        monkeypatch.setattr(doctor, "support", lambda lacking=lacking: lacking)
        (one,) = found()
        assert (one.ok, one.found) == (False, lacking.sentence)
        assert "POLYGLOT_GATEWAY__CONFINEMENT=off" in one.remedy
    assert found(host="ch.example") == [], "it is not started here"


def test_an_invalid_configuration_is_wrong_usage_not_a_traceback(capsys, monkeypatch):
    monkeypatch.setattr("polyglot.cli.stack.settings", lambda: Settings(redis={"port": "many"}))
    assert run(["down"]) == Exit.USAGE
    assert "redis.port" in capsys.readouterr().err


def test_failures_become_a_message_a_hint_and_their_code(capsys, monkeypatch):
    def fail():
        raise CommandError("it broke", hint="try this", code=Exit.TIMEOUT)

    monkeypatch.setattr("polyglot.cli.stack.settings", fail)
    assert run(["down"]) == Exit.TIMEOUT
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == ["error: it broke", "try this"]


def test_help_imports_no_engine():
    import subprocess
    import sys

    code = "import sys, polyglot.cli; polyglot.cli.build(); print([m for m in HEAVY if m in sys.modules])"
    heavy = ["pyflink", "pyspark", "chdb", "confluent_kafka", "pandas", "numba"]
    done = subprocess.run(
        [sys.executable, "-c", f"HEAVY = {heavy}\n{code}"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
    assert polyglot.cli.__doc__


def test_json_is_alone_on_stdout_and_text_alone_without_it(capsys):
    machine = Console(json_output=True)
    machine.table(["a"], [[1]])
    machine.text("words")
    machine.info("progress")
    machine.result({"a": 1})
    assert json.loads(capsys.readouterr().out) == {"a": 1}
    person = Console()
    person.result({"a": 1})
    person.table(["a", "b"], [[1, None], ["x", 2]], title="t")
    assert capsys.readouterr().out == "# t\na\tb\n1\t\nx\t2\n"


def test_progress_without_a_terminal_is_plain_lines(capsys):
    console = Console()
    with console.progress("feeding", total=100) as tracker:
        for _ in range(100):
            tracker.advance()
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "feeding"
    assert lines[-1] == "feeding: 100 of 100"
    assert len(lines) == 11


def test_a_quiet_console_says_nothing_but_errors(capsys):
    console = Console(quiet=True)
    with console.progress("x", total=1) as tracker:
        tracker.advance()
        tracker.describe("y")
    console.info("z")
    console.error("broken")
    assert capsys.readouterr().err == "error: broken\n"
