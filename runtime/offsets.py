"""Offsets of topics and of consumer groups."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, ListOffsetsResultInfo, OffsetSpec

from runtime.broker import no_answer
from runtime.config import Settings

#: (topic, partition) → next offset.
Offsets = dict[tuple[str, int], int]
_TIMEOUT_S = 20.0
#: A client waits so long for as many messages as were asked for, even if all that there are have come.
_WAIT_S = 0.2


class OffsetReader:
    """Reads offsets through one admin client; what asks the broker raises CommandError when it does not answer."""

    def __init__(self, settings: Settings) -> None:
        self._kafka = settings.kafka
        self._conf = settings.kafka.librdkafka()
        self._admin = AdminClient({**self._conf, "log_level": 2})

    def partitions(self, wanted: Iterable[str]) -> list[TopicPartition]:
        """Return the partitions of the topics named, as far as they exist."""
        names = set(wanted)
        with self._answered():
            topics = self._admin.list_topics(timeout=_TIMEOUT_S).topics
        return [
            TopicPartition(name, partition)
            for name, meta in sorted(topics.items())
            if name in names
            for partition in meta.partitions
        ]

    def ends(self, wanted: Iterable[str]) -> Offsets:
        """Return the end offsets (the offset that the next record will get)."""
        return self._offsets(wanted, OffsetSpec.latest())

    def begins(self, wanted: Iterable[str]) -> Offsets:
        """Return the offsets of the oldest records that are still there."""
        return self._offsets(wanted, OffsetSpec.earliest())

    def since(self, wanted: Iterable[str], time_ms: int) -> Offsets:
        """Return the offsets of the first records of a time, ms UTC, or of a later one; the end where there is none."""
        found, ends = self._offsets(wanted, OffsetSpec.for_timestamp(time_ms)), self.ends(wanted)
        return {place: ends[place] if offset < 0 else offset for place, offset in found.items()}

    def newest_ms(self, wanted: Iterable[str]) -> int:
        """Return the newest record time in these topics, ms UTC; -1 if they hold nothing."""
        return max((found.timestamp for found in self._listed(wanted, OffsetSpec.max_timestamp()).values()), default=-1)

    def _offsets(self, wanted: Iterable[str], spec: OffsetSpec) -> Offsets:
        return {place: found.offset for place, found in self._listed(wanted, spec).items()}

    def _listed(self, wanted: Iterable[str], spec: OffsetSpec) -> dict[tuple[str, int], ListOffsetsResultInfo]:
        request = dict.fromkeys(self.partitions(wanted), spec)
        with self._answered():
            futures = self._admin.list_offsets(request, request_timeout=_TIMEOUT_S) if request else {}
            return {(place.topic, place.partition): future.result() for place, future in futures.items()}

    @contextmanager
    def _answered(self) -> Iterator[None]:
        try:
            yield
        except KafkaException as error:
            raise no_answer(self._kafka, error) from error

    def committed(self, group: str, places: Iterable[tuple[str, int]]) -> Offsets:
        """Return a group's committed offsets of these partitions; Flink's sources commit when a checkpoint completes.

        Asked through a consumer that joins nothing: the admin client's way to list a group's offsets crashes the
        process while the group's coordinator is not known yet (librdkafka issue 5040).
        """
        wanted = [TopicPartition(topic, partition) for topic, partition in places]
        if not wanted:
            return {}
        conf = {"group.id": group, "enable.auto.commit": False, "log_level": 2}
        consumer = Consumer({**self._conf, **conf})
        try:
            found = consumer.committed(wanted, timeout=_TIMEOUT_S)
        except KafkaException:  # no such group yet
            return {}
        finally:
            consumer.close()
        return {(p.topic, p.partition): p.offset for p in found if p.offset >= 0}

    def unread(self, ends: Offsets, committed: Offsets) -> Offsets:
        """Return those of ``ends`` that a group has not read up to.

        The markers of a transaction, and the records of one that was aborted, take offsets that nobody reads; a group
        never commits them while nothing follows.
        """
        behind = {place: end for place, end in ends.items() if committed.get(place, 0) < end}
        if not behind:
            return {}
        conf = {"group.id": "polyglot-offsets", "enable.auto.commit": False, "enable.partition.eof": True}
        consumer = Consumer({**self._conf, **conf, "log_level": 2})
        consumer.assign([TopicPartition(topic, part, committed.get((topic, part), 0)) for topic, part in behind])
        open_places, found, heard = set(behind), Offsets(), time.monotonic()
        try:
            while open_places and time.monotonic() - heard < _TIMEOUT_S:
                for message in consumer.consume(500, _WAIT_S):
                    place = (message.topic(), message.partition())
                    if message.error() is None and message.offset() < behind[place]:
                        found[place] = behind[place]
                    elif message.error() and message.error().code() != KafkaError._PARTITION_EOF:  # noqa: SLF001
                        continue
                    if place in open_places:
                        open_places.discard(place)
                        heard = time.monotonic()
        finally:
            consumer.close()
        # A partition that did not answer counts as unread.
        return found | {place: behind[place] for place in open_places}


def lag(ends: Offsets, committed: Offsets) -> int:
    """Return how many records of ``ends`` a group has not committed yet."""
    return sum(max(0, end - committed.get(partition, 0)) for partition, end in ends.items())
