"""The S3 server of a stack: its keys are on no command line, and a lake does not move."""

from __future__ import annotations

import pytest

from devstack.local.components import components
from devstack.local.environment import without_passwords
from devstack.local.s3_server import move_lake, object_store
from runtime import s3_keys
from runtime.config import Settings
from runtime.errors import CommandError


def test_no_key_is_on_its_command_line(tmp_path):
    settings = Settings(var_dir=tmp_path, s3={"enabled": True})
    component = object_store(settings)
    component.prepare()
    keys = s3_keys.read(s3_keys.place(tmp_path))
    assert keys
    assert not any(key in part for key in keys for part in component.command)
    assert len(component.ports) == 11


def test_no_process_inherits_keys():
    given = {
        "POLYGLOT_S3__SECRET_KEY": "a",
        "POLYGLOT_S3__ACCESS_KEY": "b",
        "POLYGLOT_S3": "{}",
        "POLYGLOT_S3__PORT": "1",
    }
    assert without_passwords(given) == {"POLYGLOT_S3__PORT": "1"}


def test_a_new_stack_gets_a_server_and_keeps_it(tmp_path, monkeypatch):
    monkeypatch.setenv("POLYGLOT_VAR_DIR", str(tmp_path))
    assert "s3" not in {one.name for one in components(Settings())}
    assert move_lake(Settings()).lake_uri == "s3a://polyglot/lake"
    assert "s3" in {one.name for one in components(Settings())}
    assert move_lake(Settings()).lake_uri == "s3a://polyglot/lake"


@pytest.mark.parametrize("by", ["folder", "setting"])
def test_a_lake_that_is_somewhere_stays_there(tmp_path, monkeypatch, by):
    monkeypatch.setenv("POLYGLOT_VAR_DIR", str(tmp_path))
    if by == "folder":
        (tmp_path / "lake").mkdir()
    else:
        monkeypatch.setenv("POLYGLOT_LAKE__URI", "s3a://elsewhere")
    with pytest.raises(CommandError, match="has its lake at"):
        move_lake(Settings())


def test_a_server_elsewhere_is_only_asked(tmp_path):
    settings = Settings(var_dir=tmp_path, s3={"enabled": True, "endpoint": "http://s3.example:9000"})
    (found,) = (one for one in components(settings) if one.name == "s3")
    assert not found.managed
    assert found.url == "http://s3.example:9000"
