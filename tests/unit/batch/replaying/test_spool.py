"""Files of tasks: each is there as a whole, once, however often a task was tried."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from batch.replaying.files import Spool

SCHEMA = pa.schema([("n", pa.int64())])


def batch(*numbers: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array(numbers, pa.int64())], schema=SCHEMA)


def test_a_task_that_is_done_again_replaces_its_file(tmp_path: Path) -> None:
    path = tmp_path / "trade-00000.parquet"
    for attempt in range(2):
        with Spool(path, SCHEMA, rows=2) as spool:
            spool.add(batch(1, 2, 3))
            assert path.exists() is (attempt > 0)
            spool.add(batch(4))
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
    assert pq.read_table(path).column("n").to_pylist() == [1, 2, 3, 4]


def test_nothing_is_left_of_a_task_that_fails(tmp_path: Path) -> None:
    names = []

    def fail() -> None:
        with Spool(tmp_path / "a.parquet", SCHEMA, rows=1) as spool:
            spool.add(batch(1))
            names.extend(one.name for one in tmp_path.iterdir())
            raise ValueError("lost")

    with pytest.raises(ValueError, match="lost"):
        fail()
    assert [name.startswith("_a.parquet.") for name in names] == [True]
    assert list(tmp_path.iterdir()) == []


def test_of_nothing_there_is_no_file(tmp_path: Path) -> None:
    with Spool(tmp_path / "a.parquet", SCHEMA):
        pass
    assert list(tmp_path.iterdir()) == []
