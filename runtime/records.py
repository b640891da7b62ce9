"""Bounded reads of topics: from given offsets to given ends, without joining a consumer group."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import fastavro
from confluent_kafka import Consumer, KafkaError, TopicPartition

from runtime.config import Settings
from runtime.console import CommandError, Exit
from runtime.offsets import Offsets
from schemas.contracts import contract, versions

#: A broker that answers nothing for so long is away.
SILENCE_S = 20.0


class Record(NamedTuple):
    """A record and where it stands; a tombstone's value is empty."""

    topic: str
    partition: int
    offset: int
    value: bytes


def read(settings: Settings, begin: Offsets, end: Offsets, *, budget_s: float | None = None) -> Iterator[Record]:
    """Yield the records in [begin, end) per partition; within `budget_s` seconds, when given, maybe not all.

    Raises:
        CommandError: the broker has stopped answering.
    """
    left = {place: stop for place, stop in end.items() if stop > begin.get(place, 0)}
    conf = {**settings.kafka.librdkafka(), "group.id": "polyglot-read", "enable.auto.commit": False, "log_level": 0}
    consumer = Consumer({**conf, "enable.partition.eof": True, "auto.offset.reset": "earliest"})
    consumer.assign([TopicPartition(*place, begin.get(place, 0)) for place in left])
    began = heard = time.monotonic()
    try:
        while left:
            for message in consumer.consume(2_000, 0.2):
                place = (message.topic(), message.partition())
                error = message.error()
                if place not in left or (error is not None and error.code() != KafkaError._PARTITION_EOF):  # noqa: SLF001
                    continue
                heard = time.monotonic()
                if error is None and message.offset() < left[place]:
                    yield Record(*place, message.offset(), message.value() or b"")
                # The end of a partition is reported, too: its last offset may hold no record.
                if message.offset() + (error is None) >= left[place]:
                    del left[place]
            now = time.monotonic()
            if budget_s is not None and now - began > budget_s:
                return
            if now - heard > SILENCE_S:
                raise CommandError("the broker does not answer", hint="Start it: polyglot up", code=Exit.UNAVAILABLE)
    finally:
        consumer.close()


def encode(name: str, record: Mapping[str, Any]) -> bytes:
    """Return a record of a contract's newest version on the wire; times in µs. For records that are few."""
    found, out = contract(name), io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(_plain(found.schema)), record)
    return found.header + out.getvalue()


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a contract's schema without the logical types of times, which fastavro would make objects of."""

    def kind(avro: Any) -> Any:
        if isinstance(avro, list):
            return [kind(branch) for branch in avro]
        return "long" if isinstance(avro, dict) and "timestamp" in avro.get("logicalType", "") else avro

    return {**schema, "fields": [{**each, "type": kind(each["type"])} for each in schema["fields"]]}


def decoder(name: str) -> Callable[[bytes], dict[str, Any]]:
    """Return the function that reads a contract's records; times stay µs.

    It raises a ValueError when the value is none.
    """
    found = contract(name)
    # A record of an older version is read as the newest one: fields that it lacks have their defaults.
    written = {one.header: fastavro.parse_schema(_plain(one.schema)) for one in versions(name)}
    newest = written[found.header]

    def decode(value: bytes) -> dict[str, Any]:
        header = bytes(value[:5])  # Spark gives arrays of bytes
        if header not in written:
            raise ValueError(f"no record of {found.label}")
        body = io.BytesIO(value[5:])
        try:
            record: Any = fastavro.schemaless_reader(body, written[header], newest)
        except (EOFError, IndexError, OverflowError, UnicodeDecodeError) as error:
            raise ValueError(f"no record of {found.label}: {type(error).__name__}") from None
        if body.read(1):
            raise ValueError(f"bytes follow a record of {found.label}")
        return dict(record)

    return decode
