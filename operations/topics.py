"""Topics as ``schemas/domains.toml`` wants them: the plan says what differs from the broker, apply makes it so.

Nothing is ever deleted and no partition count is lowered: both would lose data or break per-entity order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ConfigSource,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from runtime.broker import no_answer, until_led
from runtime.config import Settings
from runtime.console import CommandError
from schemas.domains import Topic, domains

TIMEOUT_S = 15.0
#: A broker opens the logs of new partitions one by one; on a busy machine a hundred and fifty take their time.
OPEN_S = 90.0


@dataclass(frozen=True)
class Step:
    """What one topic needs. `changes` maps a config name to (value in the broker, value wanted)."""

    topic: str
    action: Literal["create", "alter", "conflict", "keep"]
    partitions: int
    replication: int
    config: dict[str, str] = field(default_factory=dict)
    changes: dict[str, tuple[str, str]] = field(default_factory=dict)
    reason: str = ""

    def document(self) -> dict[str, object]:
        """Return the step for ``--json``."""
        return asdict(self)


def wanted_config(topic: Topic, *, retention_ms: int | None, max_message_bytes: int) -> dict[str, str]:
    """Return a topic's broker-side configuration; `retention_ms` overrides the contract's unless None.

    A broker knows nothing of holds and archives: what it may not cut by age alone it keeps (`operations.retention`).
    """
    kept_ms = topic.retention_ms if retention_ms is None else retention_ms
    return {
        "cleanup.policy": "delete",
        "retention.ms": str(kept_ms if topic.cut_by_broker else -1),
        "retention.bytes": "-1",
        "compression.type": "producer",
        "max.message.bytes": str(max_message_bytes),
        # Event time rides on the record's timestamp; the broker must not replace it by its own clock.
        "message.timestamp.type": "CreateTime",
        "message.timestamp.before.max.ms": str(2**63 - 1),
        "message.timestamp.after.max.ms": str(2**63 - 1),
    }


def compare(
    wanted: Iterable[Topic],
    partitions: Mapping[str, int],
    configs: Mapping[str, Mapping[str, str]],
    settings: Settings,
) -> list[Step]:
    """Return one step per wanted topic, given what the broker has: partition counts and explicit configuration."""
    steps = []
    for topic in wanted:
        config = wanted_config(
            topic,
            retention_ms=settings.kafka.retention_ms,
            max_message_bytes=settings.kafka.max_message_bytes,
        )
        there = partitions.get(topic.name)
        if there is None:
            steps.append(Step(topic.name, "create", topic.partitions, topic.replication, config))
            continue
        current = configs.get(topic.name, {})
        changes = {
            name: (current.get(name, "default"), value) for name, value in config.items() if current.get(name) != value
        }
        if there != topic.partitions:
            reason = f"has {there} partitions, the contract says {topic.partitions}: entities would change partition"
            steps.append(Step(topic.name, "conflict", there, topic.replication, config, changes, reason))
        else:
            action: Literal["alter", "keep"] = "alter" if changes else "keep"
            steps.append(Step(topic.name, action, there, topic.replication, config, changes))
    return steps


def plan(settings: Settings) -> list[Step]:
    """Compare the contracts with the broker.

    Raises:
        CommandError: the broker does not answer.
    """
    client = _admin(settings)
    wanted = list(domains().topics.values())
    try:
        found = client.list_topics(timeout=TIMEOUT_S).topics
        partitions = {name: len(found[name].partitions) for name in (topic.name for topic in wanted) if name in found}
        return compare(wanted, partitions, _explicit_configs(client, partitions), settings)
    except KafkaException as error:
        raise no_answer(settings.kafka, error) from error


def apply(settings: Settings, steps: Iterable[Step]) -> int:
    """Create and alter as planned; return how many topics were touched. New topics can be used when it returns.

    Raises:
        CommandError: the plan has a conflict, the broker refused a step, or does not open what it created.
    """
    steps = list(steps)
    conflicts = [f"{step.topic} {step.reason}" for step in steps if step.action == "conflict"]
    if conflicts:
        raise CommandError("\n".join(conflicts), hint="give the changed topic a new version (…v2) and migrate to it")
    client = _admin(settings)
    new = [
        NewTopic(step.topic, num_partitions=step.partitions, replication_factor=step.replication, config=step.config)
        for step in steps
        if step.action == "create"
    ]
    changed = [
        ConfigResource(
            ResourceType.TOPIC,
            step.topic,
            incremental_configs=[
                ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
                for name, (_, value) in step.changes.items()
            ],
        )
        for step in steps
        if step.action == "alter"
    ]
    try:
        if new:
            for future in client.create_topics(new, operation_timeout=TIMEOUT_S).values():
                future.result()
            _await_leaders(client, new)
        if changed:
            for future in client.incremental_alter_configs(changed).values():
                future.result()
    except KafkaException as error:
        raise CommandError(f"the broker refused: {error}") from error
    return len(new) + len(changed)


def _admin(settings: Settings) -> AdminClient:
    return AdminClient({**settings.kafka.librdkafka(), "socket.timeout.ms": int(TIMEOUT_S * 1000), "log_level": 0})


def _await_leaders(client: AdminClient, created: Iterable[NewTopic]) -> None:
    """Wait until the broker has opened the log of each new partition."""
    asked = {
        TopicPartition(topic.topic, partition): OffsetSpec.latest()
        for topic in created
        for partition in range(topic.num_partitions)
    }
    for attempt in until_led(OPEN_S):
        with attempt:
            for future in client.list_offsets(asked, request_timeout=TIMEOUT_S).values():
                future.result()


def _explicit_configs(client: AdminClient, topics: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return what is set on each topic itself, without the broker's defaults."""
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in topics]
    if not resources:
        return {}
    explicit = ConfigSource.DYNAMIC_TOPIC_CONFIG.value
    return {
        resource.name: {name: str(entry.value) for name, entry in future.result().items() if entry.source == explicit}
        for resource, future in client.describe_configs(resources).items()
    }
