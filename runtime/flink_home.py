"""Flink's home of this stack: configuration, jars, and what a client of the cluster needs."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from runtime.config import ROOT, Settings
from runtime.files import replace
from runtime.flink_config import flatten, flink_config
from runtime.java import java
from runtime.layout import Layout
from runtime.maven import connector_jars
from runtime.object_store import hadoop_conf


def shipped_config() -> dict[str, Any]:
    """Return the distribution's own ``config.yaml``, flat."""
    return flatten(yaml.safe_load((home() / "conf" / "config.yaml").read_text()))


#: The distribution sizes whole processes; we size their parts, and Flink refuses to be told both.
_REPLACED = frozenset({"jobmanager.memory.process.size", "taskmanager.memory.process.size"})


def effective_config(settings: Settings) -> dict[str, Any]:
    """Return what the cluster runs with: the distribution's options, overlaid with ours."""
    kept = {key: value for key, value in shipped_config().items() if key not in _REPLACED}
    return kept | flink_config(settings)


def config_text(settings: Settings, overrides: Mapping[str, Any] = MappingProxyType({})) -> str:
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
    replace(conf / "config.yaml", config_text(settings, overrides))
    for name in ("log4j-console.properties", "log4j.properties"):
        replace(conf / name, LOG4J2)
    replace(conf / "log4j-cli.properties", (home() / "conf" / "log4j-cli.properties").read_text())
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
    return environment(settings)


def environment(settings: Settings) -> dict[str, str]:
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
    if conf := hadoop_conf(settings):
        env["HADOOP_CONF_DIR"] = conf
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
        class_path(settings),
        "org.apache.flink.client.cli.CliFrontend",
    )


def class_path(settings: Settings) -> str:
    lib = Layout.at(settings.var_dir).flink / "lib"
    names = sorted(jar.name for jar in library(settings))
    # As in the scripts: by name, and Flink itself last.
    names.sort(key=lambda name: name.startswith("flink-dist"))
    return os.pathsep.join([*(str(lib / name) for name in names), *filter(None, [hadoop_conf(settings)])])
