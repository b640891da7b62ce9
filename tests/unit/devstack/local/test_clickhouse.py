"""The gateway as a component: its command, its accounts, and what happens when a password is set."""

import pytest

from devstack.local import control
from devstack.local.clickhouse import gateway, provide_accounts
from devstack.local.components import fingerprint
from runtime import accounts
from runtime.config import Settings
from runtime.console import CommandError, Console
from runtime.layout import Layout

MINE, OTHER, NONE = "it's mine", "another", ""


@pytest.fixture(autouse=True)
def no_setting(monkeypatch):
    monkeypatch.delenv("POLYGLOT_CLICKHOUSE__PASSWORD", raising=False)


def configured(folder, **clickhouse):
    return Settings(var_dir=folder / "var", clickhouse=clickhouse)


def test_the_command_names_the_file_and_no_password(tmp_path):
    settings = configured(tmp_path, password=MINE, port=12345)
    component = gateway(settings)
    layout = Layout.at(settings.var_dir)
    assert component.command[1:] == (
        "-m", "devstack.gateway", "--host", "127.0.0.1", "--port", "12345",
        "--data", str(layout.clickhouse), "--users", str(layout.accounts),
    )  # fmt: skip
    assert MINE not in " ".join(component.command) + component.config + str(component.env)
    assert not component.logs_in, "it has no use for our passwords in its environment"


def test_preparing_makes_the_folder_and_the_accounts(tmp_path):
    settings = configured(tmp_path, username="ann")
    component = gateway(settings)
    component.prepare()
    component.prepare()
    layout = Layout.at(settings.var_dir)
    assert layout.clickhouse.is_dir()
    assert {name: one["role"] for name, one in accounts.read(layout.accounts).items()} == {
        "ann": "admin", "reader": "reader",
    }  # fmt: skip
    assert settings.clickhouse.find_password() == accounts.read(layout.accounts)["ann"]["password"]


def test_a_password_that_is_set_becomes_the_admins(tmp_path):
    provide_accounts(configured(tmp_path))
    provide_accounts(settings := configured(tmp_path, password=MINE))
    assert accounts.read(Layout.at(settings.var_dir).accounts)["polyglot"]["password"] == MINE


def test_a_running_gateway_with_another_password_is_noticed(tmp_path):
    provide_accounts(configured(tmp_path, password=MINE))
    running = fingerprint(gateway(configured(tmp_path, password=MINE)))
    assert fingerprint(gateway(configured(tmp_path))) == running, "it is in the file"
    assert fingerprint(gateway(configured(tmp_path, password=OTHER))) != running
    assert fingerprint(gateway(configured(tmp_path, username="ann"))) != running


def test_wipe_deletes_the_passwords_and_down_keeps_them(tmp_path):
    settings, console = configured(tmp_path), Console(quiet=True)
    layout = Layout.at(settings.var_dir)
    with control.exclusive(layout):
        (layout.var / control.MARKER).touch()
    provide_accounts(settings)
    before = accounts.read(layout.accounts)
    control.down(settings, console)
    provide_accounts(settings)
    assert accounts.read(layout.accounts) == before
    control.down(settings, console, wipe=True)
    assert not layout.secrets.exists()
    provide_accounts(settings)
    assert accounts.read(layout.accounts).keys() == before.keys()
    assert accounts.read(layout.accounts) != before


class Started(Exception):  # noqa: N818 - nothing is wrong
    """Something would have been started."""


@pytest.fixture
def up(monkeypatch):
    """Return a function that does what `polyglot up --only clickhouse` does before it starts anything."""

    def start(*_, **__):
        raise Started

    monkeypatch.setattr(control, "spawn", start)
    monkeypatch.setattr(control, "is_free", lambda _: True)
    return lambda settings: control.up(settings, Console(quiet=True), only=["clickhouse"], build=False)


def test_up_makes_the_accounts_before_anything_starts(tmp_path, up):
    settings = configured(tmp_path)
    with pytest.raises(Started):
        up(settings)
    assert settings.clickhouse.find_password()


def test_up_refuses_an_empty_password_before_anything_starts(tmp_path, up):
    settings = configured(tmp_path, password=NONE)
    with pytest.raises(CommandError, match="everybody"):
        up(settings)
    assert not Layout.at(settings.var_dir).secrets.exists()
