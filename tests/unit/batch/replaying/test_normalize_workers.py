from __future__ import annotations

import pyarrow as pa
import pytest
from pyspark.sql.types import DecimalType, LongType, StringType

from batch.ranges import Span
from batch.replaying import normalize_workers as kernels
from batch.spark.columns import columns


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
