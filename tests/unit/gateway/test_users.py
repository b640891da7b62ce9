"""Who asks: users from a file that only its owner reads, and how a request says who it is from."""

from __future__ import annotations

import base64
import json
import os

import pytest
from pydantic import SecretStr

from devstack.gateway import users
from devstack.gateway.errors import ClickHouseError
from devstack.gateway.users import User, UsersError, authenticate, credentials, load

VARIABLE = "POLYGLOT_GATEWAY__USERS"
ANN = {"ann": {"password": "secret", "role": "writer"}}
USERS = {"ann": User(password=SecretStr("pä"), role="writer"), "bob": User(password=SecretStr("b"))}


def basic(text):
    return "Basic " + base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)

    def write(text, mode=0o600):
        file = tmp_path / "users.json"
        file.write_text(text if isinstance(text, str) else json.dumps(text))
        file.chmod(mode)
        return file

    return write


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_users_come_from_a_file(write, mode):
    found = load(write({**ANN, "bob": {"password": "b"}}, mode))
    assert {name: (user.password.get_secret_value(), user.role) for name, user in found.items()} == {
        "ann": ("secret", "writer"),
        "bob": ("b", "reader"),
    }


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601, 0o644, 0o610])
def test_a_file_that_others_can_touch_is_refused(write, mode):
    with pytest.raises(UsersError, match="chmod 600"):
        load(write(ANN, mode))


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{", '{"ann": "secret"}', '{"ann": {}}', '{"ann": {"password": "x", "role": "root"}}', "{}",
        '{"ann": {"password": ""}}', '{"ann": {"password": null}}',
    ],
)  # fmt: skip
def test_a_file_that_is_not_of_users_is_refused(write, text):
    with pytest.raises(UsersError):
        load(write(text))


def test_without_any_user_nobody_is_served(write, tmp_path):
    with pytest.raises(UsersError, match="no user"):
        load(None)
    with pytest.raises(UsersError, match="cannot be read"):
        load(tmp_path / "none.json")


def test_errors_do_not_show_passwords(write):
    with pytest.raises(UsersError) as error:
        load(write({"ann": {"password": "secret", "role": "root"}, "bob": {"password": "hidden"}}))
    assert "secret" not in str(error.value)
    assert "hidden" not in str(error.value)


def test_the_environment_counts_below_the_file_and_is_gone_afterwards(write, monkeypatch):
    monkeypatch.setenv(VARIABLE, json.dumps({"ann": {"password": "other"}, "eve": {"password": "e", "role": "admin"}}))
    found = load(write(ANN))
    assert (found["ann"].password.get_secret_value(), found["eve"].role) == ("secret", "admin")
    assert VARIABLE not in os.environ


def test_the_environment_is_enough(write, monkeypatch):
    monkeypatch.setenv(VARIABLE, json.dumps(ANN))
    assert list(load(None)) == ["ann"]
    assert VARIABLE not in os.environ


def test_passwords_are_not_shown():
    assert "pä" not in repr(USERS)
    assert "pä" not in str(USERS["ann"])


@pytest.mark.parametrize(
    "headers",
    [
        {"x-clickhouse-user": "ann", "x-clickhouse-key": "pä"},
        {"x-clickhouse-user": "ann", "x-clickhouse-key": "pä".encode().decode("latin-1")},  # UTF-8 as a server gets it
        {"authorization": basic("ann:pä")},
        {"authorization": basic("ann:pä").replace("Basic", "bASIC")},
        {"authorization": basic("ann:pä"), "x-clickhouse-user": "ann", "x-clickhouse-key": "pä"},
    ],
)
def test_two_ways_to_say_who_one_is(headers):
    assert authenticate(USERS, *credentials(headers)) == "writer"


@pytest.mark.parametrize(
    ("headers", "given"),
    [
        ({"x-clickhouse-user": "ann"}, ("ann", "")),
        ({"x-clickhouse-key": "x"}, ("default", "x")),
        ({"authorization": basic("ann")}, ("ann", "")),
        ({"authorization": basic("ann:a:b")}, ("ann", "a:b")),
        ({"authorization": basic(":")}, ("", "")),
    ],
)
def test_what_credentials_say(headers, given):
    assert credentials(headers) == given


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer x"},
        {"authorization": "Digest username=ann"},
        {"authorization": "Bearer x", "x-clickhouse-user": "ann", "x-clickhouse-key": "pä"},
        {"authorization": "Basic !"},
        {"authorization": "Basic ä"},
        {"authorization": "Basic  YTpi"},
        {"authorization": basic("ann:pä") + ", " + basic("bob:b")},
        {"authorization": basic(b"ann:\xff")},
        {"authorization": basic("ann:pä"), "x-clickhouse-user": "bob", "x-clickhouse-key": "pä"},
        {"authorization": basic("ann:pä"), "x-clickhouse-user": "ann"},
        {"authorization": basic("ann:pä"), "x-clickhouse-key": "pä"},
    ],
)
def test_no_or_unclear_credentials(headers):
    with pytest.raises(ClickHouseError) as error:
        credentials(headers)
    assert (error.value.code, error.value.status) == (516, 403)


@pytest.mark.parametrize(
    ("name", "password"),
    [("ann", "no"), ("ann", ""), ("ann", "pä "), ("ANN", "pä"), ("eve", ""), ("eve", "pä"), ("", "")],
)
def test_wrong_user_and_wrong_password_look_alike(name, password):
    with pytest.raises(ClickHouseError) as error:
        authenticate(USERS, name, password)
    text = "Authentication failed: password is incorrect, or there is no user with such name"
    assert str(error.value) == f"Code: 516. DB::Exception: {name}: {text} (AUTHENTICATION_FAILED)"


@pytest.mark.parametrize("name", ["ann", "eve"])
def test_passwords_are_compared_in_constant_time_whoever_asks(name, monkeypatch):
    compared = []
    monkeypatch.setattr(users.hmac, "compare_digest", lambda *pair: compared.append(pair))
    with pytest.raises(ClickHouseError):
        authenticate(USERS, name, "x")
    assert len(compared) == 1


def test_a_name_breaks_no_header_and_no_log():
    with pytest.raises(ClickHouseError) as error:
        authenticate(USERS, "a\r\nX: y\x1b[0m" + "z" * 1000, "x")
    assert str(error.value).startswith("Code: 516. DB::Exception: a??X: y?[0mz")
    assert len(str(error.value)) < 300
