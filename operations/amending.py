"""Amendments on their way into the log: what has happened since Bronze was read, and the records themselves."""

from __future__ import annotations

from collections.abc import Sequence

from confluent_kafka import Producer

from batch.repair.amend import Found, Late, amended
from runtime.config import Settings
from runtime.console import CommandError
from runtime.offsets import OffsetReader, Offsets
from runtime.records import read
from udfs.gate.amendments import TOPIC, Amendment
from udfs.gate.resubmitted import AMEND, PREFIX, original_id
from udfs.wire.envelope import decode


def catch_up(settings: Settings, found: Found, entity: str, since: Offsets) -> None:
    """Read what the raw topics of `found` got behind the offsets `since`; move its newest times and amended ids on.

    Raises:
        CommandError: the broker does not answer.
    """
    ends = OffsetReader(settings).ends(found.newest)
    begin = {place: since.get(place, 0) for place in ends}
    for record in read(settings, begin, ends):
        envelopes, _, bad = decode([record.value])
        if bad or envelopes.entity_id[0] != entity:
            continue
        found.newest[record.topic] = max(found.newest[record.topic], int(envelopes.ingest_time[0]))
        if envelopes.source_id[0].startswith(PREFIX[AMEND]):
            found.amended.add(original_id(envelopes.event_id[0]))


def submit(settings: Settings, what: Amendment, events: Sequence[Late], newest: dict[str, int]) -> None:
    """Write the amendment's event and then the amended events, each with the newest ingest time of its topic.

    The event goes first, so that no amended record is ever without it; were this killed in between, amending once more
    takes the rest.

    Raises:
        CommandError: the broker did not take a record.
    """
    failed: list[str] = []
    # The partitioner of the JVM clients, as the collectors': an entity stays in its partition.
    conf = {"enable.idempotence": True, "partitioner": "murmur2_random", "delivery.timeout.ms": 60_000}
    producer = Producer({**settings.kafka.librdkafka(), **conf, "message.max.bytes": settings.kafka.max_message_bytes})

    def send(topic: str, value: bytes, time: int) -> None:
        while True:
            try:
                producer.produce(topic, value, what.key(), timestamp=time // 1_000, on_delivery=delivered)
                break
            except BufferError:
                producer.poll(0.5)
        producer.poll(0)

    def delivered(error: object, _message: object) -> None:
        if error is not None:
            failed.append(str(error))

    def flushed() -> None:
        left = producer.flush(90)
        if failed or left:
            raise CommandError(f"Kafka: {len(failed) + left} records were not taken: {failed[:1]}")

    send(TOPIC, what.encode(), what.start)
    flushed()
    for number, one in enumerate(events, start=1):
        send(one.topic, amended(one, what.source_id, number, newest[one.topic]), newest[one.topic])
    flushed()
