"""The broker: Kafka in KRaft combined mode (controller and broker in one JVM), from the jars that Maven fetched."""

from __future__ import annotations

import base64
import re
import subprocess
import uuid
from pathlib import Path

from devstack.local.component import Component
from devstack.local.probes import probe_kafka
from runtime.config import ROOT, Settings
from runtime.java import java
from runtime.layout import Layout
from runtime.ports import is_local

HEAP = ("-Xms256m", "-Xmx640m")
JVM_FLAGS = (
    "-server",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:MaxMetaspaceSize=128m",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djava.awt.headless=true",
)


def broker_port(settings: Settings) -> tuple[str, int]:
    """Return host and port of the first bootstrap server."""
    host, _, port = settings.kafka.bootstrap_servers.split(",")[0].rpartition(":")
    return host.strip("[]"), int(port)


def version(jars: Path) -> str:
    """Return the release of the broker in a folder of jars; empty where there is none."""
    found = (re.fullmatch(r"kafka-server-(\d[\w.-]*)\.jar", path.name) for path in jars.glob("kafka-server-*.jar"))
    return max((match[1] for match in found if match), default="")


def server_properties(port: int, data: Path, max_message_bytes: int) -> dict[str, str]:
    """Return the broker's configuration; the controller listens on the next port."""
    controller = port + 1
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "listeners": f"BROKER://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"BROKER://127.0.0.1:{port}",
        "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "BROKER",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": str(data),
        # Topics exist because the contract says so, never because somebody mistyped a name.
        "auto.create.topics.enable": "false",
        # Captured frames keep the time they were received, years ago or ahead of this machine's clock:
        # the broker must neither replace nor reject nor, by default, expire them.
        "log.message.timestamp.type": "CreateTime",
        "log.message.timestamp.before.max.ms": str(2**63 - 1),
        "log.message.timestamp.after.max.ms": str(2**63 - 1),
        "log.retention.ms": "-1",
        "message.max.bytes": str(max_message_bytes),
        "replica.fetch.max.bytes": str(max_message_bytes),
        "fetch.max.bytes": str(max(max_message_bytes, 64 * 1024 * 1024)),
        # One broker: internal topics cannot have more copies than that.
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        # Flink's exactly-once producers keep a transaction open over a checkpoint and a recovery.
        "transaction.max.timeout.ms": "3600000",
        "group.initial.rebalance.delay.ms": "0",
        "num.network.threads": "2",
        "num.io.threads": "4",
        "log.cleaner.dedupe.buffer.size": str(32 * 1024 * 1024),
        "controlled.shutdown.enable": "false",  # nobody could take over
    }


LOG4J2 = """\
status = error
rootLogger.level = INFO
rootLogger.appenderRef.file.ref = file
appender.file.type = RollingFile
appender.file.name = file
appender.file.fileName = ${sys:polyglot.log}
appender.file.filePattern = ${sys:polyglot.log}.%i
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d %-5p %c - %m%n
appender.file.policies.type = Policies
appender.file.policies.size.type = SizeBasedTriggeringPolicy
appender.file.policies.size.size = 20MB
appender.file.strategy.type = DefaultRolloverStrategy
appender.file.strategy.max = 3
# One line per partition and metadata record, at every start.
logger.replay.name = org.apache.kafka.controller
logger.replay.level = WARN
logger.state.name = state.change.logger
logger.state.level = WARN
logger.partition.name = kafka.cluster.Partition
logger.partition.level = WARN
logger.log.name = org.apache.kafka.storage.internals.log
logger.log.level = WARN
logger.logs.name = kafka.log
logger.logs.level = WARN
logger.config.name = kafka.server.metadata
logger.config.level = WARN
"""


def cluster_id(existing: Path) -> str:
    """Return the id in `existing` if there is one, else a new one in Kafka's format (22 characters of base64)."""
    if existing.exists():
        return existing.read_text().strip()
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()


def broker(settings: Settings) -> Component:
    """Return the broker as a component."""
    layout = Layout.at(settings.var_dir)
    host, port = broker_port(settings)
    home = layout.kafka
    config = home / "server.properties"
    data = home / "data"
    jars = settings.cache_dir.resolve() / "jars" / "kafka"
    managed = is_local(host)
    jvm = [
        java(),
        f"-Dpolyglot.log={layout.log('kafka')}",
        f"-Dlog4j2.configurationFile={home / 'log4j2.properties'}",
        "-cp",
        f"{jars}/*",
    ]

    properties = server_properties(port, data, settings.kafka.max_message_bytes)
    text = "".join(f"{key}={value}\n" for key, value in properties.items())

    def prepare() -> None:
        home.mkdir(parents=True, exist_ok=True)
        layout.logs.mkdir(parents=True, exist_ok=True)
        config.write_text(text)
        (home / "log4j2.properties").write_text(LOG4J2)
        if (data / "meta.properties").exists():
            return
        # Written as --option=value below: one id in 64 begins with a dash.
        identity = home / "cluster.id"
        identity.write_text(cluster_id(identity) + "\n")
        subprocess.run(
            [*jvm, "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "kafka.tools.StorageTool", "format",
             "--ignore-formatted", f"--cluster-id={cluster_id(identity)}", "-c", str(config)],
            check=True, capture_output=True, text=True, cwd=ROOT,
        )  # fmt: skip

    return Component(
        name="kafka",
        command=(*jvm, *HEAP, *JVM_FLAGS, "kafka.Kafka", str(config)),
        url=settings.kafka.bootstrap_servers,
        ports={port: "POLYGLOT_KAFKA__BOOTSTRAP_SERVERS", port + 1: "POLYGLOT_KAFKA__BOOTSTRAP_SERVERS"},
        probe=lambda: probe_kafka(settings.kafka.librdkafka(), version(jars) if managed else ""),
        prepare=prepare,
        stop_after=("taskmanager", "jobmanager"),
        logs=(layout.log("kafka"), layout.output("kafka")),
        config=text,
        managed=managed,
    )
