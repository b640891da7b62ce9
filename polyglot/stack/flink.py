"""The Flink cluster: JobManager and TaskManager of the pip package, with our own configuration and library folder."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from polyglot.config import ROOT, Settings
from polyglot.stack.component import Component
from polyglot.stack.environment import without_passwords
from polyglot.stack.flink_config import Memory, flatten, flink_config, jobmanager_memory, taskmanager_memory
from polyglot.stack.kafka import java
from polyglot.stack.layout import Layout
from polyglot.stack.maven import connector_jars
from polyglot.stack.ports import is_local
from polyglot.stack.probes import probe_jobmanager, probe_taskmanager


@dataclass(frozen=True)
class Role:
    """One of the cluster's two kinds of process."""

    name: str
    main: str
    memory: Callable[[Settings], Memory]
    jvm: tuple[str, ...]


JOBMANAGER = Role(
    "jobmanager",
    "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint",
    lambda _: jobmanager_memory(),
    # It coordinates: what the optimizing compiler would cost, while jobs start, is more than it could gain.
    ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
)
TASKMANAGER = Role(
    "taskmanager",
    "org.apache.flink.runtime.taskexecutor.TaskManagerRunner",
    lambda settings: taskmanager_memory(settings.flink.taskmanager_memory_mb),
    (
        # Nearly all garbage is young (records on their way), and what stays is small.
        "-XX:+UseParallelGC",
        "-XX:NewRatio=1",
        # The lake's writers ask for a low priority (HudiSink); Linux grants that to every user.
        "-XX:ThreadPriorityPolicy=1",
        # The windows' generated reducers are longer than what the JVM compiles by default.
        "-XX:-DontCompileHugeMethods",
    ),
)


def shipped_config() -> dict[str, Any]:
    """Return the distribution's own ``config.yaml``, flat."""
    return flatten(yaml.safe_load((home() / "conf" / "config.yaml").read_text()))


#: For the Python workers, which inherit it. Left to itself, glibc keeps what a fold's growing arrays have freed: its
#: threshold for giving memory back rises with each of them.
_MALLOC = {"MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": "131072", "MALLOC_TRIM_THRESHOLD_": "131072"}
#: The distribution sizes whole processes; we size their parts, and Flink refuses to be told both.
_REPLACED = frozenset({"jobmanager.memory.process.size", "taskmanager.memory.process.size"})


def effective_config(settings: Settings) -> dict[str, Any]:
    """Return what the cluster runs with: the distribution's options, overlaid with ours."""
    kept = {key: value for key, value in shipped_config().items() if key not in _REPLACED}
    return kept | flink_config(settings)


def _config_text(settings: Settings, overrides: Mapping[str, Any] = MappingProxyType({})) -> str:
    return yaml.safe_dump({**effective_config(settings), **overrides}, sort_keys=True)


def home() -> Path:
    """Return the `pyflink` package folder, which is a complete Flink distribution."""
    spec = find_spec("pyflink")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("apache-flink is not installed in this Python environment")
    return Path(spec.submodule_search_locations[0])


LOG4J2 = """\
status = error
rootLogger.level = INFO
rootLogger.appenderRef.file.ref = file
logger.hudi.name = org.apache.hudi
logger.hudi.level = WARN
appender.file.type = RollingFile
appender.file.name = file
appender.file.fileName = ${env:POLYGLOT_LOG}
appender.file.filePattern = ${env:POLYGLOT_LOG}.%i
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d %-5p %-60c %x - %m%n
appender.file.policies.type = Policies
appender.file.policies.size.type = SizeBasedTriggeringPolicy
appender.file.policies.size.size = 20MB
appender.file.strategy.type = DefaultRolloverStrategy
appender.file.strategy.max = 3
"""


#: JobManager and TaskManager prepare at the same time, each in its own thread.
_WRITING = threading.Lock()


