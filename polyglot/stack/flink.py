"""The Flink cluster: JobManager and TaskManager of the pip package, with our own configuration and library folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from polyglot.config import ROOT, Settings
from polyglot.stack.component import Component
from polyglot.stack.maven import connector_jars
from polyglot.stack.layout import Layout
from polyglot.stack.ports import is_local
from polyglot.stack.probes import probe_jobmanager, probe_taskmanager

#: The JobManager keeps job graphs and checkpoint metadata; states stay below this by far.
JOBMANAGER_MEMORY = "1152m"
#: Each job's user-code class loader costs metaspace; with Flink's default of 256m the 13th job kills the TaskManager.
TASKMANAGER_METASPACE = "768m"


def home() -> Path:
    """Return the `pyflink` package folder, which is a complete Flink distribution."""
    spec = find_spec("pyflink")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("apache-flink is not installed in this Python environment")
    return Path(spec.submodule_search_locations[0])


def flink_config(settings: Settings) -> dict[str, Any]:
    """Return the options that differ from the distribution's own ``config.yaml``, flat."""
    layout = Layout.at(settings.var_dir)
    host = "127.0.0.1"
    return {
        # Everything on loopback; the RPC port is next to the REST port, the others are picked by the system.
        "jobmanager.rpc.address": host,
        "jobmanager.rpc.port": settings.flink.rest_port + 1,
        "jobmanager.bind-host": host,
        "rest.address": host,
        "rest.bind-address": host,
        "rest.port": settings.flink.rest_port,
        "rest.bind-port": str(settings.flink.rest_port),
        "taskmanager.host": host,
        "taskmanager.bind-host": host,
        # Memory: 12 slots of light pipelines. Python workers live outside the JVM; heap carries state (hashmap).
        "jobmanager.memory.process.size": JOBMANAGER_MEMORY,
        "jobmanager.memory.jvm-metaspace.size": "320m",
        "taskmanager.memory.process.size": f"{settings.flink.taskmanager_memory_mb}m",
        "taskmanager.memory.jvm-metaspace.size": TASKMANAGER_METASPACE,
        "taskmanager.memory.managed.size": "64m",
        "taskmanager.memory.task.off-heap.size": "256m",
        "taskmanager.memory.network.min": "160m",
        "taskmanager.memory.network.max": "256m",
        "taskmanager.memory.jvm-overhead.max": "256m",
        "taskmanager.numberOfTaskSlots": settings.flink.taskmanager_slots,
        "parallelism.default": settings.flink.parallelism,
        # Python: the interpreter this very command runs in, on both sides. Its memory is not Flink's managed memory.
        "python.executable": sys.executable,
        "python.client.executable": sys.executable,
        "python.fn-execution.memory.managed": False,
        # State and recovery.
        "state.backend.type": "hashmap",
        "execution.checkpointing.interval": f"{int(settings.flink.checkpoint_interval_s * 1000)} ms",
        "execution.checkpointing.storage": "filesystem",
        "execution.checkpointing.dir": layout.checkpoints.as_uri(),
        "execution.checkpointing.savepoint-dir": layout.savepoints.as_uri(),
        "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
        "execution.checkpointing.num-retained": 2,
        "execution.checkpointing.tolerable-failed-checkpoints": 100,
        "restart-strategy.type": "exponential-delay",
        "restart-strategy.exponential-delay.initial-backoff": "1 s",
        "restart-strategy.exponential-delay.max-backoff": "10 s",
        "restart-strategy.exponential-delay.backoff-multiplier": 1.5,
        "restart-strategy.exponential-delay.reset-backoff-threshold": "2 min",
        # A killed TaskManager refuses connections: noticed after a few failed calls, while a merely slow one is given
        # the whole timeout, since two busy cores do stall a heartbeat for seconds.
        "heartbeat.interval": "2 s",
        "heartbeat.timeout": "40 s",
        "heartbeat.rpc-failure-threshold": 3,
        "jobmanager.execution.failover-strategy": "region",
        "slotmanager.redundant-taskmanager-num": 0,
        "cluster.processes.halt-on-fatal-error": True,
        "classloader.check-leaked-classloader": False,
        # Files.
        "io.tmp.dirs": str(layout.flink / "tmp"),
        "web.tmpdir": str(layout.flink / "tmp"),
        "web.log.path": str(layout.log("jobmanager")),
        "taskmanager.log.path": str(layout.log("taskmanager")),
    }


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Turn nested YAML keys into dotted ones."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


