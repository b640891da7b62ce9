"""Records of topics as they lie in the log."""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

import fastavro
from confluent_kafka import Consumer, Message, TopicPartition

from polyglot.config import Settings
from polyglot.jobs.offsets import OffsetReader
from schemas.contracts import contract

_TIMEOUT_S = 20.0


def _consumer(settings: Settings) -> Consumer:
    group = f"polyglot-read-{uuid.uuid4()}"  # nothing is ever committed
    return Consumer({**settings.kafka.librdkafka(), "group.id": group, "enable.auto.commit": False})


def messages(settings: Settings, topics: Iterable[str]) -> Iterator[Message]:
    """Yield every record that the topics hold now, in the order of each partition; topics that do not exist are empty.

    Raises:
        KafkaException: the broker cannot be read.
    """
    ends = {place: end for place, end in OffsetReader(settings).ends(topics).items() if end}
    if not ends:
        return
    consumer = _consumer(settings)
    consumer.assign([TopicPartition(topic, partition, 0) for topic, partition in ends])
    try:
        while ends:
            for message in consumer.consume(5000, 1.0):
                if message.error() is not None:
                    continue  # the client reports what it is about to retry
                place = (message.topic(), message.partition())
                if message.offset() < ends.get(place, 0):
                    yield message
                if message.offset() + 1 >= ends.get(place, 1 << 62):
                    del ends[place]
    finally:
        consumer.close()


def value_at(settings: Settings, topic: str, partition: int, offset: int) -> bytes | None:
    """Return the value of one record; None when retention has cut it, or it was never there."""
    consumer = _consumer(settings)
    try:
        place = TopicPartition(topic, partition, offset)
        low, high = consumer.get_watermark_offsets(place, _TIMEOUT_S)
        if not low <= offset < high:
            return None
        consumer.assign([place])
        while True:
            for message in consumer.consume(1, _TIMEOUT_S):
                if message.error() is None:
                    value: bytes = message.value()
                    return value if message.offset() == offset else None
    finally:
        consumer.close()


def decode(name: str, value: bytes) -> dict[str, Any]:
    """Return a wire value of a contract as a dictionary; times as µs UTC."""
    record: Any = fastavro.schemaless_reader(io.BytesIO(value[5:]), _plain(name))
    return dict(record)


def _plain(name: str) -> Any:
    fields = [
        {**field, "type": "long"} if "timestamp" in str(field["type"]) else field
        for field in contract(name).schema["fields"]
    ]
    return fastavro.parse_schema({**contract(name).schema, "fields": fields})
