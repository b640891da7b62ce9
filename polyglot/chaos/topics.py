"""A topic's records, decoded, each read once."""

from __future__ import annotations

import copy
import io
import time
from collections.abc import Iterator
from typing import Any

import fastavro
from confluent_kafka import Consumer, KafkaError, TopicPartition

from polyglot.config import Settings
from polyglot.console import CommandError
from polyglot.jobs.offsets import OffsetReader
from schemas.contracts import contract

_TIMEOUT_S = 120.0


class TopicReader:
    """Yields what a topic holds and was not yielded before."""

    def __init__(self, settings: Settings, topic: str, name: str) -> None:
        self._settings, self._topic, self._begin = settings, topic, dict[int, int]()
        self._schema = fastavro.parse_schema(_plain(contract(name).schema))

    def new(self) -> Iterator[tuple[dict[str, Any], bytes]]:
        """Yield each new record as fields (times are µs) and bytes, partition by partition in order.

        Raises:
            CommandError: the broker does not hand them over in time.
        """
        ends = {p: end for (_, p), end in OffsetReader(self._settings).ends([self._topic]).items()}
        left = {p for p, end in ends.items() if self._begin.get(p, 0) < end}
        if not left:
            return
        conf = {"group.id": "polyglot-chaos", "enable.auto.commit": False, "enable.partition.eof": True}
        consumer = Consumer({**self._settings.kafka.librdkafka(), **conf})
        consumer.assign([TopicPartition(self._topic, p, self._begin.get(p, 0)) for p in left])
        deadline = time.monotonic() + _TIMEOUT_S
        try:
            while left:
                if time.monotonic() > deadline:
                    raise CommandError(f"{self._topic} cannot be read to its end")
                for message in consumer.consume(5000, 1.0):
                    if message.error() is None:
                        self._begin[message.partition()] = message.offset() + 1
                        row: Any = fastavro.schemaless_reader(io.BytesIO(message.value()[5:]), self._schema)
                        yield row, message.value()
                    elif message.error().code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - spelled so in public
                        left.discard(message.partition())
        finally:
            consumer.close()


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema whose times are numbers."""
    plain = copy.deepcopy(schema)
    for field in plain["fields"]:
        kind = field["type"]
        if isinstance(kind, dict) and kind.get("logicalType") in ("timestamp-micros", "date"):
            field["type"] = kind["type"]
    return plain
