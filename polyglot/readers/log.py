"""Records of topics as they lie in the log."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from polyglot.config import Settings
from polyglot.console import CommandError, Exit
from polyglot.jobs.offsets import OffsetReader
from polyglot.jobs.records import decoder

_TIMEOUT_S = 120.0


def messages(settings: Settings, topics: Iterable[str]) -> Iterator[Message]:
    """Yield every record that the topics hold, in the order of each partition; topics that do not exist are empty.

    Raises:
        KafkaException: the broker does not answer.
        CommandError: it does not hand the records over in time.
    """
    ends = OffsetReader(settings).ends(topics)
    yield from _read(settings, [TopicPartition(*place, 0) for place, end in ends.items() if end])


def value_at(settings: Settings, topic: str, partition: int, offset: int) -> bytes | None:
    """Return the value of one record; None when retention has cut it, or it was never there.

    Raises:
        KafkaException: the broker does not answer.
        CommandError: it does not hand the record over in time.
    """
    ends = OffsetReader(settings).ends([topic])
    if not 0 <= offset < ends.get((topic, partition), 0):
        return None
    for message in _read(settings, [TopicPartition(topic, partition, offset)]):
        value: bytes = message.value()
        return value if message.offset() == offset else None
    return None


def _read(settings: Settings, places: list[TopicPartition]) -> Iterator[Message]:
    """Yield the records from some places on, each partition to its end."""
    if not places:
        return
    # Nothing is ever committed. A partition's end is told by the client: the last offset may be a transaction's marker.
    conf = {"group.id": f"polyglot-read-{uuid.uuid4()}", "enable.auto.commit": False, "enable.partition.eof": True}
    consumer = Consumer({**settings.kafka.librdkafka(), **conf, "auto.offset.reset": "earliest"})
    consumer.assign(places)
    left = {(place.topic, place.partition) for place in places}
    deadline = time.monotonic() + _TIMEOUT_S
    try:
        while left:
            if time.monotonic() > deadline:
                raise CommandError(f"{min(left)[0]} cannot be read to its end", code=Exit.TIMEOUT)
            for message in consumer.consume(5000, 1.0):
                if message.error() is None:
                    yield message
                elif message.error().code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - spelled so in public
                    left.discard((message.topic(), message.partition()))
    finally:
        consumer.close()


def decode(name: str, value: bytes) -> dict[str, Any]:
    """Return a wire value of a contract as a dictionary; times as µs UTC.

    Raises:
        ValueError: it is no record of that contract.
    """
    return _decoder(name)(value)


_decoder = lru_cache(maxsize=32)(decoder)
