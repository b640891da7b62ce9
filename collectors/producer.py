"""The raw producer: nothing lost, nothing out of order, and it knows what was acknowledged.

A gap would be fatal downstream: a source's ``source_seq`` is deduplicated by its highest number, so a frame that is
sent after its successor arrived counts as a copy. Hence messages never time out one by one (librdkafka waits for the
broker as long as it takes), an error that could leave a gap stops the producer, and a give-up purges the whole queue.

Copies are possible, and harmless: a broker that is killed forgets an idempotent producer whose newest *record time*
is a day old (its producer state expires by record time), so what was under way while a capture was fed may be there
twice, byte for byte, under the same ``source_seq``.
"""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from runtime.broker import no_answer, no_such_partition, until_led
from runtime.config import KafkaSettings
from runtime.console import CommandError, Exit

#: Give up when the broker acknowledged nothing for this long, seconds.
OUTAGE_TIMEOUT_S = 600.0
CONNECT_TIMEOUT_S = 10.0
_QUEUE_MESSAGES = 200_000
_QUEUE_KIB = 256 * 1024


class _Chunk:
    """Messages that were sent together: complete when each of them is acknowledged."""

    __slots__ = ("acked", "last", "last_seq", "producer", "size")

    def __init__(self, producer: RawProducer, last_seq: int, size: int) -> None:
        self.producer = producer
        self.last_seq = last_seq
        self.size = size
        self.acked = 0
        self.last: tuple[str, int, int] = ("", -1, -1)

    def delivered(self, error: Any, message: Any) -> None:
        if error is not None:
            self.producer.fail(f"{message.topic()}: {error.str()}")
            return
        self.acked += 1
        if self.acked == self.size:
            self.last = (message.topic(), message.partition(), message.offset())


