"""Read topics as a stranger would, with Confluent's AvroDeserializer and a registry; then write the same bytes again.

Usage: smoke.py BOOTSTRAP REGISTRY TOPIC…  The last line on stdout is JSON: records by topic. Exits with 1 and a message
if a value is not read, or becomes other bytes when Confluent's AvroSerializer writes it.
"""

from __future__ import annotations

import json
import sys
import time

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

#: Records of a partition at most.
LIMIT = 500
#: Seconds until a partition that has records must have given some.
DEADLINE = 60.0


def main() -> None:
    bootstrap, url, *topics = sys.argv[1:]
    registry = SchemaRegistryClient({"url": url})
    read = AvroDeserializer(registry)
    found = {}
    for topic in topics:
        context = SerializationContext(topic, MessageField.VALUE)
        writers: dict[int, AvroSerializer] = {}  # a topic may have several versions of its contract
        values = list(taken(bootstrap, topic))
        for value in values:
            record = read(value, context)
            number = int.from_bytes(value[1:5])
            if number not in writers:
                schema: Schema = registry.get_schema(number)
                writers[number] = AvroSerializer(registry, schema, conf={"auto.register.schemas": False})
            again = writers[number](record, context)
            if again != value:
                sys.exit(f"{topic}: {record} is {value.hex()}, and Confluent's serializer writes {again.hex()}")
        found[topic] = len(values)
    sys.stdout.write(json.dumps(found) + "\n")


def taken(bootstrap: str, topic: str):
    """Yield the first values of each partition of a topic."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "interop", "enable.auto.commit": False})
    try:
        for number in consumer.list_topics(topic, 30).topics[topic].partitions:
            at = TopicPartition(topic, number)
            low, high = consumer.get_watermark_offsets(at, 30)
            consumer.assign([TopicPartition(topic, number, low)])
            left, until = min(high - low, LIMIT), time.monotonic() + DEADLINE
            while left > 0:
                if time.monotonic() > until:
                    sys.exit(f"{topic}/{number}: {left} records did not come")
                for message in consumer.consume(left, 1.0):
                    if message.error():
                        sys.exit(f"{topic}/{number}: {message.error()}")
                    yield message.value()
                    left -= 1
    finally:
        consumer.close()


if __name__ == "__main__":
    main()
