"""The benchmark's own topics: made, read and deleted; and what they hold, as one number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from benchmarks.measure import follow
from operations.topics import apply, plan
from runtime.config import Settings
from runtime.offsets import OffsetReader
from runtime.readers.log import messages

PARTITIONS = 4
#: The venue's JSON, without what the gate rejects: all of it, and the first part for what is slow.
FRAMES, FRAMES_PART = "benchmark.frames", "benchmark.frames.part"
#: The raw envelopes of that part in one topic, with what the gate rejects.
ENVELOPES_PART = "benchmark.envelopes.part"
_RANGE = 1 << 64


@dataclass
class Digest:
    """How many values there were, and the sum of their hashes: equal for the same values in any order."""

    count: int = 0
    total: int = 0

    def add(self, value: bytes) -> None:
        """Take one value more."""
        self.count += 1
        self.total = (self.total + int.from_bytes(blake2b(value, digest_size=8).digest(), "big")) % _RANGE

    @classmethod
    def of(cls, values: Iterable[bytes]) -> Digest:
        """Return the digest of some values."""
        found = cls()
        for value in values:
            found.add(value)
        return found


def make(settings: Settings, topics: Iterable[str]) -> None:
    """Create topics that are empty, deleting those that are there."""
    wanted = list(topics)
    delete(settings, wanted)
    admin = _admin(settings)
    config = {
        "max.message.bytes": str(settings.kafka.max_message_bytes),
        "retention.ms": "-1",
        "message.timestamp.before.max.ms": str(2**63 - 1),
        "message.timestamp.after.max.ms": str(2**63 - 1),
    }
    made = admin.create_topics([NewTopic(topic, PARTITIONS, 1, config=config) for topic in wanted])
    for done in made.values():
        done.result(30)


def delete(settings: Settings, topics: Iterable[str]) -> None:
    """Delete topics, as far as they are there, and wait until they are gone."""
    admin, wanted = _admin(settings), list(topics)
    for done in admin.delete_topics(wanted).values():
        try:
            done.result(30)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise
    follow(
        lambda: sum(topic not in admin.list_topics(timeout=10).topics for topic in wanted), len(wanted), timeout_s=60
    )


def empty(settings: Settings, topics: Iterable[str]) -> None:
    """Delete topics of the product and make them anew, as it wants them."""
    delete(settings, topics)
    apply(settings, plan(settings))


def ends(settings: Settings, topic: str) -> dict[int, int]:
    """Return a topic's partitions with their ends."""
    return {partition: end for (_, partition), end in OffsetReader(settings).ends([topic]).items()}


def _admin(settings: Settings) -> AdminClient:
    # It would report that the broker is gone when the stack stops.
    return AdminClient({**settings.kafka.librdkafka(), "log_level": 2})


def values(settings: Settings, topics: Iterable[str]) -> Iterator[bytes]:
    """Yield the values of topics."""
    return (record.value for record in messages(settings, topics))
