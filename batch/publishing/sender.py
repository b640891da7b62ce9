"""A producer inside of a task: what it was given has reached the broker, or the task fails."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

_QUEUED = 200_000
_LARGEST = 1_000_000_000
_FLUSH_S = 90


class PublishError(RuntimeError):
    """The broker did not take a record."""


class Sender:
    """Send records; made in the task, for a client cannot be pickled along."""

    def __init__(self, kafka: Mapping[str, Any]) -> None:
        from confluent_kafka import Producer  # noqa: PLC0415 - not where the function is only pickled

        self.count = 0
        self._failed: list[str] = []
        # The partitioner of the JVM clients, so that an entity stays in its partition.
        self._producer = Producer(
            {
                **kafka,
                "enable.idempotence": True,
                "compression.type": "lz4",
                # What came out of the log goes in again; the broker decides what is too large.
                "message.max.bytes": _LARGEST,
                "partitioner": "murmur2_random",
                "queue.buffering.max.messages": _QUEUED,
                "delivery.timeout.ms": 60_000,
            }
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait until everything has arrived.

        Raises:
            PublishError: something has not.
        """
        if kind is not None:
            return
        left = self._producer.flush(_FLUSH_S)
        if self._failed or left:
            raise PublishError(f"{len(self._failed) + left} of {self.count} records failed: {self._failed[:1]}")

    def send(self, topic: str, key: str, value: bytes, time_ms: int, partition: int = -1) -> None:
        """Queue a record, for the partition of its key unless one is named; wait while the queue is full."""
        while True:
            try:
                self._producer.produce(topic, value, key, partition, on_delivery=self._delivered, timestamp=time_ms)
                break
            except BufferError:
                self._producer.poll(1)
        self._producer.poll(0)
        self.count += 1

    def _delivered(self, error: Any, message: Any) -> None:
        if error is not None:
            self._failed.append(f"{message.topic()}: {error}")


def said(error: Exception) -> PublishError | None:
    """Return what a task's sender said, out of the engine's error; None if it was something else."""
    name = f"{PublishError.__name__}: "
    found = [line for line in str(error).splitlines() if name in line]
    return PublishError(found[0].partition(name)[2]) if found else None
