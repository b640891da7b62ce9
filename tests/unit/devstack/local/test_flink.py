import os
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest
import yaml

from devstack.local.flink import jobmanager, taskmanager
from devstack.local.foreground import bind_overrides
from devstack.local.foreground import run as run_in_foreground
from flink_jobs.environment import DEFAULTS
from runtime import flink_home
from runtime.config import Settings
from runtime.console import CommandError, Exit
from runtime.flink_config import flatten, flink_config, jobmanager_memory, taskmanager_memory
from runtime.flink_home import client_command, client_env, effective_config, home, library, write_home


@pytest.fixture
def settings(tmp_path):
    return Settings(var_dir=tmp_path / "var", cache_dir=tmp_path / "cache", flink={"rest_port": 28081})


def megabytes(text):
    assert text.endswith("m")
    return int(text[:-1])


@pytest.mark.parametrize("total", [2304, 3072, 8192])
def test_the_taskmanagers_parts_add_up_to_what_was_given(total):
    memory = taskmanager_memory(total)
    options = memory.options("taskmanager")
    parts = [value for name, value in options.items() if not name.endswith((".min", "overhead.max"))]
    overhead = options["taskmanager.memory.jvm-overhead.max"]
    assert sum(map(megabytes, [*parts, overhead])) == total == memory.total
    assert options["taskmanager.memory.network.min"] == options["taskmanager.memory.network.max"]


def test_the_jvm_gets_what_flink_thinks_it_has():
    memory = taskmanager_memory(3072)
    options = {name: megabytes(value) for name, value in memory.options("t").items()}
    flags = dict(flag.split("=") for flag in memory.jvm() if "=" in flag)
    heap = options["t.memory.framework.heap.size"] + options["t.memory.task.heap.size"]
    off_heap = options["t.memory.framework.off-heap.size"] + options["t.memory.task.off-heap.size"]
    assert f"-Xmx{heap}m" in memory.jvm()
    assert megabytes(flags["-XX:MaxDirectMemorySize"]) == off_heap + options["t.memory.network.max"]
    assert flags["-XX:MaxMetaspaceSize"] == "768m", "the 13th job kills a TaskManager with less"


def test_too_little_memory_is_refused_with_the_least_that_works():
    with pytest.raises(CommandError, match="the least is") as refused:
        taskmanager_memory(1500)
    assert refused.value.code is Exit.USAGE
    least = int(str(refused.value).rsplit(maxsplit=1)[-1])
    assert taskmanager_memory(least).total == least


def test_the_cluster_stays_within_the_budget():
    assert taskmanager_memory(3072).total + jobmanager_memory().total < 4.5 * 1024


def test_configuration_has_no_process_size_beside_its_parts(settings):
    config = effective_config(settings)
    assert not [name for name in config if name.endswith("memory.process.size")]


def test_flink_knows_every_option(settings):
    """It ignores the others without a word, such as those that a new version no longer has."""
    known = b""
    for jar in [*home().glob("lib/flink-*.jar"), *home().glob("opt/flink-python-*.jar")]:
        with zipfile.ZipFile(jar) as file:
            known += b"".join(file.read(name) for name in file.namelist() if name.endswith("Options.class"))

    def constant(text):
        """A string as class files have it: two bytes of length come first."""
        return len(text).to_bytes(2, "big") + text.encode()

    asked = [name for name in (*flink_config(settings), *DEFAULTS) if not name.startswith("metrics.reporter.")]
    assert len(asked) > 40
    assert [name for name in asked if constant(name) not in known] == []
    assert constant("taskmanager.network.memory.floating-buffers-per-gate") not in known  # removed by Flink 2.0


def test_every_address_is_loopback(settings):
    config = effective_config(settings)
    for name in config:
        if name.endswith(("address", "bind-host", "taskmanager.host")):
            assert config[name] == "127.0.0.1", name
    assert (config["rest.port"], config["jobmanager.rpc.port"]) == (28081, 28082)


def test_each_process_serves_its_metrics_on_a_port_of_its_own(settings):
    config = effective_config(settings)
    assert config["metrics.reporter.prom.host"] == "127.0.0.1"
    assert any(jar.name.startswith("flink-metrics-prometheus-") for jar in library(settings))
    for component, port in ((jobmanager(settings), 28083), (taskmanager(settings), 28084)):
        assert component.command[-1] == f"-Dmetrics.reporter.prom.port={port}"
        assert component.ports[port] == "POLYGLOT_FLINK__METRICS_PORT"
        assert component.metrics_url == f"http://127.0.0.1:{port}/metrics"


def test_the_ports_of_metrics_can_be_moved_and_left_out(tmp_path):
    moved = Settings(var_dir=tmp_path, flink={"metrics_port": 30_000})
    assert 30_001 in taskmanager(moved).ports
    none = Settings(var_dir=tmp_path, flink={"metrics_port": 0})
    assert not [name for name in effective_config(none) if "metrics.reporter" in name]
    assert (taskmanager(none).ports, taskmanager(none).metrics_url) == ({}, "")
    assert "--configDir" in taskmanager(none).command[-2]