def write_home(settings: Settings, overrides: Mapping[str, Any] = MappingProxyType({})) -> None:
    """Write ``var/flink/{conf,lib}``: the configuration, and every jar the cluster loads."""
    with _WRITING:
        _write_home(Layout.at(settings.var_dir), settings, overrides)


def _write_home(layout: Layout, settings: Settings, overrides: Mapping[str, Any]) -> None:
    conf, lib = layout.flink / "conf", layout.flink / "lib"
    for folder in (conf, lib, layout.flink / "tmp", layout.flink / "pid", layout.checkpoints, layout.savepoints):
        folder.mkdir(parents=True, exist_ok=True)
    layout.logs.mkdir(parents=True, exist_ok=True)
    _replace(conf / "config.yaml", _config_text(settings, overrides))
    for name in ("log4j-console.properties", "log4j.properties"):
        _replace(conf / name, LOG4J2)
    _replace(conf / "log4j-cli.properties", (home() / "conf" / "log4j-cli.properties").read_text())
    wanted = {jar.name: jar for jar in library(settings)}
    for entry in lib.iterdir():
        if entry.name not in wanted:
            entry.unlink()
    own = set(connector_jars())
    for name, jar in wanted.items():
        (_copy if jar in own else _link)(jar, lib / name)


def _link(jar: Path, entry: Path) -> None:
    if not entry.is_symlink() or entry.resolve() != jar.resolve():
        entry.unlink(missing_ok=True)
        entry.symlink_to(jar)


def _copy(jar: Path, entry: Path) -> None:
    """Copy what Maven may rebuild at any time: a JVM crashes if a jar that it has open is written over."""
    there = None if entry.is_symlink() or not entry.exists() else entry.stat()
    now = jar.stat()
    if there is None or (there.st_size, there.st_mtime_ns) != (now.st_size, now.st_mtime_ns):
        draft = entry.with_name(f".{entry.name}.{os.getpid()}")
        shutil.copy2(jar, draft)
        draft.replace(entry)


def _replace(path: Path, text: str) -> None:
    """Write a file in one step: a client may be reading it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text)
    draft.replace(path)


def library(settings: Settings) -> list[Path]:
    """Return the jars on the cluster's class path: Flink's own, PyFlink's, the Kafka connector, our connectors."""
    jars = sorted((home() / "lib").glob("*.jar"))
    jars += sorted((home() / "opt").glob("flink-python-*.jar"))
    # Our reporter extends Flink's, so one class loader must have both.
    jars += sorted((home() / "plugins" / "metrics-prometheus").glob("flink-metrics-prometheus-*.jar"))
    jars += sorted((settings.cache_dir.resolve() / "jars" / "flink").glob("*.jar"))
    jars += connector_jars()
    return jars


def client_env(settings: Settings) -> dict[str, str]:
    """Return the environment for ``flink`` and PyFlink processes that talk to this cluster."""
    if not (Layout.at(settings.var_dir).flink / "conf" / "config.yaml").exists():
        write_home(settings)  # a cluster elsewhere: nobody has started a component here
    return _environment(settings)


def _environment(settings: Settings) -> dict[str, str]:
    layout = Layout.at(settings.var_dir)
    # PyFlink overwrites FLINK_LIB_DIR with its own folder unless FLINK_HOME is set.
    env = {
        **os.environ,
        "FLINK_HOME": str(home()),
        "FLINK_CONF_DIR": str(layout.flink / "conf"),
        "FLINK_LIB_DIR": str(layout.flink / "lib"),
        "FLINK_OPT_DIR": str(home() / "opt"),
        "FLINK_PLUGINS_DIR": str(home() / "plugins"),
        "FLINK_LOG_DIR": str(layout.logs / "flink"),
        "FLINK_PID_DIR": str(layout.flink / "pid"),
        "FLINK_IDENT_STRING": "polyglot",
        "POLYGLOT_LOG": str(layout.log("flink-client")),
    }
    env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    # Many images set this, and then each worker compiles all our modules anew, which takes it a third of a second.
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    return env


