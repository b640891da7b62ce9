"""Sources and sinks follow the settings, columns the contracts."""

from unittest.mock import MagicMock

import pyarrow as pa
import pytest

from flink_jobs.io import stores, topics
from runtime.config import Settings
from schemas.contracts import FOLDER, contract
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


def test_a_topic_is_tailed_as_the_settings_say(monkeypatch):
    jvm = MagicMock()
    monkeypatch.setattr(topics, "get_gateway", lambda: MagicMock(jvm=jvm))
    job = MagicMock(settings=Settings(flink={"bounded": True}, registry={"url": "http://registry"}))
    topics.tail(job, "name", "bar", "`a` INT", "group", fetch=topics.STORES)
    assert jvm.io.polyglot.avro.PinnedValues.of.call_args.args == (str(FOLDER), "bar", "`a` INT")
    _, name, topic, properties, group, values, bounded = jvm.io.polyglot.blocks.Topics.decoded.call_args.args
    assert (name, topic, group, bounded) == ("name", "analytics.bar.v1", "group-bounded", True)
    assert values is jvm.io.polyglot.avro.PinnedValues.of.return_value
    assert properties == topics.consumer(job.settings, topics.STORES)


def test_columns_are_those_of_the_contract_and_times_keep_their_microseconds():
    found = stores.columns("quote_bar").split("`")[1::2]
    assert found == [field["name"] for field in contract("quote_bar").schema["fields"]]
    assert stores.columns("bar").startswith(
        "`entity_id` STRING, `interval` STRING, `window_start` BIGINT, `window_end` BIGINT, `open` DECIMAL(28, 12), "
    )
    assert "`window_start` TIMESTAMP_LTZ(6), " in stores.columns("bar", times="TIMESTAMP_LTZ(6)")
    assert "`trade_count` BIGINT, " in stores.columns("bar", times="TIMESTAMP_LTZ(6)")


def test_a_lake_table_of_files_has_the_columns_of_its_arrow_schema(monkeypatch):
    schema = pa.schema(
        [
            ("a", pa.string()),
            ("b", LOW_CARDINALITY),
            ("c", pa.decimal128(28, 12)),
            ("d", pa.int32()),
            ("e", pa.binary()),
        ]
    )
    lake = MagicMock()
    monkeypatch.setattr(stores, "_hudi", lambda: lake)
    stores.files(MagicMock(settings=Settings()), MagicMock(), 3, "bronze_raw", schema, "Bronze")
    _, position, name, _, table, columns, *_ = lake.append.call_args.args
    assert (position, name, table) == (3, "Bronze", "bronze_raw")
    assert columns == "`a` STRING, `b` STRING, `c` DECIMAL(28, 12), `d` INT, `e` BYTES"
