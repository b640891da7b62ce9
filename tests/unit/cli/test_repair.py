"""``polyglot repair`` and ``amend`` before they reach anything: usage, and a broker that is away."""

import pytest

from polyglot.cli import run
from polyglot.console import Exit
from polyglot.jobs import attention, offsets
from polyglot.jobs.attention import Attention

SPAN = ["--entity", "sim:A", "--from", "2024-08-08", "--to", "2024-08-09"]


@pytest.mark.parametrize("command", ["repair", "amend"])
def test_each_command_has_examples_and_exit_codes_in_its_help(command, capsys):
    assert run([command, "--help"]) == Exit.OK
    shown = capsys.readouterr().out
    assert "Examples" in shown
    assert "Exit codes" in shown


@pytest.mark.parametrize(
    "arguments",
    [
        ["amend", *SPAN[:4]],
        ["amend", *SPAN[:3], "yesterday", *SPAN[4:]],
        ["amend", *SPAN[:5], "2024-08-07"],
        ["amend", *SPAN, "--horizon", "soon"],
        ["amend", *SPAN, "--horizon", "forever"],
        ["amend", *SPAN, "--horizon", "0d"],
        ["amend", *SPAN, "--horizon", "3654d"],
    ],
)
def test_wrong_usage_reaches_nothing(arguments):
    assert run(arguments) == Exit.USAGE


def test_without_a_broker_repair_is_unavailable(monkeypatch, capsys):
    monkeypatch.setenv("POLYGLOT_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:9")
    monkeypatch.setattr(offsets, "_TIMEOUT_S", 0.5)
    assert run(["repair"]) == Exit.UNAVAILABLE
    assert "polyglot up" in capsys.readouterr().err


def test_what_waits_says_who_answers_it():
    waiting = Attention(3, {"late": 7, "future": 1}, complete=False, amendments=1, amended_events=2)
    assert waiting.rows() == [
        ["repair requests", "3 open", "polyglot repair"],
        ["late dead letters", "at least 7", "polyglot amend"],
        ["amended events", "2 in 1 amendments", ""],
    ]
    assert (waiting.document()["open_repairs"], waiting.document()["late"]) == (3, 7)


def test_counts_are_those_of_one_cluster(tmp_path):
    file = tmp_path / "status" / "dead_letters.json"
    assert attention._load(file, "a") == ({}, {})
    attention._save(file, "a", {0: 5}, attention.Counter(late=2))
    assert attention._load(file, "a") == ({0: 5}, {"late": 2})
    assert attention._load(file, "b") == ({}, {})
    file.write_text('{"cluster": "a", "at": 3')
    assert attention._load(file, "a") == ({}, {})
