"""What is cut of topics that a broker may not cut by age alone: raw topics, behind Bronze; nothing that is on hold."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from operations.jobs import EVERY_STAGE
from runtime.broker import no_answer
from runtime.config import Settings
from runtime.offsets import OffsetReader
from schemas.domains import Domains, Topic, domains

_TIMEOUT_S = 30.0
AGE = "age"


@dataclass(frozen=True)
class Part:
    """A partition that has [begin, end): what lies before ``cut`` may go, and ``kept_by`` says why no more.

    ``kept_by`` is ``age`` (the rest is not old enough), ``hold``, or the consumer group that has read no further.
    """

    topic: str
    partition: int
    begin: int
    end: int
    cut: int
    kept_by: str

    @property
    def records(self) -> int:
        """At most so many may go: the marks of transactions take offsets, too."""
        return self.cut - self.begin

    def document(self) -> dict[str, Any]:
        """Return it for ``--json``."""
        return {**asdict(self), "records": self.records}


def plan(settings: Settings, now_ms: int | None = None, wanted: Domains | None = None) -> list[Part]:
    """Return what may be cut of each partition of a topic with an archive or a hold, by topic and partition.

    A record may go when it is older than the topic's retention, and every job that reads the topic has it in a
    completed checkpoint. That of the ingest job holds what it has for Bronze, staged, until the commit is made.

    Args:
        settings: settings; ``kafka.retention_ms`` overrides the contracts' retention.
        now_ms: the time by which records have an age, ms UTC; by default now.
        wanted: the topics; by default those of ``schemas/domains.toml``.

    Raises:
        CommandError: the broker does not answer.
    """
    now_ms = int(time.time() * 1000) if now_ms is None else now_ms
    topics = {one.name: one for one in (wanted or domains()).topics.values() if not one.cut_by_broker}
    reader = OffsetReader(settings)
    begins, ends = reader.begins(topics), reader.ends(topics)
    read: dict[tuple[str, int], dict[str, int]] = {place: {} for place in begins}
    for stage in EVERY_STAGE:
        mine = [place for place in begins if place[0] in stage.reads]
        committed = reader.committed(stage.group, mine)
        for place in mine:  # a group that has not begun is at 0
            read[place][stage.group] = committed.get(place, 0)
    old: dict[tuple[str, int], int] = {}
    for kept_ms in {_kept_ms(settings, topic) for topic in topics.values()} - {-1}:
        names = [name for name, topic in topics.items() if _kept_ms(settings, topic) == kept_ms]
        old |= reader.since(names, now_ms - kept_ms)
    return [
        _part(topics[place[0]], place, (begin, ends[place]), old.get(place, begin), read[place])
        for place, begin in sorted(begins.items())
    ]


def _kept_ms(settings: Settings, topic: Topic) -> int:
    override = settings.kafka.retention_ms
    return topic.retention_ms if override is None else override


def _part(topic: Topic, place: tuple[str, int], has: tuple[int, int], old: int, read: dict[str, int]) -> Part:
    begin, end = has
    if topic.hold:
        return Part(*place, begin, end, begin, "hold")
    limits = {AGE: old, **read}
    # Of equal limits the age is named, then the groups by name.
    kept_by = min(limits, key=lambda name: (limits[name], name != AGE, name))
    return Part(*place, begin, end, max(limits[kept_by], begin), kept_by)


def carry_out(settings: Settings, parts: Iterable[Part]) -> int:
    """Cut what may be cut; return how many offsets that were.

    Raises:
        CommandError: the broker refuses, or does not answer.
    """
    parts = [part for part in parts if part.records]
    if not parts:
        return 0
    client = AdminClient({**settings.kafka.librdkafka(), "log_level": 2})
    wanted = [TopicPartition(part.topic, part.partition, part.cut) for part in parts]
    try:
        for done in client.delete_records(wanted, operation_timeout=_TIMEOUT_S).values():
            done.result()
    except KafkaException as error:
        raise no_answer(settings.kafka, error) from error
    return sum(part.records for part in parts)