def test_the_distributions_module_exports_are_kept(settings):
    assert "--add-opens=java.base/java.nio=ALL-UNNAMED" in jobmanager(settings).command
    assert "--add-opens=java.base/java.nio=ALL-UNNAMED" in effective_config(settings)["env.java.opts.all"]


def test_flatten():
    assert flatten({"a": {"b": 1, "c": {"d": "x"}}, "e.f": 2}) == {"a.b": 1, "a.c.d": "x", "e.f": 2}


def test_home_is_written_with_links_to_every_jar_and_stale_ones_removed(settings):
    connector = settings.cache_dir / "jars" / "flink" / "flink-sql-connector-kafka-1.jar"
    connector.parent.mkdir(parents=True)
    connector.touch()
    lib = settings.var_dir / "flink" / "lib"
    lib.mkdir(parents=True)
    (lib / "removed-0.1.jar").symlink_to(connector)
    (lib / connector.name).symlink_to("/nowhere/else.jar")
    write_home(settings)
    write_home(settings)
    assert {link.name for link in lib.iterdir()} == {jar.name for jar in library(settings)}
    assert (lib / connector.name).resolve() == connector
    assert list(lib.glob("flink-python-*.jar")), "Python jobs need PyFlink's jar on the cluster"
    written = yaml.safe_load((settings.var_dir / "flink" / "conf" / "config.yaml").read_text())
    assert written["execution.checkpointing.externalized-checkpoint-retention"] == "RETAIN_ON_CANCELLATION"


def test_our_own_jars_are_copied_since_maven_may_rewrite_them_at_any_time(settings, tmp_path, monkeypatch):
    built = tmp_path / "target" / "polyglot-x.jar"
    built.parent.mkdir()
    built.write_text("one")
    monkeypatch.setattr(flink_home, "connector_jars", lambda: [built])
    loaded = settings.var_dir / "flink" / "lib" / built.name
    write_home(settings)
    built.write_text("rebuilt")
    assert loaded.read_text() == "one"
    write_home(settings)
    assert loaded.read_text() == "rebuilt"


def test_two_threads_write_the_same_home(settings):
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(write_home, settings) for _ in range(4)]:
            done.result()


def test_clients_find_this_cluster_and_not_the_packages_own_folders(settings, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/mine")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    env = client_env(settings)
    assert "PYTHONDONTWRITEBYTECODE" not in env
    assert env["FLINK_HOME"] == str(home())
    assert env["FLINK_LIB_DIR"] == str(settings.var_dir / "flink" / "lib")
    assert env["PYTHONPATH"].split(os.pathsep)[1] == "/mine"


def test_flink_itself_is_last_on_the_class_path(settings):
    command = taskmanager(settings).command
    jars = command[command.index("-classpath") + 1].split(os.pathsep)
    assert "flink-dist" in jars[-1]
    assert sum("flink-dist" in jar for jar in jars) == 1


def test_the_client_has_the_clusters_class_path_and_a_jvm_of_its_own(settings):
    command, cluster = client_command(settings), taskmanager(settings).command
    assert command[command.index("-classpath") + 1] == cluster[cluster.index("-classpath") + 1]
    assert command[-1] == "org.apache.flink.client.cli.CliFrontend"
    assert {"-XX:TieredStopAtLevel=1", "--add-opens=java.base/java.lang=ALL-UNNAMED"} <= set(command)


def test_the_jobmanager_stops_only_after_the_taskmanager(settings):
    assert jobmanager(settings).stop_after == ("taskmanager",)


def test_a_cluster_elsewhere_is_configured_for_its_clients(tmp_path):
    settings = Settings(var_dir=tmp_path / "var", cache_dir=tmp_path / "cache", flink={"host": "jobmanager"})
    env = client_env(settings)
    written = yaml.safe_load((tmp_path / "var" / "flink" / "conf" / "config.yaml").read_text())
    assert env["FLINK_CONF_DIR"] == str(tmp_path / "var" / "flink" / "conf")
    assert (written["rest.address"], written["jobmanager.rpc.address"]) == ("jobmanager", "jobmanager")


def test_in_a_container_services_listen_on_its_every_interface(settings):
    write_home(settings, bind_overrides("worker-1"))
    written = yaml.safe_load((settings.var_dir / "flink" / "conf" / "config.yaml").read_text())
    assert written["taskmanager.host"] == "worker-1"
    assert {
        written[name]
        for name in (
            "rest.bind-address",
            "jobmanager.bind-host",
            "taskmanager.bind-host",
            "metrics.reporter.prom.host",
        )
    } == {"0.0.0.0"}  # noqa: S104


def test_only_flink_runs_in_our_image():
    with pytest.raises(CommandError, match="image of its own"):
        run_in_foreground("kafka")
