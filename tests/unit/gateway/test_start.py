"""The gateway's command: what must be there before it serves, and what the engine gets of a request."""

from __future__ import annotations

import fcntl
import gc
import logging
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from devstack.gateway import __main__ as module
from devstack.gateway.ask import Ask, Body
from devstack.gateway.errors import ClickHouseError
from devstack.gateway.exchange import ClientGoneError


class Served:
    """Stands for uvicorn; notes what it would serve."""

    def __init__(self):
        self.calls = []
        self.started = True

    def __call__(self, app, host, port, settings):
        self.calls.append((host, port, settings))
        return self

    def run(self):
        self.calls.append("run")


@pytest.fixture
def served(monkeypatch):
    stands = Served()
    monkeypatch.setattr(module, "server", stands)
    monkeypatch.setattr(module, "support", lambda: SimpleNamespace(enough=True, sentence=""))
    monkeypatch.delenv("POLYGLOT_GATEWAY__USERS", raising=False)
    monkeypatch.delenv("POLYGLOT_GATEWAY__CONFINEMENT", raising=False)
    monkeypatch.setattr(logging.getLogger("uvicorn.error"), "filters", [])
    return stands


@pytest.fixture
def users(tmp_path):
    file = tmp_path / "users.json"
    file.write_text('{"ann": {"password": "secret"}}')
    file.chmod(0o600)
    return file


def run(*arguments):
    return CliRunner().invoke(module.cli, [str(one) for one in arguments])


def test_it_serves_on_loopback(served, users, tmp_path):
    done = run("--users", users, "--data", tmp_path / "new" / "data", "--port", 1)
    assert done.exit_code == 0, done.output
    assert (served.calls[0][:2], served.calls[1]) == (("127.0.0.1", 1), "run")
    assert (tmp_path / "new" / "data").is_dir()


def test_without_users_it_does_not(served, tmp_path):
    done = run("--data", tmp_path / "data")
    assert done.exit_code == 1
    assert "no user" in done.output
    assert served.calls == []


def test_with_a_file_that_others_can_read_it_does_not(served, users, tmp_path):
    users.chmod(0o644)
    done = run("--users", users, "--data", tmp_path / "data")
    assert done.exit_code == 1
    assert "chmod 600" in done.output
    assert "secret" not in done.output


def test_without_confinement_it_does_not_unless_it_is_told_to(served, users, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "support", lambda: SimpleNamespace(enough=False, sentence="no Landlock"))
    done = run("--users", users, "--data", tmp_path / "data")
    assert done.exit_code == 1
    assert "no Landlock" in done.output
    assert "POLYGLOT_GATEWAY__CONFINEMENT=off" in done.output
    assert served.calls == []
    monkeypatch.setenv("POLYGLOT_GATEWAY__CONFINEMENT", "off")
    assert run("--users", users, "--data", tmp_path / "data").exit_code == 0


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # a process that ends closes its files
def test_one_gateway_serves_a_folder(served, users, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    with (data / "gateway.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        done = run("--users", users, "--data", data)
        assert done.exit_code == 1
        assert "another gateway" in done.output
        assert served.calls == []
    assert run("--users", users, "--data", data).exit_code == 0
    del done
    gc.collect()


def test_a_server_that_did_not_start_is_told(served, users, tmp_path):
    served.started = False
    assert run("--users", users, "--data", tmp_path / "data").exit_code == 1


def test_a_connection_that_breaks_on_purpose_leaves_no_stack_in_the_log(served, users, tmp_path):
    run("--users", users, "--data", tmp_path / "data")
    logger = logging.getLogger("uvicorn.error")

    def shown(error):
        info = (type(error), error, None) if error else None
        return bool(logger.filter(logging.LogRecord("x", 40, "", 0, "", None, info)))

    assert [shown(ClientGoneError()), shown(ValueError()), shown(None)] == [False, True, True]


parts = st.lists(st.binary(max_size=20), max_size=8).map(lambda some: [part for part in some if part])


@given(parts=parts, sizes=st.lists(st.integers(0, 30), max_size=3), least=st.integers(0, 60))
def test_a_body_is_taken_table_by_table_then_text_then_rows(parts, sizes, least):
    whole, place = b"".join(parts), 0
    body = Body(iter(parts))
    for size in sizes:
        if place + size > len(whole):
            with pytest.raises(ClickHouseError, match="inside a table"):
                list(body.take(size))
            return
        assert b"".join(body.take(size)) == whole[place : place + size]
        place += size
    text, is_all = body.more(b"", least)
    assert text == whole[place : place + len(text)]
    assert len(text) >= least or is_all
    assert not is_all or text == whole[place:]
    more, _ = body.more(text, len(text) + 1)
    assert more == whole[place : place + len(more)]
    rest = list(body.rest())
    assert more + b"".join(rest) == whole[place:]
    assert all(rest)


def test_rows_come_in_pushes_of_about_a_megabyte(monkeypatch):
    monkeypatch.setattr("devstack.gateway.ask.PUSH", 10)
    body = Body(iter([b"x" * 4] * 7))
    assert list(map(len, body.rest())) == [12, 12, 4]


def test_what_was_asked_is_read():
    document = {"role": "reader", "user": "u", "query_id": "q", "fifo": "/f", "session": "s", "params": {"a": "1"}}
    table = {"name": "t", "structure": "a Int8", "format": "CSV", "size": 3}
    ask = Ask.read({**document, "tables": [table]})
    assert (ask.role, ask.session, ask.params, ask.tables[0].size) == ("reader", "s", {"a": "1"}, 3)
    assert Ask.read(document).tables == ()
    with pytest.raises(TypeError):
        Ask.read({**document, "unknown": 1})
