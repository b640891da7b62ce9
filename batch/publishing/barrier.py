"""The publish barrier: only restated bars that the stream will not overwrite may be published.

A version counts events, so two different sets may have the same one: ten trades, or nine of them and a cancel. Sets of
an entity's trades never differ like that, for they are beginnings of one log, but a revision comes by a topic of its
own: the stream may still publish the ten trades while a replay already knows of the cancel. So a bar with revisions is
published only

1. after the stream has taken in all revisions that there are, by a completed checkpoint: from then on it publishes
   nothing of the windows that it has left to repair, whatever happens to it, and no other set under the last version
   of those that it computes itself; and
2. if its version is above all that the topic has of it: what the stream said before then knew less.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import fastavro
from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec
from pyspark.sql import DataFrame
from pyspark.sql import functions as fn

from batch.replaying.shards import topics_of
from batch.spark.topics import plain_field
from schemas import catalog
from schemas.catalog import REVISIONS
from schemas.contracts import contract, versions
from schemas.versions import RAISED

Offsets = dict[tuple[str, int], int]
#: Consumer groups of the jobs and what they read of revisions, upstream first.
GROUPS = (
    ("polyglot-normalize", tuple(topics_of("revision"))),
    ("polyglot-analytics-trade", tuple(catalog.topic(kind) for kind in REVISIONS)),
)
BARS = catalog.topic("bar")
#: The events behind a bar: its version, without what restatements have raised it by.
_EVENTS = f"version % {RAISED}"
#: Entity, interval, window start in µs.
Key = tuple[str, str, int]
_KEY = catalog.key("bar")
_TIMEOUT_S = 20.0


class PublishBarrierError(RuntimeError):
    """The stream has not taken in all revisions, so what it will still publish is not known."""


def publishable(bars: DataFrame, kafka: Mapping[str, Any], timeout_s: float = 120.0) -> DataFrame:
    """Return the bars that may be published now; those without revisions always may.

    Args:
        bars: columns of the ``bar`` contract.
        kafka: librdkafka properties.
        timeout_s: how long to wait for the jobs' checkpoints.

    Raises:
        PublishBarrierError: the jobs have not taken in all revisions in time.
    """
    revised = {
        (row.entity_id, row.interval, row.window_start): row.version
        for row in bars.where(f"{_EVENTS} <> trade_count").select(*_KEY, "version").collect()
    }
    if not revised:
        return bars
    admin = AdminClient({**kafka, "log_level": 3})
    try:
        for group, topics in GROUPS:
            ends = {place: end for place, end in _ends(admin, topics).items() if end}
            if ends:
                await_taken_in(group, ends, partial(_committed, kafka, group, ends), timeout_s)
        known = _published(admin, kafka, revised.keys())
    except KafkaException as error:
        raise PublishBarrierError(f"no answer from Kafka: {error}") from error
    above = [key for key, version in revised.items() if version > known.get(key, 0)]
    keys = bars.sparkSession.createDataFrame(above, "entity_id STRING, interval STRING, window_start BIGINT")
    kept = bars.join(fn.broadcast(keys), list(_KEY), "left_semi")
    return bars.where(f"{_EVENTS} = trade_count").unionByName(kept)


def await_taken_in(
    group: str, ends: Offsets, committed: Callable[[], Offsets], timeout_s: float, poll_s: float = 0.5
) -> None:
    """Wait until a group has committed the offsets that its topics end at now; later records do not matter.

    Raises:
        PublishBarrierError: it has not in time.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        taken = committed()
        left = sum(max(0, end - taken.get(place, 0)) for place, end in ends.items())
        if not left:
            return
        if time.monotonic() > deadline:
            raise PublishBarrierError(f"{group} has not taken in {left:,} revisions of trades: does the job run?")
        time.sleep(poll_s)


def _ends(admin: AdminClient, topics: Iterable[str]) -> Offsets:
    known = admin.list_topics(timeout=_TIMEOUT_S).topics
    parts = [TopicPartition(topic, part) for topic in topics if topic in known for part in known[topic].partitions]
    if not parts:
        return {}
    futures = admin.list_offsets({part: OffsetSpec.latest() for part in parts}, request_timeout=_TIMEOUT_S)
    return {(part.topic, part.partition): future.result().offset for part, future in futures.items()}


def _committed(kafka: Mapping[str, Any], group: str, places: Iterable[tuple[str, int]]) -> Offsets:
    """Return what a group has committed of these partitions; it joins nothing.

    A consumer is asked, not the admin client: that one crashes the process while the broker is still finding out who
    coordinates the group (librdkafka issue 5040).
    """
    consumer = Consumer({**kafka, "group.id": group, "enable.auto.commit": False, "log_level": 3})
    try:
        found = consumer.committed([TopicPartition(*place) for place in places], timeout=_TIMEOUT_S)
    finally:
        consumer.close()
    return {(part.topic, part.partition): part.offset for part in found if part.offset >= 0}


def _published(admin: AdminClient, kafka: Mapping[str, Any], wanted: Iterable[Key]) -> dict[Key, int]:
    """Return the highest version in the topic of each of these bars that it has."""
    keys = frozenset(wanted)
    entities = {entity.encode() for entity, _, _ in keys}
    found: dict[Key, int] = {}
    for value in _values(kafka, _ends(admin, [BARS]), entities):
        bar = read_bar(value)
        key = bar["entity_id"], bar["interval"], bar["window_start"]
        if key in keys:
            found[key] = max(found.get(key, 0), bar["version"])
    return found


def read_bar(value: bytes) -> dict[str, Any]:
    """Read a record of the ``bar`` contract; times stay µs."""
    bar: Any = fastavro.schemaless_reader(io.BytesIO(value[5:]), _WRITTEN[value[:5]], _PLAIN)
    return dict(bar)


def _values(kafka: Mapping[str, Any], ends: Offsets, entities: set[bytes]) -> Iterable[bytes]:
    """Yield the values of these entities up to the given ends."""
    left = {place: end for place, end in ends.items() if end}
    consumer = Consumer({**kafka, "group.id": "polyglot-publish-barrier", "enable.auto.commit": False, "log_level": 3})
    consumer.assign([TopicPartition(topic, part, 0) for topic, part in left])
    try:
        while left:
            for message in consumer.consume(10_000, 1.0):
                if message.error() is not None:
                    raise KafkaException(message.error())
                place = (message.topic(), message.partition())
                if place in left and message.offset() + 1 >= left[place]:
                    del left[place]
                if message.key() in entities and message.value() is not None:
                    yield message.value()
    finally:
        consumer.close()


_BAR = contract("bar").schema
#: By the header of a record's version.
_WRITTEN = {
    one.header: fastavro.parse_schema({**one.schema, "fields": [plain_field(each) for each in one.schema["fields"]]})
    for one in versions("bar")
}
#: Only what names a bar, and its version.
_PLAIN = fastavro.parse_schema(
    {
        **{name: _BAR[name] for name in ("type", "name", "namespace")},
        "fields": [
            {"name": "entity_id", "type": "string"},
            {"name": "interval", "type": "string"},
            {"name": "window_start", "type": "long"},
            {"name": "version", "type": "long"},
        ],
    }
)
