import json

import pytest

from polyglot.cli import run
from runtime.console import Exit


@pytest.fixture
def here(folder, monkeypatch):
    monkeypatch.setattr("schemas.contracts.FOLDER", folder.path)
    return folder


def test_check_passes_and_says_what_it_compared_with(here, capsys):
    assert run(["contracts", "check", "--json"]) == Exit.OK
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"compared_with": [here.past()[0].commit], "violations": []}
    assert "1 committed states" in captured.err


def test_check_of_a_broken_rule_exits_with_1_and_shows_each_violation(here, capsys):
    (here.path / "bar.v1.avsc").unlink()
    assert run(["contracts", "check", "--against", "HEAD"]) == Exit.FAILED
    captured = capsys.readouterr()
    assert captured.out.startswith("bar.v1.avsc is pinned with id 4 but is not there")
    assert "1 violations" in captured.err


@pytest.mark.usefixtures("here")
def test_check_against_nothing_is_wrong_usage(capsys):
    assert run(["contracts", "check", "--against", "nothing"]) == Exit.USAGE
    assert "nothing" in capsys.readouterr().err


@pytest.mark.usefixtures("here")
def test_check_without_history_warns_and_checks_the_files(capsys, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert run(["contracts", "check"]) == Exit.OK
    assert "warning: only the files here are checked" in capsys.readouterr().err


@pytest.mark.usefixtures("here")
def test_a_strict_check_fails_without_history(capsys, monkeypatch):
    assert run(["contracts", "check", "--strict"]) == Exit.OK
    monkeypatch.setenv("PATH", "")
    assert run(["contracts", "check", "--strict"]) == Exit.FAILED
    assert "nothing to compare the contracts with: git is not installed" in capsys.readouterr().err


def test_check_of_a_shallow_clone_says_what_it_cannot_see(here, tmp_path, monkeypatch, capsys):
    here.write("trade.v2.avsc", here.read("trade.v1.avsc"))
    here.pin_by_hand("trade.v2.avsc")
    here.commit()
    here.git("clone", "--quiet", "--depth", "1", here.path.parent.as_uri(), str(tmp_path / "clone"))
    monkeypatch.setattr("schemas.contracts.FOLDER", tmp_path / "clone" / "schemas")
    assert run(["contracts", "check", "--strict"]) == Exit.OK
    assert "warning: this clone is shallow" in capsys.readouterr().err


def test_pin_writes_the_lock_and_shows_the_ids(here, capsys):
    here.write("trade.v2.avsc", here.read("trade.v1.avsc"))
    next_id = max(one.id for one in here.pins()) + 1
    assert run(["contracts", "pin", "--json"]) == Exit.OK
    assert json.loads(capsys.readouterr().out) == [{"contract": "trade.v2", "id": next_id}]
    assert run(["contracts", "check"]) == Exit.OK


def test_pin_of_an_incompatible_version_fails(here, capsys):
    here.write("trade.v2.avsc", {"type": "record", "name": "trade", "fields": []})
    assert run(["contracts", "pin"]) == Exit.FAILED
    assert "ids.lock was left as it was" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["check", "pin", "register"])
def test_help_has_examples_and_exit_codes(command, capsys):
    assert run(["contracts", command, "--help"]) == Exit.OK
    shown = capsys.readouterr().out
    assert f"polyglot contracts {command}" in shown
    assert "Exit codes" in shown
