"""A replay folds the log as the stream does (law 7): shard by shard, however it is cut, by the rules it is given."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from property.frames import MIDNIGHT, SECOND, binance_trade
from property.oracle import Raw, envelope

from batch import kernels
from batch.ranges import Span
from schemas.quality import parse
from udfs.envelope import decode
from udfs.normalize import Normalizer

TOPIC = "raw.sim.trade.v1"
QUALITY = parse(
    '["normalized.trade.v1".dear]\ntype="range"\naction="fail"\nfield="price"\nmost="8"\n'
    '["normalized.trade.v1".jump]\ntype="range"\naction="flag"\nfield="price"\nleast="2"\n'
)


def trade(symbol: str, number: int, seq: int) -> Raw:
    time, entity_id = MIDNIGHT + number * SECOND, f"sim:{symbol}"
    payload = binance_trade(symbol, number, time, str(1 + number % 9), "1")
    return Raw(f"{entity_id}:trade:{number}", entity_id, "sim", "trade", time, "venue", time, "run", seq, payload)


#: Two shards of one collector, by partition: it numbers across them. Both end with a copy of their third record.
SHARDS = {
    partition: [trade("AB"[partition], n + 1, 2 * n + partition) for n in (*range(12), 2)] for partition in (0, 1)
}


def rows() -> pa.RecordBatch:
    """Return Bronze as a replay reads it: sorted by shard and offset."""
    found = [(partition, k, raw) for partition, log in SHARDS.items() for k, raw in enumerate(log)]
    columns = {name: [getattr(raw, name) for *_, raw in found] for name in Raw._fields}
    return pa.RecordBatch.from_pydict({
        "topic": [TOPIC] * len(found), "kafka_partition": pa.array([one[0] for one in found], pa.int32()),
        "kafka_offset": [one[1] for one in found], **columns,
    })  # fmt: skip


@pytest.mark.parametrize("size", [1, 5, 13, 100])
def test_a_replay_folds_every_shard_as_the_stream_does(tmp_path: Path, size: int) -> None:
    for name in ("trade", kernels.REJECTED, kernels.SIDE):
        (tmp_path / name).mkdir()
    log = rows()
    batches = [log.slice(start, size) for start in range(0, log.num_rows, size)]
    (counts,) = kernels.fold("trade", tmp_path, Span(), QUALITY, {})(batches)

    done = [Normalizer(TOPIC, QUALITY).process(decode([envelope(raw) for raw in log])[0]) for log in SHARDS.values()]
    values = {
        "trade": [value for one in done for value in one.trades.encode()],
        kernels.REJECTED: [letter.encode() for one in done for letter in one.dead_letters],
        kernels.SIDE: [record.value for one in done for record in one.side],
    }
    assert [len(of) for of in values.values()] == [22, 2, 2]
    for name, expected in values.items():
        (path,) = (tmp_path / name).iterdir()
        assert pq.read_table(path)[kernels.VALUE].to_pylist() == expected
    assert {row["name"]: row["count"] for row in counts.to_pylist()} == {
        "envelopes": 26, "frames": 22, "duplicates": 2, "dead_letters": 2, "not_normalized": 0, "written": 22,
    }  # fmt: skip
