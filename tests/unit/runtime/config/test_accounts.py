"""The local gateway's accounts: who may read them, who makes them, and that all agree."""

import json
import os
import stat
import subprocess
import sys

import pytest

from runtime import accounts
from runtime.errors import CommandError, Exit

#: Waits for the others, then provides, and prints the passwords that it was told.
RACER = """
import json, sys, time
from pathlib import Path
from runtime import accounts
go = Path(sys.argv[2])
while not go.exists():
    time.sleep(0.001)
print(json.dumps(accounts.provide(Path(sys.argv[1]), "polyglot")))
"""


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def path(tmp_path):
    return accounts.place(tmp_path / "var")


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def umask(request):
    before = os.umask(request.param)
    yield
    os.umask(before)


def test_an_admin_and_a_reader_are_made_with_long_passwords_of_their_own(path):
    made = accounts.provide(path, "polyglot")
    assert {name: one["role"] for name, one in made.items()} == {"polyglot": "admin", "reader": "reader"}
    passwords = [one["password"] for one in made.values()]
    assert len(set(passwords)) == 2
    assert all(len(one) >= 32 and one.isalnum() for one in passwords)
    assert json.loads(path.read_text()) == made


@pytest.mark.usefixtures("umask")
def test_only_their_owner_may_enter_and_read(path):
    accounts.provide(path, "polyglot")
    assert (mode(path.parent), mode(path)) == (0o700, 0o600)
    assert {one.name: mode(one) for one in path.parent.iterdir()} == {path.name: 0o600, "lock": 0o600}


def test_what_was_opened_up_is_closed_again(path):
    before = accounts.provide(path, "polyglot")
    path.parent.chmod(0o755)
    path.chmod(0o644)
    assert accounts.provide(path, "polyglot") == before
    assert (mode(path.parent), mode(path)) == (0o700, 0o600)


def test_the_file_never_has_another_mode_and_is_never_half_written(path, monkeypatch):
    """Looked at in the moment before it gets its name."""
    seen = []
    rename = type(path).rename

    def look(draft, target):
        seen.append((mode(draft), set(json.loads(draft.read_text()))))
        return rename(draft, target)

    monkeypatch.setattr(type(path), "rename", look)
    accounts.provide(path, "polyglot")
    assert seen == [(0o600, {"polyglot", "reader"})]


def test_accounts_stay_as_they_are(path):
    before = accounts.provide(path, "polyglot")
    written = path.stat()
    assert accounts.provide(path, "polyglot") == before
    assert path.stat().st_mtime_ns == written.st_mtime_ns


def test_a_password_that_is_given_wins_and_is_kept(path):
    made = accounts.provide(path, "polyglot")
    given = accounts.provide(path, "polyglot", "it's mine")
    assert given["polyglot"] == {"password": "it's mine", "role": "admin"}
    assert given["reader"] == made["reader"]
    assert accounts.provide(path, "polyglot") == given == accounts.read(path)


def test_accounts_that_somebody_added_stay(path):
    made = accounts.provide(path, "polyglot")
    ann = {"password": "a", "role": "writer"}
    path.write_text(json.dumps({**made, "ann": ann}))
    assert accounts.provide(path, "bob")["ann"] == ann
    assert accounts.read(path)["bob"]["role"] == "admin"


def test_the_reader_only_reads_whatever_the_file_says(path):
    made = accounts.provide(path, "polyglot")
    path.write_text(json.dumps({**made, "reader": {**made["reader"], "role": "admin"}}))
    assert accounts.provide(path, "polyglot") == made


def test_what_a_killed_process_left_is_in_nobodys_way(path):
    path.parent.mkdir(parents=True)
    path.with_name(f".{path.name}.draft").write_text("{")
    accounts.provide(path, "polyglot")
    assert {one.name: mode(one) for one in path.parent.iterdir()} == {path.name: 0o600, "lock": 0o600}


def test_processes_that_make_them_at_once_agree(path, tmp_path):
    command = [sys.executable, "-c", RACER, str(path), str(tmp_path / "go")]
    racers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    (tmp_path / "go").touch()
    told = [json.loads(racer.communicate(timeout=60)[0]) for racer in racers]
    assert told == [accounts.read(path)] * 4


def test_the_admin_cannot_be_the_reader(path):
    with pytest.raises(CommandError, match="only reads") as refused:
        accounts.provide(path, accounts.READER)
    assert refused.value.code is Exit.USAGE
    assert not path.exists()


def test_an_empty_password_is_refused(path):
    with pytest.raises(CommandError, match="everybody") as refused:
        accounts.provide(path, "polyglot", "")
    assert refused.value.code is Exit.USAGE
    assert not path.exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"polyglot": "p"}', '{"polyglot": {"role": "admin"}}'])
def test_a_broken_file_is_named_and_not_written_over(path, text):
    path.parent.mkdir(parents=True)
    path.write_text(text)
    for work in (accounts.read, lambda place: accounts.provide(place, "polyglot")):
        with pytest.raises(CommandError, match="does not hold accounts") as refused:
            work(path)
        assert str(path) in str(refused.value)
    assert path.read_text() == text


def test_no_file_is_no_account(path):
    assert accounts.read(path) == {}
