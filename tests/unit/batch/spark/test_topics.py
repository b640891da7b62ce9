"""A topic is read to its end: what Spark is asked for is all that the broker has, and only what was committed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from support.mock_broker import mock_broker

from batch.spark.topics import Broker, Extent, extents, read

TOPICS = {"normalized.trade.v1": [3, 1, 0, 5], "analytics.bar.v1": [0, 0, 0, 2]}


class Reader:
    """Stands for Spark's reader, and keeps what it is asked for."""

    def __init__(self) -> None:
        self.asked: dict[str, str] = {}
        self.read = self

    def format(self, name: str) -> Reader:
        assert name == "kafka"
        return self

    def options(self, **options: str) -> Reader:
        self.asked = options
        return self

    def load(self) -> Reader:
        return self

    def select(self, *_: str) -> Reader:
        return self


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    """A broker with records in some partitions of two topics."""
    with mock_broker() as (servers, producer):
        for topic, counts in TOPICS.items():
            for partition, count in enumerate(counts):
                for _ in range(count):
                    producer.produce(topic, b"value", b"key", partition=partition)
        assert producer.flush(10) == 0
        yield Broker({"bootstrap.servers": servers}, {"bootstrap.servers": servers})


def test_extents_are_what_the_broker_has(broker: Broker) -> None:
    found = extents(broker, [*TOPICS, "no.such.topic"])
    assert {name: extent.end for name, extent in found.items()} == {
        name: dict(enumerate(counts)) for name, counts in TOPICS.items()
    }
    assert all(set(extent.begin.values()) == {0} and extent.complete for extent in found.values())
    assert not any(extent.empty for extent in found.values())


def asked(broker: Broker, found: list[Extent]) -> dict[str, Any]:
    reader: Any = Reader()
    read(reader, broker, found)
    return dict(reader.asked)


def test_every_record_of_an_extent_is_read(broker: Broker) -> None:
    options = asked(broker, list(extents(broker, list(TOPICS)).values()))
    assert json.loads(options["assign"]) == {name: [0, 1, 2, 3] for name in TOPICS}
    assert json.loads(options["startingOffsets"]) == {name: dict.fromkeys("0123", 0) for name in TOPICS}
    assert json.loads(options["endingOffsets"]) == {
        name: {str(partition): count for partition, count in enumerate(counts)} for name, counts in TOPICS.items()
    }
    assert options["failOnDataLoss"] == "true"


def test_a_log_that_was_cut_is_read_from_what_is_left(broker: Broker) -> None:
    cut = Extent("analytics.bar.v1", {0: 7, 1: 0}, {0: 9, 1: 4})
    options = asked(broker, [cut])
    assert not cut.complete
    assert json.loads(options["startingOffsets"]) == {cut.topic: {"0": 7, "1": 0}}
    assert json.loads(options["endingOffsets"]) == {cut.topic: {"0": 9, "1": 4}}


def test_what_was_never_committed_is_never_read(broker: Broker) -> None:
    options = asked(broker, list(extents(broker, list(TOPICS)).values()))
    assert options["kafka.isolation.level"] == "read_committed"
