"""Partitions of topics as a worker reads them: from the broker itself, without an object of the JVM per record."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from batch.spark.topics import Broker, BrokerError, Extent

#: Records of a batch, and of a part: a worker that has few partitions shares them with the others.
BATCH, PART = 16_384, 1_000_000
_SILENT_S = 60.0


class Records(NamedTuple):
    """A batch of a partition's records; what has no key or no value has None."""

    offsets: list[int]
    keys: list[bytes | None]
    values: list[bytes | None]


@dataclass(frozen=True)
class Part:
    """What lies between two offsets of a partition, the second one excluded."""

    topic: str
    partition: int
    begin: int
    end: int
    #: The client's properties, sorted.
    client: tuple[tuple[str, Any], ...] = field(repr=False)

    def batches(self) -> Iterator[Records]:
        """Yield the records in order.

        Raises:
            BrokerError: the broker does not answer, or has deleted some of them.
        """
        consumer = _consumer(self.client)
        at, heard = self.begin, time.monotonic()
        try:
            consumer.assign([TopicPartition(self.topic, self.partition, at)])
            while at < self.end:
                messages = consumer.consume(min(BATCH, self.end - at), 1.0)
                found = [message for message in messages if message.error() is None]
                if len(found) < len(messages):
                    at = max(at, *(self._reached(message) for message in messages if message.error() is not None))
                offsets = [message.offset() for message in found]
                at = max(at, offsets[-1] + 1) if offsets else at
                count = bisect_left(offsets, self.end)
                if count:
                    heard = time.monotonic()
                    found = found[:count]
                    keys, values = [message.key() for message in found], [message.value() for message in found]
                    yield Records(offsets[:count], keys, values)
                elif at < self.end and time.monotonic() - heard > _SILENT_S:
                    raise BrokerError(f"{self} cannot be read: nothing came for {_SILENT_S:.0f} s")
        except KafkaException as error:
            raise BrokerError(f"{self} cannot be read: {error}") from error
        finally:
            consumer.unassign()

    def _reached(self, message: Message) -> int:
        """Return the offset up to which the partition was read, of what is no record."""
        error = message.error()
        if error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - so the library names it
            raise BrokerError(f"{self} cannot be read: {error}")
        # Behind the last record there may be marks of transactions, which nobody is shown.
        return int(message.offset())


def parts(broker: Broker, extent: Extent) -> list[Part]:
    """Return a topic as parts of at most `PART` records."""
    client = tuple(sorted(broker.librdkafka.items()))
    return [
        Part(extent.topic, partition, begin, min(begin + PART, end), client)
        for partition, end in extent.end.items()
        for begin in range(extent.begin[partition], end, PART)
    ]


@lru_cache(maxsize=1)
def _consumer(client: tuple[tuple[str, Any], ...]) -> Consumer:
    """Return this worker's consumer: a connection costs more than a small partition."""
    properties: Mapping[str, Any] = {
        **dict(client),
        "group.id": "polyglot-verify",  # which it never joins
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "enable.partition.eof": True,
        "isolation.level": "read_committed",
        "auto.offset.reset": "error",
        "fetch.wait.max.ms": 10,
        "fetch.message.max.bytes": 8 * 1024 * 1024,
        "queued.min.messages": 4 * BATCH,
        "log_level": 3,
    }
    return Consumer(properties)
