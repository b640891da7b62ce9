"""Topics in memory, read as ``batch.spark`` reads a broker's: by extents first, then what lies in them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from pyspark.sql import DataFrame, SparkSession

from batch.spark.partitions import Records
from batch.spark.topics import _SCHEMA, Broker, Extent


class Record(NamedTuple):
    """A record of a topic; its place is its offset."""

    key: bytes | None
    value: bytes | None


@dataclass(frozen=True)
class MemoryPart:
    """Stands for ``batch.spark.partitions.Part``."""

    topic: str
    records: tuple[Record, ...]
    partition: int = 0
    begin: int = 0

    @property
    def end(self) -> int:
        return self.begin + len(self.records)

    def batches(self) -> Iterator[Records]:
        """Yield batches of a few records."""
        for first in range(0, len(self.records), 7):
            some = self.records[first : first + 7]
            offsets = list(range(self.begin + first, self.begin + first + len(some)))
            yield Records(offsets, [one.key for one in some], [one.value for one in some])


class MemoryLog:
    """Topics of one partition each.

    ``extents``, ``read`` and ``parts`` stand for the functions of ``batch.spark.topics`` and ``…partitions``.
    """

    def __init__(self) -> None:
        self.topics: dict[str, list[Record]] = defaultdict(list)

    def add(self, topic: str, key: str, value: bytes | None) -> None:
        self.topics[topic].append(Record(key.encode(), value))

    def extents(self, broker: Broker, names: list[str]) -> dict[str, Extent]:
        return {name: Extent(name, {0: 0}, {0: len(self.topics[name])}) for name in names if name in self.topics}

    def parts(self, broker: Broker, extent: Extent) -> list[MemoryPart]:
        records = self.topics[extent.topic]
        half = len(records) // 2
        both = (0, records[:half]), (half, records[half:])
        return [MemoryPart(extent.topic, tuple(some), begin=begin) for begin, some in both]

    def read(self, spark: SparkSession, broker: Broker, found: list[Extent]) -> DataFrame:
        rows = [
            (extent.topic, 0, offset, *self.topics[extent.topic][offset])
            for extent in found
            for offset in range(extent.begin[0], extent.end[0])
        ]
        return spark.createDataFrame(rows, _SCHEMA)
