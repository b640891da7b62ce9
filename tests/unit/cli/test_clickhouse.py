"""`polyglot clickhouse-login`: what a client of one's own needs, and the password only when it is asked for."""

import json

import pytest

from polyglot.cli import run
from runtime import accounts
from runtime.config import Settings
from runtime.console import Exit

READERS = "that of the reader"


@pytest.fixture
def configured(tmp_path, monkeypatch):
    """Return a function that configures the command."""

    def configure(**clickhouse):
        settings = Settings(var_dir=tmp_path / "var", clickhouse=clickhouse)
        monkeypatch.setattr("polyglot.cli.clickhouse.settings", lambda: settings)
        return accounts.place(settings.var_dir)

    return configure


def provide(path):
    made = accounts.provide(path, "polyglot")
    made["reader"]["password"] = READERS
    path.write_text(json.dumps(made))
    return made


def test_it_says_where_and_as_whom_but_not_the_password(configured, capsys):
    made = provide(path := configured(port=28123))
    assert run(["clickhouse-login"]) == Exit.OK
    captured = capsys.readouterr()
    shown = dict(line.split("\t") for line in captured.out.splitlines()[1:])
    assert shown == {
        "host": "127.0.0.1", "port": "28123", "database": "polyglot", "user": "reader", "accounts": str(path),
    }  # fmt: skip
    assert not [one for one in made.values() if one["password"] in captured.out + captured.err]


def test_it_shows_the_readers_password_on_request_and_never_the_admins(configured, capsys):
    made = provide(configured())
    assert run(["clickhouse-login", "--password", "--json"]) == Exit.OK
    captured = capsys.readouterr()
    assert json.loads(captured.out)["password"] == READERS
    assert made["polyglot"]["password"] not in captured.out + captured.err


def test_before_the_first_up_there_is_none(configured, capsys):
    configured()
    assert run(["clickhouse-login"]) == Exit.OK
    assert run(["clickhouse-login", "--password"]) == Exit.UNAVAILABLE
    assert "`polyglot up`" in capsys.readouterr().err


def test_of_a_server_elsewhere_it_knows_no_account(configured, capsys):
    configured(host="ch.example")
    assert run(["clickhouse-login"]) == Exit.USAGE
    assert "ch.example" in capsys.readouterr().err


def test_a_query_without_a_password_says_what_to_do(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("POLYGLOT_CLICKHOUSE__PASSWORD", raising=False)
    monkeypatch.setenv("POLYGLOT_VAR_DIR", str(tmp_path))
    assert run(["query", "select 1"]) == Exit.UNAVAILABLE
    assert "start the stack with `polyglot up`, or set POLYGLOT_CLICKHOUSE__PASSWORD" in capsys.readouterr().err
