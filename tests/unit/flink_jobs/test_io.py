"""Sources and sinks follow the settings, columns the contracts."""

from unittest.mock import MagicMock

import pyarrow as pa
import pytest

from flink_jobs.io import stores, topics
from runtime.config import Settings
from runtime.replay_order import ReplayOrder
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
    jvm = MagicMock()
    monkeypatch.setattr(topics, "get_gateway", lambda: MagicMock(jvm=jvm))
    job = MagicMock(settings=Settings(flink={**settings, "bounded": bounded}), replay=None)
    topics.read(job, "name", ("a", "b"), "group", watermark=watermark)
    _, name, read, _, group, *rest, reach = jvm.io.polyglot.blocks.Topics.read.call_args.args
    assert (name, read, group) == ("name", ["a", "b"], "group-bounded" if bounded else "group")
    assert rest == [bound, expected]
    known = jvm.io.polyglot.blocks.Reach
    assert reach is (known.bounded("") if bounded else known.live())
    assert known.live.called is not bounded


class Reach:
    """Java's, as far as it is asked for."""

    def __init__(self, prefix):
        self.prefix, self.parts = prefix, []

    bounded = classmethod(lambda cls, prefix: cls(prefix))

    def part(self, *part):
        self.parts.append(part)
        return self


def test_a_replay_reads_its_parts_and_its_own_topics_and_writes_behind_its_prefix(monkeypatch):
    jvm = MagicMock()
    jvm.io.polyglot.blocks.Reach = Reach
    monkeypatch.setattr(topics, "get_gateway", lambda: MagicMock(jvm=jvm))
    job = MagicMock(settings=Settings(), replay=ReplayOrder("replay-1a", {"raw.b": [(0, 3, 9)], "raw.z": [(0, 0, 1)]}))
    topics.read(job, "name", ("raw.a", "raw.b"), "group")
    *_, reach = jvm.io.polyglot.blocks.Topics.read.call_args.args
    assert (reach.prefix, reach.parts) == ("replay-1a.", [("raw.b", 0, 3, 9)])
    topics.read(job, "name", ("normalized.trade.v1",), "group")
    _, _, names, *_, reach = jvm.io.polyglot.blocks.Topics.read.call_args.args
    assert (names, reach.parts) == (["replay-1a.normalized.trade.v1"], [])
    topics.write(job, "records", "name")
    assert jvm.io.polyglot.blocks.Topics.write.call_args.args[-1] == "replay-1a."
    topics.write(MagicMock(settings=Settings(), replay=None), "records", "name")
    assert jvm.io.polyglot.blocks.Topics.write.call_args.args[-1] == ""


def test_a_topic_is_tailed_as_the_settings_say(monkeypatch):
    jvm = MagicMock()
    monkeypatch.setattr(topics, "get_gateway", lambda: MagicMock(jvm=jvm))
    job = MagicMock(settings=Settings(flink={"bounded": True}, registry={"url": "http://registry"}), replay=None)
    topics.tail(job, "name", "bar", "`a` INT", "group", fetch=topics.STORES)
    assert jvm.io.polyglot.avro.PinnedValues.of.call_args.args == (str(FOLDER), "bar", "`a` INT")
    _, name, topic, properties, group, values, reach = jvm.io.polyglot.blocks.Topics.decoded.call_args.args
    assert (name, topic, group) == ("name", "analytics.bar.v1", "group-bounded")
    assert reach is jvm.io.polyglot.blocks.Reach.bounded("")
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
