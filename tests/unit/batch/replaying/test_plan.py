from __future__ import annotations

from typing import NamedTuple

from batch.ranges import Days
from batch.replaying.shards import Shard, _place, _plan, topics_of
from schemas.domains import domains


class Row(NamedTuple):
    topic: str
    kafka_partition: int
    ingest_date: str
    low: int
    high: int
    n: int


DAY = 19_944  # 2024-08-09
TOPIC = "raw.sim.trade.v1"


def test_a_whole_replay_reads_every_shard_to_its_end() -> None:
    found = [
        Row(TOPIC, 0, "2024-08-08", 0, 9, 10),
        Row(TOPIC, 0, "2024-08-09", 10, 14, 5),
        Row(TOPIC, 1, "2024-08-09", 0, 2, 3),
    ]
    plan = _plan(found, Days(None, None), None)
    assert plan.days == Days(None, None)
    assert plan.shards == (Shard(TOPIC, 0, 15, 14), Shard(TOPIC, 1, 3, 2))
    assert plan.rows == 18


def test_a_bounded_replay_stops_where_its_dates_end_in_the_log() -> None:
    found = [
        Row(TOPIC, 0, "2024-08-08", 0, 9, 10),
        Row(TOPIC, 0, "2024-08-09", 10, 14, 5),
        Row(TOPIC, 0, "2024-08-10", 15, 99, 85),
    ]
    plan = _plan(found, Days(DAY, DAY), DAY - 1)
    assert plan.days == Days(DAY - 1, DAY)
    assert plan.shards == (Shard(TOPIC, 0, 15, 14),)


def test_a_later_date_between_the_wanted_records_is_read_too() -> None:
    """A backlog of the 9th came after records of the 10th and 11th: those decide what is behind the window."""
    found = [
        Row(TOPIC, 0, "2024-08-09", 0, 50, 20),
        Row(TOPIC, 0, "2024-08-10", 10, 30, 11),
        Row(TOPIC, 0, "2024-08-11", 31, 90, 50),
        Row(TOPIC, 0, "2024-08-12", 91, 95, 5),
    ]
    plan = _plan(found, Days(DAY, DAY), DAY - 1)
    assert plan.days == Days(DAY - 1, DAY + 2)
    assert [shard.last_offset for shard in plan.shards] == [50]


def test_a_shard_without_wanted_records_is_not_read() -> None:
    found = [Row(TOPIC, 0, "2024-08-08", 0, 9, 10), Row(TOPIC, 1, "2024-08-09", 0, 4, 5)]
    assert _plan(found, Days(DAY, DAY), DAY - 1).shards == (Shard(TOPIC, 1, 5, 4),)


def test_shards_are_spread_by_size() -> None:
    shards = tuple(Shard(TOPIC, part, rows, 0) for part, rows in enumerate([10, 1, 9, 8, 2]))
    placed = _place(shards, 2)
    loads = [sum(s.rows for s in shards if placed[s] == index) for index in range(2)]
    assert sorted(loads) == [13, 17]


def test_every_raw_topic_that_normalization_reads_belongs_to_one_kind() -> None:
    trades, quotes, revisions = (topics_of(kind) for kind in ("trade", "quote", "revision"))
    assert sorted(trades + quotes + revisions) == domains().raw_topics(normalized_only=True)
    assert "raw.kraken.trade.v1" in trades
    assert "raw.kraken.spread.v1" in quotes
    assert "raw.sim.unassigned.v1" in trades
    assert "raw.binance_usdm.depth.v1" in trades  # for its numbers
    assert not [name for name in trades + quotes if ".control." in name]