class RawProducer:
    """An idempotent producer for one collector.

    ``acked_seq`` is the greatest seq up to which every frame is acknowledged; ``position`` locates a record of the last
    chunk before it.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        *,
        warn: Callable[[str], None] = lambda _: None,
        outage_timeout_s: float = OUTAGE_TIMEOUT_S,
    ) -> None:
        self.acked = 0
        self.acked_seq = 0
        self.bytes = 0
        self.per_topic: Counter[str] = Counter()
        self.position: tuple[str, int, int] = ("", -1, -1)
        self._chunks: deque[_Chunk] = deque()
        self._failure = ""
        self._ended: CommandError | None = None
        self._warn = warn
        self._down = False
        self._outage_timeout = outage_timeout_s
        self._progress = time.monotonic()
        self._outstanding = 0
        self._kafka = kafka
        self._producer = Producer(self._conf(kafka), logger=_quiet_logger())

    def _conf(self, kafka: KafkaSettings) -> dict[str, Any]:
        return {
            **kafka.librdkafka(),
            "enable.idempotence": True,
            "enable.gapless.guarantee": True,
            "acks": "all",
            "message.timeout.ms": 0,
            "compression.type": "lz4",
            "linger.ms": 5,
            "batch.size": 1024 * 1024,
            "batch.num.messages": 10_000,
            "message.max.bytes": kafka.max_message_bytes,
            "queue.buffering.max.messages": _QUEUE_MESSAGES,
            "queue.buffering.max.kbytes": _QUEUE_KIB,
            "partitioner": "murmur2_random",  # as the JVM clients: the same key, the same partition
            "error_cb": self._on_error,
        }

    def _on_error(self, error: Any) -> None:
        if error.fatal():
            self.fail(error.str())
        elif error.code() == KafkaError._ALL_BROKERS_DOWN and not self._down:  # noqa: SLF001 - spelled so in public
            self._down = True
            self._warn("the broker is away; waiting for it, nothing is lost")

    def fail(self, message: str) -> None:
        """Remember the first fatal error; the next call that the collector makes raises it."""
        self._failure = self._failure or message

    def connect(self, topics: Sequence[str], timeout_s: float | None = None) -> str:
        """Check that the broker answers and has the topics; return the cluster's id.

        Raises:
            CommandError: no answer, or a topic is missing.
        """
        try:
            found = self._producer.list_topics(timeout=CONNECT_TIMEOUT_S if timeout_s is None else timeout_s)
        except KafkaException as error:
            raise no_answer(self._kafka, error) from error
        if missing := sorted(set(topics) - set(found.topics)):
            raise CommandError(
                f"topics are missing: {', '.join(missing)}",
                hint="Create them with: polyglot topics --apply",
                code=Exit.UNAVAILABLE,
            )
        return str(found.cluster_id)

    def begin(self, after_seq: int) -> None:
        """Count the frames of another source from here on; those of the one before are all acknowledged.

        Raises:
            CommandError: as ``send``.
        """
        self.drain()
        self.acked_seq = after_seq

    def holds(self, topic: str, partition: int, offset: int) -> bool:
        """Tell whether the log still reaches this offset (a recreated topic does not).

        Raises:
            CommandError: the broker does not answer. A "no" would have the whole source fed again.
        """
        consumer = Consumer({**self._kafka.librdkafka(), "group.id": "polyglot-collect-probe"}, logger=_quiet_logger())
        try:
            low, high = until_led(CONNECT_TIMEOUT_S)(
                consumer.get_watermark_offsets, TopicPartition(topic, partition), timeout=CONNECT_TIMEOUT_S
            )
        except KafkaException as error:
            if no_such_partition(error):
                return False
            raise no_answer(self._kafka, error) from error
        finally:
            consumer.close()
        return bool(low <= offset < high)

    def send(
        self,
        topics: Sequence[str],
        keys: Sequence[bytes | str],
        values: Sequence[bytes],
        timestamps_ms: Sequence[int],
        last_seq: int,
    ) -> None:
        """Queue records that end with frame ``last_seq``; wait while the queue is full.

        Raises:
            CommandError: a record was not delivered, is larger than the settings allow, or the broker was away too
            long.
        """
        chunk = _Chunk(self, last_seq, len(values))
        self._chunks.append(chunk)
        produce, poll, done = self._producer.produce, self._producer.poll, chunk.delivered
        self._outstanding += len(values)
        for i, (topic, key, value, stamp) in enumerate(zip(topics, keys, values, timestamps_ms, strict=True)):
            while True:
                try:
                    produce(topic, value, key, timestamp=stamp, on_delivery=done)
                    break
                except BufferError:
                    self._wait()
                except KafkaException as error:
                    self._give_up(f"{topic}: a record of {len(value):,} bytes was refused: {error.args[0].str()}")
            if not i & 255:
                poll(0)
        self.bytes += sum(map(len, values))
        self.per_topic.update(topics)
        self.poll()

    def poll(self, timeout_s: float = 0.0) -> None:
        """Serve delivery reports, waiting up to ``timeout_s`` for one; advance ``acked_seq``.

        Raises:
            CommandError: as ``send``.
        """
        self._producer.poll(timeout_s)
        while self._chunks and self._chunks[0].acked == self._chunks[0].size:
            chunk = self._chunks.popleft()
            self.acked += chunk.size
            self._outstanding -= chunk.size
            self.acked_seq = chunk.last_seq
            self.position = chunk.last
            self._progress = time.monotonic()
            if self._down:
                self._down = False
                self._warn("the broker is back")
        if not self._chunks:
            self._progress = time.monotonic()
        if self._failure:
            self._give_up(self._failure)
        if time.monotonic() - self._progress > self._outage_timeout:
            self._give_up(f"nothing was acknowledged for {self._outage_timeout:.0f} s", Exit.UNAVAILABLE)

    def _wait(self) -> None:
        self.poll(0.05)

    def _give_up(self, message: str, code: Exit = Exit.FAILED) -> NoReturn:
        if self._ended is None:
            # Purge before raising: a queued successor must not be delivered after a frame that was not.
            self._producer.purge()
            self._ended = CommandError(
                f"Kafka: {message}",
                hint="Start the collector again: it goes on behind the last acknowledged frame.",
                code=code,
            )
        raise self._ended

    def drain(self) -> None:
        """Wait until everything is acknowledged.

        Raises:
            CommandError: as ``send``.
        """
        self.poll()
        while self._chunks:
            self.poll(0.05)

    @contextmanager
    def closing(self) -> Iterator[RawProducer]:
        """Drain on success; on an error drop what is still queued, so that the process ends at once."""
        try:
            yield self
            self.drain()
        except BaseException:
            self._producer.purge()
            raise


def _quiet_logger() -> logging.Logger:
    """Return a silent logger: librdkafka logs every refused connection; outages are reported once, by `error_cb`."""
    logger = logging.getLogger("collectors.librdkafka")
    logger.setLevel(logging.CRITICAL)
    return logger
