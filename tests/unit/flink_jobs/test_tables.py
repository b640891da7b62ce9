"""The sources' options follow the settings."""

from unittest.mock import MagicMock

import pyarrow as pa
import pytest

from flink_jobs import tables
from flink_jobs.io import topics
from polyglot.config import Settings
from udfs.lake.files import LOW_CARDINALITY


@pytest.mark.parametrize(("settings", "expected"), [({}, 50), ({"latency_factor": 4}, 200)])
def test_the_broker_collects_records_for_as_long_as_the_settings_allow(settings, expected):
    found = topics.consumer(Settings(flink=settings), topics.Fetch(50, 1, 1))
    assert found["fetch.max.wait.ms"] == str(expected)


@pytest.mark.parametrize(("settings", "expected"), [({}, 2_000), ({"idle_after_s": 5}, 5_000)])
@pytest.mark.parametrize(("watermark", "bound"), [(True, 1_000), (False, -1)])
@pytest.mark.parametrize("bounded", [True, False])
def test_a_source_is_asked_for_as_the_settings_say(monkeypatch, settings, expected, watermark, bound, bounded):
    asked = MagicMock()
    monkeypatch.setattr(topics, "_topics", lambda: asked)
    job = MagicMock(settings=Settings(flink={**settings, "bounded": bounded}))
    topics.read(job, "name", ("a", "b"), "group", watermark=watermark)
    _, name, read, _, *rest = asked.read.call_args.args
    assert (name, read, rest) == (
        "name",
        ["a", "b"],
        ["group-bounded" if bounded else "group", bound, expected, bounded],
    )


def test_a_lake_table_of_files_has_the_columns_of_its_arrow_schema():
    schema = pa.schema(
        [
            ("a", pa.string()),
            ("b", LOW_CARDINALITY),
            ("c", pa.decimal128(28, 12)),
            ("d", pa.int32()),
            ("e", pa.binary()),
        ]
    )
    ddl = tables.files_table("t", Settings(), schema, "a", "b")
    assert "'columns' = '`a` STRING, `b` STRING, `c` DECIMAL(28, 12), `d` INT, `e` BYTES'" in ddl
    assert "'hoodie.datasource.write.recordkey.field' = 'a'" in ddl
    assert "'hoodie.datasource.write.partitionpath.field' = 'b'" in ddl
