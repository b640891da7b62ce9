"""Where clients find ClickHouse's password: the setting, else what `polyglot up` made, whenever it did."""

import pytest

from devstack.local.probes import probe_clickhouse
from flink_jobs.io import stores
from runtime import accounts
from runtime.config import ClickHouseSettings, Settings
from runtime.console import CommandError, Exit
from runtime.layout import Layout


@pytest.fixture(autouse=True)
def no_setting(monkeypatch):
    monkeypatch.delenv("POLYGLOT_CLICKHOUSE__PASSWORD", raising=False)


@pytest.fixture
def settings(tmp_path):
    return Settings(var_dir=tmp_path / "var")


def test_there_is_no_password_that_everybody_knows(settings):
    assert settings.clickhouse.password is None
    for ask in (
        settings.clickhouse.find_password,
        settings.clickhouse.login,
        lambda: probe_clickhouse(settings.clickhouse),
        lambda: stores.clickhouse_options(settings, "bars"),
    ):
        with pytest.raises(CommandError, match=r"`polyglot up`, or set POLYGLOT_CLICKHOUSE__PASSWORD") as refused:
            ask()
        assert refused.value.code is Exit.UNAVAILABLE


def test_settings_that_were_read_before_up_find_what_it_made(settings):
    made = accounts.provide(Layout.at(settings.var_dir).accounts, "polyglot")
    assert settings.clickhouse.find_password() == made["polyglot"]["password"]
    assert settings.clickhouse.login()["password"] == made["polyglot"]["password"]
    changed = accounts.provide(Layout.at(settings.var_dir).accounts, "polyglot", "another")
    assert settings.clickhouse.find_password() == changed["polyglot"]["password"] == "another"


def test_a_password_that_is_set_wins(tmp_path, monkeypatch):
    accounts.provide(Layout.at(tmp_path).accounts, "polyglot")
    monkeypatch.setenv("POLYGLOT_CLICKHOUSE__PASSWORD", "mine")
    assert Settings(var_dir=tmp_path).clickhouse.find_password() == "mine"


def test_each_stack_has_its_own(tmp_path):
    one, other = (Settings(var_dir=tmp_path / name) for name in ("one", "other"))
    accounts.provide(Layout.at(one.var_dir).accounts, "polyglot")
    assert one.clickhouse.find_password()
    with pytest.raises(CommandError):
        other.clickhouse.find_password()


def test_a_user_whom_the_gateway_does_not_know_yet(tmp_path):
    accounts.provide(Layout.at(tmp_path).accounts, "polyglot")
    with pytest.raises(CommandError, match="knows no user 'ann'"):
        Settings(var_dir=tmp_path, clickhouse={"username": "ann"}).clickhouse.find_password()


def test_a_server_elsewhere_never_gets_the_local_password(tmp_path):
    accounts.provide(Layout.at(tmp_path).accounts, "polyglot")
    settings = Settings(var_dir=tmp_path, clickhouse={"host": "ch.example"})
    with pytest.raises(CommandError, match=r"ch\.example:18123: set POLYGLOT_CLICKHOUSE__PASSWORD") as refused:
        settings.clickhouse.find_password()
    assert refused.value.code is Exit.USAGE


def test_a_server_elsewhere_may_have_an_empty_password():
    assert ClickHouseSettings(host="ch.example", password="").find_password() == ""


def test_settings_show_no_password():
    settings = Settings(clickhouse={"password": "mine"})
    assert "mine" not in repr(settings) + str(settings.model_dump()) + settings.model_dump_json()
