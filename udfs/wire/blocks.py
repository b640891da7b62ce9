"""Blocks: a part of a partition's log for a kernel, and its reply, each as one piece of bytes.

The JVM packs and unpacks them (``connectors/blocks``, where both forms are described): no record is an object of
Python's on its way. Numbers are little-endian; a block's columns are aligned, so they are viewed where they lie.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from udfs.kernels.gathering import gather
from udfs.kernels.slices import Longs, Octets, Slices

#: Record time of a reply that leaves it to the client.
NO_TIME = -(1 << 63)
#: Watermark before there is one, and the highest, µs: far beyond all event times, but they can be reckoned with.
NO_WATERMARK, LAST_WATERMARK = -(1 << 62), 1 << 62


@dataclass(frozen=True, slots=True)
class Part:
    """What a block has of one topic, in log order; ``times`` are Kafka's, in ms."""

    topic: str
    partition: int
    values: Slices
    offsets: Longs
    times: Longs


@dataclass(frozen=True, slots=True)
class Block:
    """New records of the topics' partitions of one number; without parts it is the marker before a checkpoint.

    ``watermark`` is the source's watermark behind the block's last record, µs.
    """

    partition: int
    parts: list[Part]
    watermark: int


class Watermarks(NamedTuple):
    """A shard's watermark before a block, and the one that holds behind it, µs."""

    before: int
    now: int


def read(block: bytes) -> Block:
    """Return what is in a block, as views of it."""
    partition, n, watermark_ms = struct.unpack_from("<iiq", block)
    watermark = max(NO_WATERMARK, min(LAST_WATERMARK, 1000 * watermark_ms))
    if n == 0:
        return Block(partition, [], watermark)
    offsets, times = (np.frombuffer(block, "<i8", n, 16 + 8 * n * k) for k in range(2))
    sizes, numbers = (np.frombuffer(block, "<i4", n, 16 + 16 * n + 4 * n * k) for k in range(2))
    at = 16 + 24 * n
    topics, at = _texts(block, at)
    values = Slices.packed(memoryview(block)[at:], sizes.astype(np.int64))
    if len(topics) == 1:
        return Block(partition, [Part(topics[0], partition, values, offsets, times)], watermark)
    parts = []
    for number, topic in enumerate(topics):
        its = np.flatnonzero(numbers == number)
        parts.append(Part(topic, partition, values.take(its), offsets[its], times[its]))
    return Block(partition, parts, watermark)


def _texts(block: bytes, at: int) -> tuple[list[str], int]:
    (count,) = struct.unpack_from("<i", block, at)
    at += 4
    found = []
    for _ in range(count):
        (size,) = struct.unpack_from("<i", block, at)
        found.append(block[at + 4 : at + 4 + size].decode())
        at += 4 + size
    return found, at


@dataclass(frozen=True, slots=True)
class Records:
    """Records for one topic; ``times`` in ms, ``NO_TIME`` for the client's."""

    topic: str
    times: Longs
    keys: Slices
    values: Slices

    @classmethod
    def of(cls, topic: str, records: Sequence[tuple[int, bytes, bytes]]) -> Records:
        """Make them of (time, key, value); for topics of few records."""
        times, keys, values = zip(*records, strict=True)
        return cls(topic, np.array(times, dtype=np.int64), Slices.of(keys), Slices.of(values))


def reply(parts: Iterable[Records]) -> bytes:
    """Return a kernel's output as one piece of bytes; records of a topic leave in the order of the parts."""
    pieces: list[Any] = []
    count = 0
    for part in parts:
        topic = part.topic.encode()
        pieces += (struct.pack("<i", len(topic)), topic, struct.pack("<i", len(part.times)))
        pieces += (np.ascontiguousarray(part.times, dtype="<i8").data, _sizes(part.keys), _sizes(part.values))
        pieces += (_joined(part.keys).data, _joined(part.values).data)
        count += 1
    return b"".join([struct.pack("<i", count), *pieces])


def _sizes(slices: Slices) -> memoryview:
    return slices.size.astype("<i4").data


def _joined(slices: Slices) -> Octets:
    """Return the values as one buffer; without a copy if they already lie one after the other."""
    start, size = slices.start, slices.size
    total = int(size.sum())
    if total == len(slices.data) and np.array_equal(start, np.cumsum(size) - size):
        return slices.data
    out = np.empty(total, dtype=np.uint8)
    gather(*slices.parts, out, np.empty(len(slices) + 1, dtype=np.int32))
    return out
