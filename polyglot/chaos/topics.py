"""A topic's records, decoded, each read once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from confluent_kafka import Consumer, KafkaError, TopicPartition

from polyglot.config import Settings
from polyglot.console import CommandError
from polyglot.jobs.offsets import OffsetReader
from polyglot.jobs.records import decoder

_TIMEOUT_S = 120.0


class TopicReader:
    """Yields what a topic holds and was not yielded before."""

    def __init__(self, settings: Settings, topic: str, name: str) -> None:
        self._settings, self._topic, self._begin = settings, topic, dict[int, int]()
        self._decode = decoder(name)

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
                        yield self._decode(message.value()), message.value()
                    elif message.error().code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - spelled so in public
                        left.discard(message.partition())
        finally:
            consumer.close()
