"""What the topics themselves must hold after any faults, beside what `polyglot verify` compares."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import fastavro
from confluent_kafka import Consumer, TopicPartition

from polyglot.config import Settings
from polyglot.jobs.offsets import OffsetReader
from schemas.contracts import contract

_KINDS = {
    "normalized.trade.v1": "trade",
    "normalized.quote.v1": "quote",
    "normalized.trade_cancel.v1": "trade_cancel",
    "normalized.trade_correct.v1": "trade_correct",
}
_BARS = {"analytics.bar.v1": "bar", "analytics.quote_bar.v1": "quote_bar"}


def _records(settings: Settings, topic: str, name: str) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Yield every record of a topic, decoded and as bytes, in the order of each partition."""
    ends = {place: end for place, end in OffsetReader(settings).ends([topic]).items() if end}
    schema = fastavro.parse_schema(contract(name).schema)
    consumer = Consumer({**settings.kafka.librdkafka(), "group.id": "polyglot-audit", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, partition, 0) for _, partition in ends])
    try:
        while ends:
            for message in consumer.consume(5000, 1.0):
                if message.error() is not None:
                    continue
                record: Any = fastavro.schemaless_reader(io.BytesIO(message.value()[5:]), schema)
                yield record, message.value()
                place = (topic, message.partition())
                if message.offset() + 1 >= ends.get(place, 1 << 62):
                    del ends[place]
    finally:
        consumer.close()


def audit(settings: Settings) -> dict[str, int]:
    """Return what is wrong with the topics, each 0 where the laws hold, and how many copies transport made.

    ``missing_sequence_numbers``: numbers between 1 and the highest of an (entity, ingest date) that nobody has (loss).
    ``conflicting_copies``: records of one sequence number, or of one bar and version, with different bytes.
    ``transport_copies``: the same record more than once, which at-least-once delivery may do and consumers drop.
    """
    found = {"missing_sequence_numbers": 0, "conflicting_copies": 0, "transport_copies": 0}
    for topic, name in _KINDS.items():
        seen: dict[tuple[str, Any], dict[int, int]] = defaultdict(dict)
        for row, value in _records(settings, topic, name):
            _note(found, seen[row["entity_id"], row["ingest_date"]], row["entity_seq"], value)
        found["missing_sequence_numbers"] += sum(max(numbers) - len(numbers) for numbers in seen.values())
    for topic, name in _BARS.items():
        versions: dict[tuple[Any, ...], dict[int, int]] = defaultdict(dict)
        for row, value in _records(settings, topic, name):
            _note(found, versions[row["entity_id"], row.get("interval"), row["window_start"]], row["version"], value)
    return found


def _note(found: dict[str, int], numbers: dict[int, int], number: int, value: bytes) -> None:
    digest = hash(value)
    if number not in numbers:
        numbers[number] = digest
    elif numbers[number] == digest:
        found["transport_copies"] += 1
    else:
        found["conflicting_copies"] += 1
