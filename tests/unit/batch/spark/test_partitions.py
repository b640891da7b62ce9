"""A worker reads a partition between two offsets: each record once, no other one, and a loss is an error."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.mock_broker import mock_broker

from batch.spark import partitions
from batch.spark.partitions import Part, parts
from batch.spark.topics import Broker, BrokerError, Extent, extents

TOPIC = "normalized.trade.v1"
COUNTS = [40, 1, 0, 5]


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with mock_broker() as (servers, producer):
        for partition, count in enumerate(COUNTS):
            for number in range(count):
                key = None if number == 3 else b"key"
                producer.produce(TOPIC, b"%d-%d" % (partition, number), key, partition=partition)
        assert producer.flush(10) == 0
        yield Broker({"bootstrap.servers": servers}, {})
        partitions._consumer.cache_clear()  # it would look for its broker for ever


def read(part: Part) -> list[tuple[int, bytes | None, bytes | None]]:
    return [one for records in part.batches() for one in zip(*records, strict=True)]


@pytest.mark.parametrize("size", [partitions.PART, 7])
def test_parts_are_the_whole_topic(broker: Broker, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(partitions, "PART", size)
    found = parts(broker, extents(broker, [TOPIC])[TOPIC])
    assert all(0 < part.end - part.begin <= size for part in found)
    for partition, count in enumerate(COUNTS):
        mine = [one for part in found if part.partition == partition for one in read(part)]
        assert mine == [
            (number, None if number == 3 else b"key", b"%d-%d" % (partition, number)) for number in range(count)
        ]


def test_what_comes_behind_the_end_is_not_read(broker: Broker) -> None:
    (part,) = parts(broker, Extent(TOPIC, {0: 4}, {0: 9}))
    assert [offset for offset, _, _ in read(part)] == [4, 5, 6, 7, 8]


def test_records_that_were_deleted_are_an_error(broker: Broker) -> None:
    (part,) = parts(broker, Extent(TOPIC, {0: 41}, {0: 50}))
    with pytest.raises(BrokerError, match=TOPIC):
        read(part)


def test_a_password_is_never_shown(broker: Broker) -> None:
    (part,) = parts(Broker({"sasl.password": "s3cret"}, {}), Extent(TOPIC, {0: 0}, {0: 1}))
    assert "s3cret" not in repr(part)


def test_only_what_was_committed_is_read(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {}
    monkeypatch.setattr(partitions, "Consumer", asked.update)
    partitions._consumer.__wrapped__((("bootstrap.servers", "nowhere"),))
    assert asked["isolation.level"] == "read_committed"
    assert asked["bootstrap.servers"] == "nowhere"
