"""A dead letter holds the whole rejected record, however large, in both engines."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.blocks import block, rows
from support.normalized import read

from batch.ranges import Span
from batch.replaying.files import LOW_RATE, REJECTED
from batch.replaying.normalize_workers import fold_shards
from batch.spark.columns import VALUE
from flink_jobs.lake_files import BronzeFiles
from flink_jobs.replies import joined, normalized_records
from schemas.quality import default_quality
from udfs.gate.assign import assign
from udfs.ingest.ingestor import Ingestor
from udfs.normalize.normalizer import Normalizer
from udfs.wire import blocks
from udfs.wire.envelope import encode_one

NOW = 1_723_161_600_000_000
NO_WATERMARKS = blocks.Watermarks(blocks.NO_WATERMARK, blocks.NO_WATERMARK)
#: A frame above the megabyte that a frame may have, and one of what no envelope may have.
FRAME = b'{"e":"trade","s":"A","x":"' + bytes(range(97, 123)) * 120_000 + b'"}'


def envelope(payload: bytes) -> bytes:
    who = assign("sim", payload)
    return encode_one(who.event_id, who.entity_id, "sim", who.channel, NOW, "ingest", NOW, "run", 1, payload)


def of_the_stream() -> list[bytes]:
    topic = "raw.sim.unassigned.v1"
    (part,) = blocks.read(block(0, [(topic, 0, NOW // 1_000, envelope(FRAME))])).parts
    (reply,) = joined([normalized_records(Normalizer(topic), part, NO_WATERMARKS).out])
    ((target, _, _, letter),) = rows(reply)
    assert target == "deadletter.normalization.v1"
    return [letter]


def of_the_replay(folder: Path) -> list[bytes]:
    for name in ("trade", REJECTED, LOW_RATE):
        (folder / name).mkdir()
    who = assign("sim", FRAME)
    row = {
        "event_id": [who.event_id], "entity_id": [who.entity_id], "venue": ["sim"], "channel": [who.channel],
        "event_time": [NOW], "event_time_source": ["ingest"], "ingest_time": [NOW], "source_id": ["run"],
        "source_seq": [1], "payload": [FRAME], "kafka_offset": [0],
    }  # fmt: skip
    shards = [(("raw.sim.unassigned.v1", 0), pa.RecordBatch.from_pydict(row))]
    fold_shards("trade", folder, Span(), default_quality(), {}, shards)
    (path,) = (folder / REJECTED).iterdir()
    return pq.read_table(path)[VALUE].to_pylist()


def of_ingestion() -> list[bytes]:
    """What is no envelope goes to ingestion's dead letters."""
    topic = "raw.sim.trade.v1"
    (part,) = blocks.read(block(0, [(topic, 0, NOW // 1_000, b"\x01" + FRAME)])).parts
    work = BronzeFiles()
    _, reply = work.emit([work.process(Ingestor(topic), part, NO_WATERMARKS).out])
    return [letter for _, _, _, letter in rows(reply)]


@pytest.mark.parametrize("where", ["stream", "replay"])
def test_a_rejected_frame_is_kept_whole(tmp_path: Path, where: str) -> None:
    (letter,) = of_the_stream() if where == "stream" else of_the_replay(tmp_path)
    record = read("dead_letter", letter)
    assert len(record["record"]) > 3_000_000
    assert record["record"] == envelope(FRAME)
    assert (record["reason"], record["domain"]) == ("payload_too_large", "normalization")


def test_what_is_no_envelope_is_kept_whole() -> None:
    (letter,) = of_ingestion()
    record = read("dead_letter", letter)
    assert (record["record"], record["domain"]) == (b"\x01" + FRAME, "ingestion")
