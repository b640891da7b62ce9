"""What every job promises about delivery: nothing is lost, nothing uncommitted is read, versions decide."""

from __future__ import annotations

from types import ModuleType
from typing import Any
from unittest.mock import MagicMock

import pytest

from flink_jobs import analytics, ingest, normalize
from flink_jobs.io import stores, topics
from runtime.config import Settings
from schemas.domains import domains
from udfs.lake import bronze, silver

JOBS = {"ingest": ingest, "normalize": normalize, "analytics": analytics}


class Declared:
    """What a job asks the JVM for: of topics, of the lake and of ClickHouse."""

    def __init__(self, job: ModuleType, patch: pytest.MonkeyPatch) -> None:
        built, jvm = MagicMock(settings=Settings(clickhouse={"password": "p"}), replay=None), MagicMock()
        patch.setattr(job, "start", lambda *_: built)
        patch.setattr(topics, "get_gateway", lambda: MagicMock(jvm=jvm))
        patch.setattr(stores, "get_gateway", lambda: MagicMock(jvm=jvm))
        for name in ("fold_shards", "unpacked"):
            patch.setattr(job, name, MagicMock())
        job.main()
        found = jvm.io.polyglot
        self.read = [call.args for call in found.blocks.Topics.read.call_args_list]
        self.tails = [call.args for call in found.blocks.Topics.decoded.call_args_list]
        self.written = [call.args for call in found.blocks.Topics.write.call_args_list]
        self.appended = {call.args[4]: call.args for call in found.hudi.Lake.append.call_args_list}
        self.upserted = {call.args[3]: call.args for call in found.hudi.Lake.upsert.call_args_list}
        self.inserted = {
            call.args[2]["table-name"]: call.args for call in found.clickhouse.ClickHouse.insert.call_args_list
        }


@pytest.fixture(params=JOBS)
def declared(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    return Declared(JOBS[request.param], monkeypatch)


def test_everything_has_a_name_of_its_own(declared: Any) -> None:
    names = [args[1] for args in (*declared.read, *declared.tails, *declared.written, *declared.inserted.values())]
    names += [args[1] for args in declared.upserted.values()] + [args[2] for args in declared.appended.values()]
    assert declared.read and declared.written
    assert len(set(names)) == len(names)


def test_a_sink_keeps_what_a_checkpoint_has_counted(declared: Any) -> None:
    for _, _, properties, guarantee, _prefix in declared.written:
        assert guarantee in ("AT_LEAST_ONCE", "EXACTLY_ONCE")
        assert (properties["acks"], properties["enable.idempotence"]) == ("all", "true")


def test_a_source_reads_what_was_committed(declared: Any) -> None:
    for _, _, _, properties, *_ in (*declared.read, *declared.tails):
        assert properties["isolation.level"] == "read_committed"


def test_a_lake_commit_holds_up_nothing_else(declared: Any) -> None:
    sources = [args[1] for args in (*declared.read, *declared.tails)]
    groups = [args[4] for args in (*declared.read, *declared.tails)]
    assert len(declared.tails) == len(declared.upserted) + len(declared.inserted)
    assert len(set(sources)) == len(set(groups)) == len(sources)


def test_facts_are_appended_and_versions_decide_in_the_lake(declared: Any) -> None:
    lake = {**declared.appended, **declared.upserted}
    assert lake
    for name in lake:
        table = domains().tables[name]
        if table.mode == "append":
            _, _, _, path, _, _, *key_and_partition, former = declared.appended[name]
            assert former == []
            assert (key_and_partition, path.rsplit("/")[-1]) == ([*table.key, table.partition], name)
        else:
            _, _, path, _, key_column, key, partition, time, version, added = declared.upserted[name]
            assert added == (["last_trade_time"] if name == "gold_bar" else [])
            assert (key_column, key, path.rsplit("/")[-1]) == ("bar_key", list(table.key), name)
            assert (partition, time, version) == (table.partition, "window_start", "version")


@pytest.mark.parametrize("table", ["bronze_raw", "silver_trade", "silver_quote"])
def test_files_are_made_for_the_key_and_the_partition_that_the_table_has(table: str) -> None:
    schema = bronze.SCHEMA if table == "bronze_raw" else silver.layout(table.removeprefix("silver_")).schema
    layout = domains().tables[table]
    assert len(layout.key) == 1  # a file's rows are named by one column
    assert {*layout.key, layout.partition} <= set(schema.names)
    assert layout.partition == silver.PARTITION
