"""A replay folds the log as the stream does (law 7): shard by shard, however it is cut, by the rules it is given."""

from __future__ import annotations

import pickle
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from property.frames import MIDNIGHT, SECOND, binance_trade
from property.oracle import Raw, envelope

from batch.ranges import Days, Span
from batch.replaying.bronze_files import Wanted, pieces
from batch.replaying.files import LOW_RATE, REJECTED
from batch.replaying.normalize_workers import fold
from batch.replaying.shards import Task
from batch.replaying.steps import steps
from batch.spark.columns import VALUE
from schemas.quality import parse
from udfs.normalize.normalizer import Normalizer
from udfs.wire.envelope import decode

SHARDS = (("raw.binance_spot.trade.v1", 0), ("raw.sim.trade.v1", 0), ("raw.sim.trade.v1", 1))
QUALITY = parse(
    '["normalized.trade.v1".dear]\ntype="range"\naction="fail"\nfield="price"\nmost="8"\n'
    '["normalized.trade.v1".jump]\ntype="range"\naction="flag"\nfield="price"\nleast="2"\n'
)


def trade(topic: str, symbol: str, number: int, seq: int) -> Raw:
    time, venue = MIDNIGHT + number * SECOND, topic.split(".")[1]
    payload, entity_id = binance_trade(symbol, number, time, str(1 + number % 9), "1"), f"{venue}:{symbol}"
    return Raw(f"{entity_id}:trade:{number}", entity_id, venue, "trade", time, "venue", time, "run", seq, payload)


#: Each ends with a copy of its third record. Partition 1 has an entity of partition 0 too, as if partitions were added.
LOGS = {
    shard: [trade(shard[0], symbol, n + 1, 2 * n + 1) for symbol in "AB"[: 1 + shard[1]] for n in (*range(12), 2)]
    for shard in SHARDS
}


def rows() -> pa.RecordBatch:
    """Return Bronze's rows."""
    found = [(*shard, k, raw) for shard, log in LOGS.items() for k, raw in enumerate(log)]
    columns = {name: [getattr(raw, name) for *_, raw in found] for name in Raw._fields}
    return pa.RecordBatch.from_pydict({
        "topic": [one[0] for one in found], "kafka_partition": pa.array([one[1] for one in found], pa.int32()),
        "kafka_offset": [one[2] for one in found], "ingest_date": ["2024-08-08"] * len(found), **columns,
    })  # fmt: skip


def task(folder: Path, batches: list[pa.RecordBatch]) -> Task:
    """Write files of Bronze; return the task that reads all of them."""
    found = []
    for number, batch in enumerate(batches):
        path = folder / f"{number}.parquet"
        pq.write_table(pa.Table.from_batches([batch]), path)
        found += pieces(path.as_uri(), Wanted(Days(None, None)), Span())
    ends = {shard: len(log) for shard, log in LOGS.items()}
    return Task(Wanted(Days(None, None), (), ends), tuple(steps(found)))


@pytest.mark.parametrize("size", [1, 5, 13, 100])
def test_a_replay_folds_every_shard_as_the_stream_does(tmp_path: Path, size: int) -> None:
    for name in ("bronze", "trade", REJECTED, LOW_RATE):
        (tmp_path / name).mkdir()
    log = rows()
    work = task(tmp_path / "bronze", [log.slice(start, size) for start in range(0, log.num_rows, size)])
    batch = pa.RecordBatch.from_pydict({"task": [pickle.dumps(work)]})
    (counts,) = fold("trade", tmp_path, Span(), QUALITY, {})([batch])

    done = [
        Normalizer(topic, QUALITY).process(decode([envelope(raw) for raw in log])[0])
        for (topic, _), log in LOGS.items()
    ]
    values = {
        "trade": [value for one in done for value in one.trades.encode()],
        REJECTED: [letter.encode() for one in done for letter in one.dead_letters],
        LOW_RATE: [record.value for one in done for record in one.low_rate],
    }
    assert [len(of) for of in values.values()] == [44, 4, 4]
    for name, expected in values.items():
        (path,) = (tmp_path / name).iterdir()
        assert sorted(pq.read_table(path)[VALUE].to_pylist()) == sorted(expected)
    assert {row["name"]: row["count"] for row in counts.to_pylist()} == {
        "envelopes": 52, "frames": 44, "duplicates": 4, "dead_letters": 4, "not_normalized": 0, "written": 44,
    }  # fmt: skip
