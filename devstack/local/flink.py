"""The Flink cluster: JobManager and TaskManager of the pip package, with our own configuration and library folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from devstack.local.component import Component
from devstack.local.environment import without_passwords
from devstack.local.probes import probe_jobmanager, probe_taskmanager
from runtime.config import Settings
from runtime.flink_config import Memory, jobmanager_memory, taskmanager_memory
from runtime.flink_home import class_path, config_text, environment, shipped_config, write_home
from runtime.java import java
from runtime.layout import Layout
from runtime.ports import is_local


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


#: For the Python workers, which inherit it. Left to itself, glibc keeps what a fold's growing arrays have freed: its
#: threshold for giving memory back rises with each of them.
_MALLOC = {"MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": "131072", "MALLOC_TRIM_THRESHOLD_": "131072"}


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
        env={**without_passwords(environment(settings)), **_MALLOC, "POLYGLOT_LOG": str(layout.log(role.name))},
        prepare=lambda: write_home(settings),
        stop_after=("taskmanager",) if leader else (),
        logs=(layout.log(role.name), layout.output(role.name)),
        config=config_text(settings),
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
        class_path(settings),
        role.main,
        "--configDir",
        str(conf),
        *([f"-Dmetrics.reporter.prom.port={metrics}"] if (metrics := _metrics_port(settings, role)) else []),
    )


def _metrics_port(settings: Settings, role: Role) -> int:
    first = settings.flink.first_metrics_port
    return first + (role is TASKMANAGER) if first else 0


def jobmanager(settings: Settings) -> Component:
    return _component(settings, JOBMANAGER)


def taskmanager(settings: Settings) -> Component:
    return _component(settings, TASKMANAGER)
