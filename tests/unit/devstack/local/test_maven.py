import os
import stat

import pytest

from runtime import maven
from runtime.config import Settings
from runtime.console import CommandError, Exit


@pytest.fixture
def settings(tmp_path):
    return Settings(var_dir=tmp_path / "var", cache_dir=tmp_path / "cache")


@pytest.fixture
def fake_maven(tmp_path, monkeypatch):
    """An `mvn` that writes one jar per runtime and counts its calls."""
    calls = tmp_path / "calls"
    script = tmp_path / "bin" / "mvn"
    script.parent.mkdir()
    script.write_text(
        f'#!/bin/sh\necho "$@" >> {calls}\n'
        'for a in "$@"; do case $a in -Djars.dir=*) d=${a#-Djars.dir=};; esac; done\n'
        "for r in kafka flink spark; do mkdir -p $d/$r; touch $d/$r/new.jar; done\n"
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}{os.environ['PATH']}")
    return lambda: calls.read_text().splitlines() if calls.exists() else []


def test_jars_are_fetched_once(settings, fake_maven):
    assert maven.fetch_jars(settings)
    assert not maven.fetch_jars(settings)
    assert len(fake_maven()) == 1


@pytest.mark.usefixtures("fake_maven")
def test_a_changed_pom_fetches_again_and_leaves_no_old_version(settings, monkeypatch):
    maven.fetch_jars(settings)
    (settings.cache_dir / "jars" / "kafka" / "old.jar").touch()
    monkeypatch.setattr(maven, "jars_digest", lambda: "changed")
    assert maven.fetch_jars(settings)
    assert [jar.name for jar in (settings.cache_dir / "jars" / "kafka").iterdir()] == ["new.jar"]


@pytest.mark.usefixtures("fake_maven")
def test_jars_that_somebody_deleted_are_fetched_again(settings):
    maven.fetch_jars(settings)
    (settings.cache_dir / "jars" / "spark" / "new.jar").unlink()
    assert maven.fetch_jars(settings)


def test_a_failed_fetch_is_told_with_its_log_and_leaves_no_stamp(settings, tmp_path, monkeypatch):
    script = tmp_path / "mvn"
    script.write_text("#!/bin/sh\necho '[ERROR] no such artifact'\nexit 1\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(CommandError) as failed:
        maven.fetch_jars(settings)
    assert "no such artifact" in failed.value.hint
    assert not maven.jars_ready(settings.cache_dir)


@pytest.fixture
def flaky_maven(tmp_path, fake_maven, monkeypatch):
    """An `mvn` whose first ``failures`` calls end with what they say; returns how often it was called."""
    monkeypatch.setattr(maven, "_PAUSE_S", 0.0)
    good, tried = tmp_path / "bin" / "mvn", tmp_path / "tried"
    real = good.rename(good.with_name("good"))

    def fail(failures, said):
        good.write_text(
            f'#!/bin/sh\necho x >> {tried}\n[ $(wc -l < {tried}) -gt {failures} ] && exec {real} "$@"\n'
            f"echo '{said}'\nexit 1\n"
        )
        good.chmod(0o755)

    return fail, lambda: len(tried.read_text().splitlines())


LOST = "[ERROR] Could not transfer artifact org.apache:x:jar:1 from central: Connection reset"


def test_a_download_is_tried_three_times(settings, flaky_maven):
    fail, tried = flaky_maven
    fail(2, LOST)
    assert maven.fetch_jars(settings)
    assert tried() == 3
    assert maven.jars_ready(settings.cache_dir)


def test_what_is_no_download_is_not_tried_again(settings, flaky_maven):
    fail, tried = flaky_maven
    fail(2, "[ERROR] COMPILATION ERROR")
    with pytest.raises(CommandError):
        maven.fetch_jars(settings)
    assert tried() == 1


def test_a_fetch_that_fails_leaves_the_jars_that_are_there(settings, flaky_maven, monkeypatch):
    fail, tried = flaky_maven
    fail(0, "")
    maven.fetch_jars(settings)
    monkeypatch.setattr(maven, "jars_digest", lambda: "changed")
    fail(9, LOST)
    with pytest.raises(CommandError, match="Maven failed"):
        maven.fetch_jars(settings)
    assert tried() == 4
    assert (settings.cache_dir / "jars" / "kafka" / "new.jar").exists()


def test_a_machine_without_maven_is_told_so(settings, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CommandError) as failed:
        maven.fetch_jars(settings)
    assert failed.value.code is Exit.MISSING


def test_the_digest_sees_names_and_contents_but_not_order(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("1")
    two.write_text("2")
    before = maven.digest([one, two], tmp_path)
    assert maven.digest([two, one], tmp_path) == before
    two.write_text("3")
    assert maven.digest([one, two], tmp_path) != before
    two.rename(tmp_path / "three")
    (tmp_path / "three").write_text("2")
    assert maven.digest([one, tmp_path / "three"], tmp_path) != before


@pytest.fixture
def connectors(tmp_path, monkeypatch):
    folder = tmp_path / "connectors"
    for module in ("a", "b"):
        (folder / module / "target").mkdir(parents=True)
        (folder / module / "pom.xml").touch()
        (folder / module / "target" / f"polyglot-{module}-1.jar").touch()
    monkeypatch.setattr(maven, "CONNECTORS", folder)
    return folder


def test_connector_jars_are_the_newest_of_each_module_without_sources(connectors):
    old = connectors / "a" / "target" / "polyglot-a-0.jar"
    old.touch()
    os.utime(old, (1, 1))
    (connectors / "a" / "target" / "polyglot-a-1-sources.jar").touch()
    (connectors / "a" / "target" / "original-polyglot-a-1.jar").touch()
    assert [jar.name for jar in maven.connector_jars()] == ["polyglot-a-1.jar", "polyglot-b-1.jar"]


def test_connectors_are_built_when_a_source_changes_and_only_then(connectors, settings, fake_maven, monkeypatch):
    monkeypatch.setattr(maven, "connector_sources", lambda: sorted(connectors.glob("*/src/**/*.java")))
    monkeypatch.setattr(maven, "ROOT", connectors)
    assert maven.build_connectors(settings)
    assert not maven.build_connectors(settings)
    source = connectors / "a" / "src" / "main" / "java" / "A.java"
    source.parent.mkdir(parents=True)
    source.touch()
    assert maven.build_connectors(settings)
    (connectors / "b" / "target" / "polyglot-b-1.jar").unlink()
    assert not maven.connectors_ready(settings.cache_dir)
    assert len(fake_maven()) == 2