def client_command(settings: Settings) -> tuple[str, ...]:
    """Return the ``flink`` command-line client; run it with `client_env`.

    Flink's own script starts a JVM and twenty processes more before it starts the client.
    """
    layout = Layout.at(settings.var_dir)
    conf = layout.flink / "conf"
    return (
        java(),
        *str(effective_config(settings)["env.java.opts.client"]).split(),
        *shipped_config()["env.java.opts.all"].split(),
        f"-Dlog.file={layout.log('flink-client')}",
        f"-Dlog4j.configurationFile={(conf / 'log4j-cli.properties').as_uri()}",
        "-classpath",
        _class_path(settings),
        "org.apache.flink.client.cli.CliFrontend",
    )


def _component(settings: Settings, role: Role) -> Component:
    layout = Layout.at(settings.var_dir)
    leader = role.name == "jobmanager"
    setting = "POLYGLOT_FLINK__REST_PORT"
    rest = settings.flink.rest_port
    url = settings.flink.url
    ports = {rest: setting, rest + 1: setting} if leader else {}
    if metrics := _metrics_port(settings, role):
        ports[metrics] = "POLYGLOT_FLINK__METRICS_PORT"
    return Component(
        name=role.name,
        command=_command(settings, role),
        url=url if leader else f"{url}/#/task-manager",
        ports=ports,
        probe=(lambda: probe_jobmanager(url)) if leader else (lambda: probe_taskmanager(url)),
        # Jobs carry the passwords of their sources and sinks with them.
        env={**without_passwords(_environment(settings)), **_MALLOC, "POLYGLOT_LOG": str(layout.log(role.name))},
        prepare=lambda: write_home(settings),
        stop_after=("taskmanager",) if leader else (),
        logs=(layout.log(role.name), layout.output(role.name)),
        config=_config_text(settings),
        metrics_url=f"http://{settings.flink.host}:{metrics}/metrics" if metrics else "",
        managed=is_local(settings.flink.host),
    )


def _command(settings: Settings, role: Role) -> tuple[str, ...]:
    """Return the JVM's command line.

    Flink's own start scripts ask seven short-lived JVMs for it, which took longer than the service itself.
    """
    layout = Layout.at(settings.var_dir)
    conf = layout.flink / "conf"
    return (
        java(),
        *role.memory(settings).jvm(),
        *role.jvm,
        "-XX:+ExitOnOutOfMemoryError",
        *shipped_config()["env.java.opts.all"].split(),
        f"-Dlog.file={layout.log(role.name)}",
        f"-XX:ErrorFile={layout.logs}/{role.name}-crash-%p.log",  # else it is written into the operator's folder
        f"-Dlog4j.configurationFile={(conf / 'log4j-console.properties').as_uri()}",
        "-classpath",
        _class_path(settings),
        role.main,
        "--configDir",
        str(conf),
        *([f"-Dmetrics.reporter.prom.port={metrics}"] if (metrics := _metrics_port(settings, role)) else []),
    )


def _class_path(settings: Settings) -> str:
    lib = Layout.at(settings.var_dir).flink / "lib"
    names = sorted(jar.name for jar in library(settings))
    # As in the scripts: by name, and Flink itself last.
    names.sort(key=lambda name: name.startswith("flink-dist"))
    return os.pathsep.join([*(str(lib / name) for name in names), *filter(None, [os.environ.get("HADOOP_CONF_DIR")])])


def _metrics_port(settings: Settings, role: Role) -> int:
    first = settings.flink.first_metrics_port
    return first + (role is TASKMANAGER) if first else 0


def jobmanager(settings: Settings) -> Component:
    return _component(settings, JOBMANAGER)


def taskmanager(settings: Settings) -> Component:
    return _component(settings, TASKMANAGER)
