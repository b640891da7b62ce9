"""Files that the jobs hand to the lake: one for all shards of a task, at the marker before a checkpoint."""

from __future__ import annotations

import pickle

import cloudpickle
import pytest
from property.flink import FoldJob
from support.blocks import rows as letters_of
from support.lake_files import files_of, rows_of
from support.normalized import normalize

from flink_jobs import lake_files
from flink_jobs.lake_files import BronzeFiles, SilverFiles
from flink_jobs.operators.fold import ShardFold
from udfs.lake.files import LakeFiles
from udfs.wire.envelope import encode_one

RAW, TRADES = "raw.sim.trade.v1", "normalized.trade.v1"
NOW = 1_723_161_600_000_000
FRAME = (
    b'{"stream":"a@trade","data":{"e":"trade","E":1723161600124,"T":1723161600123,"s":"A","t":%d,'
    b'"p":"1","q":"2","m":true}}'
)


def envelope(n: int) -> bytes:
    return encode_one(f"sim:A:trade:{n}", "sim:A", "sim", "trade", NOW, "venue", NOW, "run", n, b"{}")


def bronze() -> FoldJob:
    return FoldJob(lambda: ShardFold(BronzeFiles().work()))


def test_all_shards_of_a_task_fill_one_file_at_the_first_marker() -> None:
    job = bronze()
    for partition in (0, 1):
        files, letters = job.fold(partition, {RAW: [envelope(partition), b"rubbish", envelope(partition)]})
        assert files is None
        assert [topic for topic, *_ in letters_of(letters)] == ["deadletter.ingestion.v1"]
    ((files, letters),) = job.checkpoint()
    assert letters_of(letters) == []
    (file,) = files_of(files)
    assert (file.partition, file.rows) == ("2024-08-09", 2)
    assert [row["kafka_partition"] for row in rows_of(files)] == [0, 1]
    assert job.checkpoint() == []


def test_what_was_held_is_lost_with_a_crash_and_made_again() -> None:
    job = bronze()
    job.fold(0, {RAW: [envelope(1)]})
    job.crash()
    job.fold(0, {RAW: [envelope(1), envelope(2)]})
    ((files, _),) = job.checkpoint()
    assert [row["source_seq"] for row in rows_of(files)] == [1, 2]


def test_a_full_file_goes_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lake_files, "LakeFiles", lambda *given: LakeFiles(*given, full_bytes=1))
    job = bronze()
    files, _ = job.fold(0, {RAW: [envelope(1)]})
    assert len(rows_of(files)) == 1
    assert job.checkpoint() == []


def test_silver_drops_what_a_restarted_producer_sent_again() -> None:
    _, out = normalize("sim", *((NOW + n, FRAME % n) for n in range(1, 6)))
    values = out.trades.encode()
    job = FoldJob(lambda: ShardFold(SilverFiles("trade").work()))
    found = []
    for part in (values[:3], values[1:4], values[2:]):
        job.fold(0, {TRADES: part})
        found += [row for (files,) in job.checkpoint() for row in rows_of(files)]
        job.crash()
    assert [row["entity_seq"] for row in found] == [1, 2, 3, 4, 5]
    assert [row["event_id"] for row in found] == [row["_hoodie_record_key"] for row in found]


def test_a_tasks_copy_of_the_work_shares_its_files() -> None:
    """Flink's tasks get the work pickled: what fills the files and what hands them over must stay the same object."""
    work = pickle.loads(cloudpickle.dumps(SilverFiles("trade").work()))  # noqa: S301 - our own bytes
    assert work.process.__self__ is work.flush.__self__
