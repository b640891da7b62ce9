"""What the Flink cluster is configured with, and how its memory is divided."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runtime.config import Settings
from runtime.console import CommandError, Exit
from runtime.layout import Layout
from runtime.ports import is_local

#: State (hashmap backend), sort buffers of the lake's writers and record batches need at least this.
MIN_TASK_HEAP_MB = 384


@dataclass(frozen=True)
class Memory:
    """A JVM's parts in MB: what the JVM is told (flags) and what Flink is told (options) must agree."""

    heap: int
    direct: int
    metaspace: int
    overhead: int  # code cache, thread stacks, GC: nobody enforces it, it is part of the budget
    parts: Mapping[str, int]  # Flink's option below `<role>.memory.` → MB

    @property
    def total(self) -> int:
        return self.heap + self.direct + self.metaspace + self.overhead + self.parts.get("managed.size", 0)

    def jvm(self) -> tuple[str, ...]:
        """Return the JVM's flags."""
        return (
            f"-Xmx{self.heap}m",
            f"-Xms{self.heap // 2}m",
            f"-XX:MaxDirectMemorySize={self.direct}m",
            f"-XX:MaxMetaspaceSize={self.metaspace}m",
        )

    def options(self, role: str) -> dict[str, str]:
        """Return Flink's options."""
        parts = {**self.parts, "jvm-metaspace.size": self.metaspace}
        parts |= {"jvm-overhead.min": self.overhead, "jvm-overhead.max": self.overhead}
        return {f"{role}.memory.{part}": f"{size}m" for part, size in parts.items()}


def jobmanager_memory() -> Memory:
    """Return the JobManager's division: it keeps job graphs and checkpoint metadata, and loads every job's jars."""
    heap, off_heap = 512, 128
    return Memory(heap, off_heap, 320, 192, {"heap.size": heap, "off-heap.size": off_heap})


def taskmanager_memory(total: int) -> Memory:
    """Divide `total` MB; the task heap gets what the fixed parts leave.

    Python workers are processes of their own and not in here.

    Raises:
        CommandError: too little is left for the task heap.
    """
    framework_heap, framework_off_heap, task_off_heap, network, managed = 128, 128, 256, 192, 64
    # Each job's user-code class loader costs metaspace; with Flink's default of 256m the 13th job kills the process.
    metaspace, overhead = 768, 256
    direct = framework_off_heap + task_off_heap + network
    task_heap = total - framework_heap - direct - managed - metaspace - overhead
    if task_heap < MIN_TASK_HEAP_MB:
        least = total - task_heap + MIN_TASK_HEAP_MB
        raise CommandError(f"flink.taskmanager_memory_mb is {total}; the least is {least}", code=Exit.USAGE)
    return Memory(
        framework_heap + task_heap,
        direct,
        metaspace,
        overhead,
        {
            "framework.heap.size": framework_heap,
            "task.heap.size": task_heap,
            "framework.off-heap.size": framework_off_heap,
            "task.off-heap.size": task_off_heap,
            "network.min": network,
            "network.max": network,
            "managed.size": managed,
        },
    )


def metrics_options(settings: Settings) -> dict[str, str]:
    """Return the options of the Prometheus reporter but for its port, which each process is told for itself."""
    if not settings.flink.first_metrics_port:
        return {}
    prefix = "metrics.reporter.prom"
    factory = "org.apache.flink.metrics.prometheus.BoundPrometheusReporterFactory"  # connectors/prometheus
    return {f"{prefix}.factory.class": factory, f"{prefix}.host": "127.0.0.1"}


def flink_config(settings: Settings) -> dict[str, Any]:
    """Return the options that differ from the distribution's own ``config.yaml``, flat."""
    layout = Layout.at(settings.var_dir)
    host = "127.0.0.1" if is_local(settings.flink.host) else settings.flink.host
    loopback = "127.0.0.1"
    return {
        # Everything on loopback; the RPC port is next to the REST port, the others are picked by the system.
        "jobmanager.rpc.address": host,
        "jobmanager.rpc.port": settings.flink.rest_port + 1,
        "jobmanager.bind-host": loopback,
        "rest.address": host,
        "rest.bind-address": loopback,
        "rest.port": settings.flink.rest_port,
        "rest.bind-port": str(settings.flink.rest_port),
        "taskmanager.host": loopback,
        "taskmanager.bind-host": loopback,
        **jobmanager_memory().options("jobmanager"),
        **taskmanager_memory(settings.flink.taskmanager_memory_mb).options("taskmanager"),
        # A block is larger than what ten buffers of 32 kB hold, and Flink 2 fixes their number. A task that waits
        # for its Python worker would stop the one before it in the middle of a block, and nobody would work.
        "taskmanager.memory.segment-size": "256kb",
        "taskmanager.cpu.cores": float(settings.flink.taskmanager_slots),
        "taskmanager.numberOfTaskSlots": settings.flink.taskmanager_slots,
        "parallelism.default": settings.flink.parallelism,
        # Python: the interpreter this very command runs in, on both sides. Its memory is not Flink's managed memory.
        "python.executable": sys.executable,
        "python.client.executable": sys.executable,
        "python.fn-execution.memory.managed": False,
        # A client lives for seconds: it plans a job and is gone before the optimizing compiler would pay.
        "env.java.opts.client": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        # What the web UI and the benchmarks read is at most this old, in ms.
        "metrics.fetcher.update-interval": 1000,
        **metrics_options(settings),
        # State and recovery.
        "state.backend.type": "hashmap",
        "execution.checkpointing.interval": f"{int(settings.flink.checkpoint_interval_s * 1000)} ms",
        "execution.checkpointing.storage": "filesystem",
        # By Hadoop's client, which is on the class path for the lake (connectors/s3), not by a plugin of Flink's.
        "fs.allowed-fallback-filesystems": "s3a",
        "execution.checkpointing.dir": settings.checkpoints_uri,
        "execution.checkpointing.savepoint-dir": settings.savepoints_uri,
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
