from __future__ import annotations

from batch.ranges import Days, Span
from batch.replaying.shards import Shard, _plan, _spread, plan, topics_of
from batch.replaying.steps import Piece
from schemas.domains import domains

DAY = 19_944  # 2024-08-09
TOPIC = "raw.sim.trade.v1"


def row(topic: str, partition: int, date: str, low: int, high: int, rows: int, again: int = 0) -> Piece:
    return Piece(f"{date}/{low}", (topic, partition), date, low, high, rows, True, again)


def test_a_whole_replay_reads_every_shard_to_its_end() -> None:
    found = [
        row(TOPIC, 0, "2024-08-08", 0, 9, 10),
        row(TOPIC, 0, "2024-08-09", 10, 14, 5),
        row(TOPIC, 1, "2024-08-09", 0, 2, 3),
    ]
    plan = _plan(found, Days(None, None), None)
    assert plan.days == Days(None, None)
    assert plan.shards == (Shard(TOPIC, 0, 15, 14), Shard(TOPIC, 1, 3, 2))
    assert plan.rows == 18


def test_a_bounded_replay_stops_where_its_dates_end_in_the_log() -> None:
    found = [
        row(TOPIC, 0, "2024-08-08", 0, 9, 10),
        row(TOPIC, 0, "2024-08-09", 10, 14, 5),
        row(TOPIC, 0, "2024-08-10", 15, 99, 85),
    ]
    plan = _plan(found, Days(DAY, DAY), DAY - 1)
    assert plan.days == Days(DAY - 1, DAY)
    assert plan.shards == (Shard(TOPIC, 0, 15, 14),)


def test_a_later_date_between_the_wanted_records_is_read_too() -> None:
    """A backlog of the 9th came after records of the 10th and 11th: those decide what is behind the window."""
    found = [
        row(TOPIC, 0, "2024-08-09", 0, 50, 20),
        row(TOPIC, 0, "2024-08-10", 10, 30, 11),
        row(TOPIC, 0, "2024-08-11", 31, 90, 50),
        row(TOPIC, 0, "2024-08-12", 91, 95, 5),
    ]
    plan = _plan(found, Days(DAY, DAY), DAY - 1)
    assert plan.days == Days(DAY - 1, DAY + 2)
    assert [shard.last_offset for shard in plan.shards] == [90]


def test_a_shard_without_wanted_records_is_not_read() -> None:
    found = [row(TOPIC, 0, "2024-08-08", 0, 9, 10), row(TOPIC, 1, "2024-08-09", 0, 4, 5)]
    assert _plan(found, Days(DAY, DAY), DAY - 1).shards == (Shard(TOPIC, 1, 5, 4),)


def test_a_piece_that_reaches_behind_the_last_wanted_record_is_counted_whole() -> None:
    found = [
        row(TOPIC, 0, "2024-08-09", 0, 50, 40),
        row(TOPIC, 0, "2024-08-10", 45, 60, 11),
        row(TOPIC, 0, "2024-08-11", 58, 70, 12),
        row(TOPIC, 0, "2024-08-12", 71, 95, 25),
    ]
    (shard,) = _plan(found, Days(DAY, DAY), DAY - 1).shards
    assert (shard.rows, shard.last_offset) == (63, 70)


def test_a_bounded_replay_reads_on_to_where_its_events_were_sent_again() -> None:
    start = DAY * 86_400_000_000
    found = [row(TOPIC, 0, "2024-08-09", 0, 9, 10), row(TOPIC, 0, "2024-09-20", 10, 19, 10)]
    span = Span(start, start + 1)
    assert [shard.rows for shard in plan(found, "trade", span, None).shards] == [10]
    found[1] = found[1]._replace(again=1)
    assert [shard.rows for shard in plan(found, "trade", span, None).shards] == [20]


def test_shards_are_spread_by_size() -> None:
    shards = tuple(Shard(TOPIC, part, rows, 0) for part, rows in enumerate([10, 1, 9, 8, 2]))
    loads = [sum(shard.rows for shard in mine) for mine in _spread(shards, 2)]
    assert sorted(loads) == [13, 17]


def test_every_raw_topic_that_normalization_reads_belongs_to_one_kind() -> None:
    trades, quotes, revisions = (topics_of(kind) for kind in ("trade", "quote", "revision"))
    assert sorted(trades + quotes + revisions) == domains().raw_topics(normalized_only=True)
    assert "raw.kraken.trade.v1" in trades
    assert "raw.kraken.spread.v1" in quotes
    assert "raw.sim.unassigned.v1" in trades
    assert "raw.binance_usdm.depth.v1" in trades  # for its numbers
    assert not [name for name in trades + quotes if ".control." in name]
