"""Where the lake is, and what Hadoop and Python must know to find it."""

from __future__ import annotations

import stat
from xml.etree import ElementTree as ET

import pytest

from runtime import s3_keys
from runtime.config import Settings
from runtime.errors import CommandError
from runtime.object_store import hadoop_conf, hadoop_options, open_lake


@pytest.fixture(autouse=True)
def _no_hadoop_of_this_machine(monkeypatch):
    monkeypatch.delenv("HADOOP_CONF_DIR", raising=False)


def test_a_lake_on_this_host_needs_nothing(tmp_path):
    settings = Settings(var_dir=tmp_path)
    assert hadoop_options(settings) == {}
    assert hadoop_conf(settings) == ""
    assert not (tmp_path / "hadoop").exists()
    lake = open_lake(settings)
    assert (lake.uri, lake.path, lake.files.type_name) == (f"file://{tmp_path}/lake", f"{tmp_path}/lake", "local")


def test_once_made_with_a_server_every_command_finds_the_lake_there(tmp_path):
    assert Settings(var_dir=tmp_path).lake_uri.startswith("file:")
    s3_keys.provide(s3_keys.place(tmp_path))
    settings = Settings(var_dir=tmp_path, s3={"port": 23456})
    assert settings.lake_uri == "s3a://polyglot/lake"
    assert settings.s3.url == "http://127.0.0.1:23456"
    lake = open_lake(settings)
    assert (lake.uri, lake.path, lake.files.type_name) == ("s3a://polyglot/lake", "polyglot/lake", "s3")
    assert settings.checkpoints_uri == "s3a://polyglot/flink/checkpoints"


def test_keys_stay_what_they_are_and_only_their_owner_reads_them(tmp_path):
    place = s3_keys.place(tmp_path)
    s3_keys.provide(place)
    first = s3_keys.read(place)
    assert first
    assert len(set(first)) == 2
    assert all(len(key) >= 20 for key in first)
    s3_keys.provide(place)
    assert s3_keys.read(place) == first
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    s3_keys.provide(place, ("mine", "secret"))
    assert s3_keys.read(place) == ("mine", "secret")


def test_a_broken_file_of_keys_is_named(tmp_path):
    place = s3_keys.place(tmp_path)
    place.parent.mkdir()
    place.write_text('{"identities": []}')
    with pytest.raises(CommandError, match=r"s3\.json does not hold the keys"):
        Settings(var_dir=tmp_path).s3.keys()


def test_hadoop_is_told_in_a_file_that_only_its_owner_reads(tmp_path, monkeypatch):
    monkeypatch.setenv("HADOOP_CONF_DIR", "/etc/hadoop")
    assert hadoop_conf(Settings(var_dir=tmp_path)) == "/etc/hadoop"
    settings = Settings(
        var_dir=tmp_path, s3={"endpoint": "https://s3.example:9000", "access_key": "a<b", "secret_key": "c&d"}
    )
    assert hadoop_conf(settings) == str(tmp_path / "hadoop")
    file = tmp_path / "hadoop" / "core-site.xml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    said = {one.findtext("name"): one.findtext("value") for one in ET.parse(file).getroot()}  # noqa: S314
    assert said["fs.s3a.endpoint"] == "https://s3.example:9000"
    assert said["fs.s3a.connection.ssl.enabled"] == "true"
    assert (said["fs.s3a.access.key"], said["fs.s3a.secret.key"]) == ("a<b", "c&d")


def test_amazon_and_its_own_ways_to_log_in_need_no_setting(tmp_path):
    settings = Settings(var_dir=tmp_path, lake={"uri": "s3a://firm/lake/"})
    assert settings.lake_uri == "s3a://firm/lake"
    assert hadoop_options(settings) == {}
