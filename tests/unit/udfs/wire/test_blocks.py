"""Blocks and replies: the forms that the JVM writes and reads, byte for byte, and any records through both."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.blocks import block, rows

from udfs.kernels.slices import Slices
from udfs.wire.blocks import LAST_WATERMARK, NO_TIME, NO_WATERMARK, Records, read, reply

#: Read and written by connectors/blocks' own tests, too.
SHARED = Path(__file__).parents[4] / "connectors" / "blocks" / "src" / "test" / "resources"

topics = st.sampled_from(["raw.a", "raw.bé", "raw.c"])
longs = st.integers(-(1 << 63) + 1, (1 << 63) - 1)
records = st.lists(st.tuples(topics, longs, longs, st.binary(max_size=40)), min_size=1, max_size=30)


def _shared(name: str) -> bytes:
    return bytes.fromhex((SHARED / name).read_text().replace("\n", ""))


def test_the_block_that_java_writes() -> None:
    found = read(_shared("block.hex"))
    assert (found.partition, found.watermark) == (5, 1_001_000)
    told = [
        (part.topic, part.partition, part.values.tolist(), part.offsets.tolist(), part.times.tolist())
        for part in found.parts
    ]
    assert told == [("raw.a", 5, [b"one", b"three"], [7, 8], [1000, 1002]), ("raw.bé", 5, [b""], [1 << 40], [1001])]


def test_the_reply_that_java_reads() -> None:
    first = Records.of("out.a", [(5, b"k", b"one"), (NO_TIME, b"", b"")])
    second = Records.of("out.bé", [(-3, b"key", b"three")])
    assert reply([first, second]) == _shared("reply.hex")


def test_a_marker_has_no_parts() -> None:
    found = read(block(3, []))
    assert (found.partition, found.parts, found.watermark) == (3, [], NO_WATERMARK)
    assert rows(reply([])) == []


@pytest.mark.parametrize(
    ("ms", "expected"),
    [
        (-(1 << 63), NO_WATERMARK),
        (-1, -1_000),
        (0, 0),
        (1_723_161_600_001, 1_723_161_600_001_000),
        ((1 << 63) - 1, LAST_WATERMARK),
    ],
)
def test_a_watermark_is_in_us_and_within_bounds(ms: int, expected: int) -> None:
    assert read(block(3, [], ms)).watermark == read(block(3, [("t", 0, 0, b"")], ms)).watermark == expected


@given(partition=st.integers(0, 1 << 30), given=records)
def test_any_records_are_read_by_topic_in_log_order(partition: int, given: list[tuple[str, int, int, bytes]]) -> None:
    found = read(block(partition, given))
    assert [part.topic for part in found.parts] == list(dict.fromkeys(topic for topic, *_ in given))
    for part in found.parts:
        assert part.values.data.flags.aligned and part.offsets.flags.aligned and part.times.flags.aligned
        found_here = zip(part.offsets.tolist(), part.times.tolist(), part.values.tolist(), strict=True)
        assert list(found_here) == [tuple(rest) for topic, *rest in given if topic == part.topic]


@given(given=records, order=st.randoms(use_true_random=False))
def test_a_reply_holds_values_wherever_they_lie(given: list[tuple[str, int, int, bytes]], order) -> None:
    values = [value for *_, value in given]
    index = list(range(len(values)))
    order.shuffle(index)
    slices = Slices.of(values)
    times = np.array([time for _, _, time, _ in given], dtype=np.int64)
    places = np.array(index, dtype=np.int64)
    parts = [Records("out", times, slices.take(places), slices), Records("out", times, slices, slices.take(places))]
    shuffled = [values[i] for i in index]
    expected = [
        ("out", time, *pair)
        for pairs in (zip(shuffled, values, strict=True), zip(values, shuffled, strict=True))
        for time, pair in zip(times.tolist(), pairs, strict=True)
    ]
    assert rows(reply(parts)) == expected
