"""Topics in memory, read as ``batch.spark.topics`` reads a broker's: by extents first, then what lies in them."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from pyspark.sql import DataFrame, SparkSession

from batch.spark.topics import _SCHEMA, Broker, Extent


class Record(NamedTuple):
    """A record of a topic; its place is its offset."""

    key: bytes
    value: bytes | None


class MemoryLog:
    """Topics of one partition each. ``extents`` and ``read`` stand for the functions of ``batch.spark.topics``."""

    def __init__(self) -> None:
        self.topics: dict[str, list[Record]] = defaultdict(list)

    def add(self, topic: str, key: str, value: bytes | None) -> None:
        self.topics[topic].append(Record(key.encode(), value))

    def extents(self, broker: Broker, names: list[str]) -> dict[str, Extent]:
        return {name: Extent(name, {0: 0}, {0: len(self.topics[name])}) for name in names if name in self.topics}

    def read(self, spark: SparkSession, broker: Broker, found: list[Extent]) -> DataFrame:
        rows = [
            (extent.topic, 0, offset, *self.topics[extent.topic][offset])
            for extent in found
            for offset in range(extent.begin[0], extent.end[0])
        ]
        return spark.createDataFrame(rows, _SCHEMA)
