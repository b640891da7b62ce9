"""What a source has still to read, out of the bytes in which Flink saves it."""

import struct

import pytest

from flink_jobs.saved import split
from savepoints.saved import Saved


def saved(topic, partition, offset, version=0):
    """Return a split as Flink's serializer writes it, behind its version and its length."""
    name = topic.encode()
    body = struct.pack(">H", len(name)) + name + struct.pack(">iqq", partition, offset, -(1 << 63))
    return struct.pack(">ii", version, len(body)) + body


def test_a_split_says_which_record_is_next():
    assert split(saved("raw.sim.trade.v1", 3, 1 << 40)) == ("raw.sim.trade.v1", 3, 1 << 40)
    assert split(saved("raw.kraken.spread.v1", 0, -2)) == ("raw.kraken.spread.v1", 0, -2)


def test_a_split_of_another_version_is_an_error():
    with pytest.raises(ValueError, match="has version 1, expected 0"):
        split(saved("t", 0, 0, version=1))


def test_offsets_of_sources_are_kept_and_an_older_release_says_none():
    operators = [{"uid": "raw topics", "bytes": 9, "offsets": [["t", 1, 7]]}, {"uid": "fold", "bytes": 1}]
    found = Saved.of({"operators": operators, "missing": []})
    assert found.offsets == {"raw topics": {("t", 1): 7}}
    assert found.bytes == {"raw topics": 9, "fold": 1}
