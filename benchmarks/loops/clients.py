"""What both loops need of Kafka: read partitions to their ends, send, and say how far they are.

A loop is started with one JSON argument, a `Task`, and prints JSON lines: ``{"at": <monotonic s>, "read": <records>}``
while it works and its counts at the end.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition

BATCH = 5_000
SILENCE_S = 60.0


@dataclass(frozen=True)
class Task:
    """What one process is to do: ``ends`` are the partitions that it reads, each up to an offset."""

    broker: dict[str, str | int]
    source: str
    ends: dict[int, int]
    target: str

    def text(self) -> str:
        """Return it as the argument of a process."""
        return json.dumps({**asdict(self), "ends": list(self.ends.items())})

    @classmethod
    def of(cls, text: str) -> Task:
        """Read the argument of a process."""
        found = json.loads(text)
        return cls(found["broker"], found["source"], dict(found["ends"]), found["target"])


def batches(task: Task) -> Iterator[list[Message]]:
    """Yield the records before the ends in batches; say after each how many there were.

    Raises:
        TimeoutError: nothing came for a minute.
        KafkaException: the broker reported an error.
    """
    consumer = Consumer({
        **task.broker,
        "group.id": "benchmark-loop",
        "enable.auto.commit": False,
        "fetch.max.bytes": 64 * 1024 * 1024,
        "max.partition.fetch.bytes": 4 * 1024 * 1024,
        "queued.max.messages.kbytes": 128 * 1024,
    })  # fmt: skip
    left = {partition: end for partition, end in task.ends.items() if end}
    consumer.assign([TopicPartition(task.source, partition, 0) for partition in left])
    read, heard = 0, time.monotonic()
    say(read=0)
    while left:
        messages = consumer.consume(BATCH, 0.1)
        if not messages and time.monotonic() - heard > SILENCE_S:
            raise TimeoutError(f"no record of {task.source} for {SILENCE_S:.0f} s")
        mine = []
        for message in messages:
            if message.error():
                raise KafkaException(message.error())
            end = left.get(message.partition())
            if end is None or message.offset() >= end:
                continue
            mine.append(message)
            if message.offset() + 1 == end:
                del left[message.partition()]
        if mine:
            yield mine
            read, heard = read + len(mine), time.monotonic()
            say(read=read)
    consumer.close()


class Sender:
    """A producer that waits while its queue is full."""

    def __init__(self, task: Task) -> None:
        self._target = task.target
        self._producer = Producer({
            **task.broker,
            "acks": "all",
            "compression.type": "lz4",
            "linger.ms": 5,
            "batch.size": 1024 * 1024,
            "queue.buffering.max.messages": 500_000,
            "partitioner": "murmur2_random",
        })  # fmt: skip

    def send(self, key: str, value: bytes, suffix: str = "") -> None:
        """Queue one record of the target topic, or of the one that is called like it with a suffix."""
        while True:
            try:
                self._producer.produce(self._target + suffix, value, key)
            except BufferError:
                self._producer.poll(0.1)
            else:
                return

    def poll(self) -> None:
        """Serve what the broker has acknowledged."""
        self._producer.poll(0)

    def close(self) -> None:
        """Wait until everything is acknowledged.

        Raises:
            TimeoutError: it is not within a minute.
        """
        if left := self._producer.flush(SILENCE_S):
            raise TimeoutError(f"{left:,} records were not acknowledged")


def say(**found: Any) -> None:
    """Print how far the loop is."""
    sys.stdout.write(json.dumps({"at": time.monotonic(), **found}) + "\n")
    sys.stdout.flush()
