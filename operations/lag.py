"""How far each consumer group is behind."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from runtime.config import Settings

TIMEOUT_S = 5.0


@dataclass(frozen=True)
class GroupLag:
    """Records between what a consumer group committed and the ends of its partitions.

    ``expired`` are those that retention has cut before the group had read them: a job that starts does not get them.
    """

    group: str
    topics: dict[str, int]
    expired: int = 0

    @property
    def lag(self) -> int:
        return sum(self.topics.values())

    def document(self) -> dict[str, Any]:
        return {"group": self.group, "lag": self.lag, "expired": self.expired}


def collect_groups(settings: Settings) -> list[GroupLag]:
    """Return each consumer group's lag by its committed offsets; an empty list if the broker does not answer."""
    from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException  # noqa: PLC0415 - half a second of import
    from confluent_kafka.admin import AdminClient, OffsetSpec  # noqa: PLC0415

    client = AdminClient({**settings.kafka.librdkafka(), "socket.timeout.ms": int(TIMEOUT_S * 1000), "log_level": 0})
    try:
        client.list_topics(timeout=TIMEOUT_S)
        names = [one.group_id for one in client.list_consumer_groups(request_timeout=TIMEOUT_S).result().valid]
        lags = []
        for name in sorted(names):
            request = [ConsumerGroupTopicPartitions(name)]
            futures = client.list_consumer_group_offsets(request, request_timeout=TIMEOUT_S)
            committed = [one for one in futures[name].result().topic_partitions if one.offset >= 0]
            if not committed:
                continue
            begins, ends = (
                client.list_offsets(dict.fromkeys(committed, spec), request_timeout=TIMEOUT_S)
                for spec in (OffsetSpec.earliest(), OffsetSpec.latest())
            )
            behind: Counter[str] = Counter()
            expired = 0
            for one in committed:
                behind[one.topic] += max(ends[one].result().offset - one.offset, 0)
                expired += max(begins[one].result().offset - one.offset, 0)
            lags.append(GroupLag(name, dict(behind), expired))
    except KafkaException:
        return []
    return lags
