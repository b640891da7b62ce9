"""Topics of a replay's own: partitioned as the live ones whose names they have behind a prefix, and soon gone."""

from __future__ import annotations

from collections.abc import Iterable

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from operations.topics import TIMEOUT_S, Step, apply, wanted_config
from runtime.broker import no_answer
from runtime.config import Settings
from schemas.domains import domains


def create(settings: Settings, prefix: str, topics: Iterable[str]) -> None:
    """Create topics like live ones, which nothing but `delete` shortens.

    Raises:
        CommandError: the broker refused.
    """
    steps = []
    for name in topics:
        topic = domains().topics[name]
        config = wanted_config(topic, retention_ms=-1, max_message_bytes=settings.kafka.max_message_bytes)
        steps.append(Step(prefix + name, "create", topic.partitions, topic.replication, config))
    apply(settings, steps)


def delete(settings: Settings, prefix: str) -> None:
    """Delete all topics whose names begin so.

    Raises:
        CommandError: the broker does not answer, or refused.
    """
    if not prefix:
        raise ValueError("no prefix: that would be all topics")
    client = AdminClient({**settings.kafka.librdkafka(), "socket.timeout.ms": int(TIMEOUT_S * 1000), "log_level": 0})
    try:
        names = [name for name in client.list_topics(timeout=TIMEOUT_S).topics if name.startswith(prefix)]
        for future in client.delete_topics(names, operation_timeout=TIMEOUT_S).values() if names else ():
            future.result()
    except KafkaException as error:
        raise no_answer(settings.kafka, error) from error
