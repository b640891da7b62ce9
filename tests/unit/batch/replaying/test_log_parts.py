"""Which parts of a replay the log still has, and what must come from Bronze's files."""

from __future__ import annotations

from batch.ranges import Days
from batch.replaying.log_parts import LogParts
from batch.replaying.shards import Plan, Shard
from batch.replaying.steps import Piece
from batch.spark.topics import Extent

TOPIC, OTHER = "raw.sim.trade.v1", "raw.sim.book_ticker.v1"


def piece(topic: str, partition: int, low: int, high: int) -> Piece:
    return Piece(f"{low}", (topic, partition), "2024-08-08", low, high, high - low + 1, True)


def parts() -> LogParts:
    pieces = (piece(TOPIC, 0, 5, 9), piece(TOPIC, 1, 0, 4), piece(OTHER, 0, 2, 3))
    shards = (Shard(TOPIC, 0, 5, 9), Shard(TOPIC, 1, 5, 4), Shard(OTHER, 0, 2, 3))
    ends = {shard.key: (one.low, shard.last_offset + 1) for shard, one in zip(shards, pieces, strict=True)}
    return LogParts(ends, (Plan(Days(None, None), shards, pieces),), {})


def test_a_part_is_there_if_the_log_has_its_first_and_its_last_record() -> None:
    whole = {TOPIC: Extent(TOPIC, {0: 0, 1: 0}, {0: 10, 1: 5}), OTHER: Extent(OTHER, {0: 2}, {0: 4})}
    assert parts().kept(whole) == {(TOPIC, 0), (TOPIC, 1), (OTHER, 0)}
    cut = {TOPIC: Extent(TOPIC, {0: 5, 1: 1}, {0: 10, 1: 5}), OTHER: Extent(OTHER, {0: 2}, {0: 3})}
    assert parts().kept(cut) == {(TOPIC, 0)}
    assert parts().kept({TOPIC: Extent(TOPIC, {1: 0}, {1: 5})}) == {(TOPIC, 1)}


def test_what_is_copied_are_the_pieces_of_those_parts_alone() -> None:
    (work,) = parts().only({(TOPIC, 1)})
    assert [shard.key for shard in work.shards] == [(TOPIC, 1)]
    assert [one.shard for one in work.pieces] == [(TOPIC, 1)]
    assert parts().rows == 12
