from __future__ import annotations

import pyarrow as pa
import pytest
from pyspark.sql.types import DecimalType, LongType, StringType

from batch.ranges import Span
from batch.replaying import normalize_workers as kernels
from batch.spark.columns import columns


def log(*rows: tuple[str, int, int]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(
        {
            "topic": [row[0] for row in rows],
            "kafka_partition": pa.array([row[1] for row in rows], pa.int32()),
            "kafka_offset": [row[2] for row in rows],
        }
    )


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [("a", 0, 1)],
        [("a", 0, 1), ("a", 0, 2)],
        [("a", 0, 1), ("a", 1, 1), ("a", 1, 2), ("b", 0, 1)],
        # The same shard at both ends must not hide the one between (unsorted input would be a bug; it is still cut).
        [("a", 0, 1), ("b", 0, 1), ("b", 0, 2)],
    ],
)
def test_a_batch_is_cut_where_the_shard_changes(rows: list[tuple[str, int, int]]) -> None:
    parts = list(kernels._by_shard(log(*rows)))
    assert [tuple(row.values()) for _, part in parts for row in part.to_pylist()] == rows
    for key, part in parts:
        assert {(row["topic"], row["kafka_partition"]) for row in part.to_pylist()} == {key}
    keys = [key for key, _ in parts]
    assert keys == sorted(set(keys))


def test_only_the_range_comes_out() -> None:
    batch = pa.RecordBatch.from_pydict({"event_time": [1, 5, 8, 9, 12]})

    def left(span: Span) -> list[int]:
        times: list[int] = kernels._within(batch, span).column("event_time").to_pylist()
        return times

    assert left(Span(5, 9)) == [5, 8]
    assert left(Span(None, 9)) == [1, 5, 8]
    assert left(Span(9, None)) == [9, 12]
    assert left(Span()) == [1, 5, 8, 9, 12]


def test_a_value_that_does_not_fit_raises() -> None:
    schema = pa.schema([("event_time", pa.int32())])
    batch = pa.RecordBatch.from_pydict({"event_time": [2**40]})
    with pytest.raises(pa.ArrowInvalid):
        kernels._widen(batch, schema)


def test_columns_are_the_contracts() -> None:
    found = {field.name: field.dataType for field in columns("bar")}
    assert found["volume"] == DecimalType(38, 12)
    assert found["window_start"] == LongType()
    assert found["notional"] == StringType()
