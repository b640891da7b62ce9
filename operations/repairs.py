"""Open repair requests: what the consumer group of `polyglot repair` has not committed yet."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from confluent_kafka import Consumer, TopicPartition

from batch.repair.requests import Request
from runtime.config import Settings
from runtime.offsets import OffsetReader, Offsets, lag
from runtime.records import decoder, read
from schemas import catalog

TOPIC = catalog.topic("repair_request")
GROUP = "polyglot-repair"


@dataclass
class Backlog:
    """The open requests, those that cannot be read (as a place and a reason), and the offsets behind them."""

    requests: list[Request] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    upto: Offsets = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.requests) + len(self.unreadable)


def _extent(reader: OffsetReader) -> tuple[Offsets, Offsets, Offsets]:
    """Return where the topic begins, from where its requests are open, and its end; what is deleted is not open."""
    begins = reader.begins([TOPIC])
    committed = reader.committed(GROUP, begins)
    begin = {place: max(first, committed.get(place, 0)) for place, first in begins.items()}
    return begins, begin, reader.ends([TOPIC])


def count_open(settings: Settings) -> int:
    """Return how many requests are open; reads offsets only.

    Raises:
        CommandError: the broker does not answer.
    """
    _, begin, end = _extent(OffsetReader(settings))
    return lag(end, begin)


@dataclass(frozen=True)
class Asked:
    """How many requests were made, and how many of them are open."""

    made: int
    open: int


def count_by_reason(settings: Settings) -> dict[str, Asked]:
    """Read all requests that the topic holds; those that cannot be read count under a reason of their own.

    Raises:
        CommandError: the broker does not answer.
    """
    first, begin, end = _extent(OffsetReader(settings))
    decode = decoder("repair_request")
    made: Counter[str] = Counter()
    unanswered: Counter[str] = Counter()
    for record in read(settings, first, end):
        try:
            reason = decode(record.value)["reason"]
        except ValueError:
            reason = "(not readable)"
        made[reason] += 1
        unanswered[reason] += record.offset >= begin[record.topic, record.partition]
    return {reason: Asked(count, unanswered[reason]) for reason, count in made.items()}


def read_open(settings: Settings) -> Backlog:
    """Read the open requests.

    Raises:
        CommandError: the broker does not answer.
    """
    _, begin, end = _extent(OffsetReader(settings))
    found, decode = Backlog(upto=end), decoder("repair_request")
    for record in read(settings, begin, end):
        try:
            found.requests.append(Request.of(decode(record.value)))
        except ValueError as error:
            found.unreadable.append(f"{record.topic}/{record.partition}@{record.offset}: {error}")
    return found


def commit(settings: Settings, backlog: Backlog) -> None:
    """Say that these requests are answered.

    Raises:
        KafkaException: the broker did not take it; they stay open, and answering them again changes nothing.
    """
    places = [TopicPartition(*place, offset) for place, offset in backlog.upto.items()]
    if not places:
        return
    consumer = Consumer({**settings.kafka.librdkafka(), "group.id": GROUP, "enable.auto.commit": False})
    try:
        consumer.commit(offsets=places, asynchronous=False)
    finally:
        consumer.close()
