"""What every job promises about delivery, as its tables say: nothing is lost, nothing uncommitted is read."""

from __future__ import annotations

import re
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock

import pytest

from flink_jobs import analytics, ingest, normalize
from flink_jobs.io import topics
from polyglot.config import Settings
from schemas.domains import domains

JOBS = {"ingest": ingest, "normalize": normalize, "analytics": analytics}


class Declared:
    """A job's tables by name, options and statement; and what it asks the JVM for, of topics."""

    def __init__(self, job: ModuleType, patch: pytest.MonkeyPatch) -> None:
        built, streams = MagicMock(settings=Settings(clickhouse={"password": "p"})), MagicMock()
        patch.setattr(job, "start", lambda *_: built)
        patch.setattr(topics, "_topics", lambda: streams)
        for name in ("fold_shards", "unpacked", "table_of"):
            if hasattr(job, name):
                patch.setattr(job, name, MagicMock())
        job.main()
        self.tables = {}
        for statement in (text for call in built.ddl.call_args_list for text in call.args[0]):
            (name,) = re.findall(r"CREATE TEMPORARY TABLE (\w+)", statement)
            self.tables[name] = (dict(re.findall(r"'([^']*)' = '((?:[^']|'')*)'", statement)), statement)
        self.read = [call.args for call in streams.read.call_args_list]
        self.written = [call.args for call in streams.write.call_args_list]


@pytest.fixture(params=JOBS)
def declared(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    return Declared(JOBS[request.param], monkeypatch)


def test_topics_are_read_and_written_under_names_of_their_own(declared: Any) -> None:
    names = [args[1] for args in (*declared.read, *declared.written)]
    assert declared.read and declared.written
    assert len(set(names)) == len(names)


def test_a_sink_keeps_what_a_checkpoint_has_counted(declared: Any) -> None:
    for _, _, properties, guarantee in declared.written:
        assert guarantee in ("AT_LEAST_ONCE", "EXACTLY_ONCE")
        assert (properties["acks"], properties["enable.idempotence"]) == ("all", "true")


def test_a_source_reads_what_was_committed_from_the_beginning_or_its_checkpoint(declared: Any) -> None:
    assert all(properties["isolation.level"] == "read_committed" for _, _, _, properties, *_ in declared.read)
    for options, _ in declared.tables.values():
        if options["connector"] == "kafka":
            assert options["properties.isolation.level"] == "read_committed"
            assert options["scan.startup.mode"] == "earliest-offset"


def test_facts_are_appended_and_versions_decide_in_the_lake(declared: Any) -> None:
    lake = {name: found for name, found in declared.tables.items() if found[0]["connector"] in ("hudi", "hudi-files")}
    assert lake
    assert set(lake) == set(declared.tables) & set(domains().tables)
    for name, (options, text) in lake.items():
        table = domains().tables[name]
        if table.mode == "append":
            assert options["connector"] == "hudi-files"
            assert options["hoodie.datasource.write.partitionpath.field"] == table.partition
            assert (options["hoodie.datasource.write.recordkey.field"],) == table.key
        else:
            assert (options["write.operation"], options["ordering.fields"]) == ("upsert", "version")
            assert f"PARTITIONED BY (`{table.partition}`)" in text
            assert f"PRIMARY KEY (`{options['hoodie.datasource.write.recordkey.field']}`) NOT ENFORCED" in text
