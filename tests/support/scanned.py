"""What a verification reads, read in this process: what a topic holds, and sums of wire values and of rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa

from batch.ranges import Span
from batch.verifying.one_pass import Reading, Topic
from batch.verifying.scans import Found, Range, add_values
from batch.verifying.sums import ByDay
from support.memory_log import MemoryPart, Record


class LocalReading(Reading):
    """A reading without Spark."""

    def _spread(self, tasks: Sequence[Any]) -> list[Any]:
        return [task.run() for task in tasks]


def topic(name: str, records: Iterable[tuple[bytes | None, bytes | None]], asked: Range | None = None) -> Topic:
    """Return what a topic of these records (Kafka key, value) holds."""
    found = [Record(*one) for one in records]
    half = len(found) // 2
    spark: Any = None
    with TemporaryDirectory() as folder:
        reading = LocalReading(spark, Path(folder) / "reading", asked or Range(Span()))
        reading.topic([MemoryPart(name, tuple(found[:half])), MemoryPart(name, tuple(found[half:]), begin=half)])
        reading.run()
    return reading.settled(name)


def values(kind: str, records: Iterable[bytes], form: str, asked: Range | None = None) -> ByDay:
    """Return the sums of wire values of a kind in a form: ``wire``, or a store's rows."""
    found = Found()
    add_values(found, kind, pa.array(list(records), pa.binary()), [form], asked or Range(Span()))
    return found.sums[form]