LOG4J2 = """\
status = error
rootLogger.level = INFO
rootLogger.appenderRef.file.ref = file
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


def write_home(settings: Settings) -> None:
    """Write ``var/flink/{conf,lib}``: the configuration, and links to every jar the cluster loads."""
    layout = Layout.at(settings.var_dir)
    conf, lib = layout.flink / "conf", layout.flink / "lib"
    for folder in (conf, lib, layout.flink / "tmp", layout.flink / "pid", layout.checkpoints, layout.savepoints):
        folder.mkdir(parents=True, exist_ok=True)
    layout.logs.mkdir(parents=True, exist_ok=True)
    shipped = flatten(yaml.safe_load((home() / "conf" / "config.yaml").read_text()))
    _replace(conf / "config.yaml", yaml.safe_dump(shipped | flink_config(settings), sort_keys=True))
    for name in ("log4j-console.properties", "log4j.properties"):
        _replace(conf / name, LOG4J2)
    _replace(conf / "log4j-cli.properties", (home() / "conf" / "log4j-cli.properties").read_text())
    wanted = {jar.name: jar for jar in library(settings)}
    for link in lib.iterdir():
        if link.name not in wanted or link.resolve() != wanted[link.name].resolve():
            link.unlink()
    for name, jar in wanted.items():
        if not (lib / name).is_symlink():
            (lib / name).symlink_to(jar)


def _replace(path: Path, text: str) -> None:
    """Write a file in one step: JobManager and TaskManager prepare at the same time and read it at once."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.write_text(text)
    draft.replace(path)


def library(settings: Settings) -> list[Path]:
    """Return the jars on the cluster's class path: Flink's own, PyFlink's, the Kafka connector, our connectors."""
    jars = sorted((home() / "lib").glob("*.jar"))
    jars += sorted((home() / "opt").glob("flink-python-*.jar"))
    jars += sorted((settings.cache_dir.resolve() / "jars" / "flink").glob("*.jar"))
    jars += connector_jars()
    return jars


def client_env(settings: Settings) -> dict[str, str]:
    """Return the environment for ``flink`` and PyFlink processes that talk to this cluster."""
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
    return env


def flink_command() -> str:
    """Return the ``flink`` command-line client; run it with `client_env`."""
    return str(home() / "bin" / "flink")


def _component(settings: Settings, name: str) -> Component:
    layout = Layout.at(settings.var_dir)
    leader = name == "jobmanager"
    setting = "POLYGLOT_FLINK__REST_PORT"
    rest = settings.flink.rest_port
    url = settings.flink.url
    return Component(
        name=name,
        command=("bash", str(home() / "bin" / f"{name}.sh"), "start-foreground"),
        url=url if leader else f"{url}/#/task-manager",
        ports={rest: setting, rest + 1: setting} if leader else {},
        probe=(lambda: probe_jobmanager(url)) if leader else (lambda: probe_taskmanager(url)),
        env={**client_env(settings), "POLYGLOT_LOG": str(layout.log(name))},
        prepare=lambda: write_home(settings),
        stop_after=("taskmanager",) if leader else (),
        logs=(layout.log(name), layout.output(name)),
        managed=is_local(settings.flink.host),
    )


def jobmanager(settings: Settings) -> Component:
    return _component(settings, "jobmanager")


def taskmanager(settings: Settings) -> Component:
    return _component(settings, "taskmanager")
