"""The converged view of a topic, read with nothing but the Kafka client and fastavro."""

import io
import json
from collections.abc import Callable
from typing import Any

import fastavro
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from schemas.contracts import contract, versions


def records(bootstrap: str, topic: str, name: str) -> list[dict[str, Any]]:
    """Return every record of a topic in the order of its partitions, times as µs."""
    written = {one.header: _plain(one.schema) for one in versions(name)}
    return [
        fastavro.schemaless_reader(io.BytesIO(value[5:]), written[value[:5]], written[contract(name).header])
        for value in values(bootstrap, topic)
    ]


def _plain(schema: dict[str, Any]) -> Any:
    """Return a schema whose times are integers."""
    text = json.dumps(schema).replace('"logicalType": "timestamp-micros"', '"doc": "µs"')
    return fastavro.parse_schema(json.loads(text))


def values(bootstrap: str, topic: str) -> list[bytes]:
    """Return the values of a topic in the order of its partitions."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    partitions = [TopicPartition(topic, p) for p in admin.list_topics(topic, 20).topics[topic].partitions]
    latest = admin.list_offsets({p: OffsetSpec.latest() for p in partitions})
    ends = {p.partition: future.result().offset for p, future in latest.items() if future.result().offset}
    if not ends:
        return []
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "tests", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, partition, 0) for partition in ends])
    found = []
    try:
        while ends:
            for message in consumer.consume(5000, 0.1):  # it waits so long for as many
                assert message.error() is None
                found.append(message.value())
                if message.offset() + 1 >= ends.get(message.partition(), 1 << 62):
                    del ends[message.partition()]
    finally:
        consumer.close()
    return found


def view(rows: list[dict[str, Any]], key: Callable[[dict[str, Any]], Any]) -> dict[Any, dict[str, Any]]:
    """Return the latest version per key; versions must never fall in the order of the topic."""
    latest: dict[Any, dict[str, Any]] = {}
    for row in rows:
        before = latest.get(key(row))
        assert before is None or row["version"] >= before["version"] or before == row, (before, row)
        if before is None or row["version"] > before["version"]:
            latest[key(row)] = row
    return latest
