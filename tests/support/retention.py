"""Retention, at once: what a broker deletes when records are too old."""

from __future__ import annotations

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from runtime.config import Settings
from runtime.offsets import OffsetReader
from support.patience import patient


def cut(settings: Settings, topic: str, left: int) -> None:
    """Delete all but the last ``left`` offsets of each partition of a topic."""
    ends = OffsetReader(settings).ends([topic])
    wanted = [TopicPartition(*place, max(end - left, 0)) for place, end in ends.items()]
    admin = AdminClient(settings.kafka.librdkafka())
    for done in admin.delete_records(wanted, operation_timeout=patient(30)).values():
        done.result()
