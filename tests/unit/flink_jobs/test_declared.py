"""What every job promises about delivery, as its tables say: nothing is lost, nothing uncommitted is read."""

from __future__ import annotations

import re
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock

import pytest

from flink_jobs import analytics, ingest, normalize
from polyglot.config import Settings
from schemas.domains import domains

JOBS = {"ingest": ingest, "normalize": normalize, "analytics": analytics}
#: What asks a JVM for something; what the jobs declare does not depend on it.
ENGINE = ("fold_shards", "unpacked")


def declared(job: ModuleType, patch: pytest.MonkeyPatch) -> dict[str, tuple[dict[str, str], str]]:
    """Return the tables of a job: name → options, and the whole statement."""
    built = MagicMock(settings=Settings(clickhouse={"password": "p"}))
    patch.setattr(job, "start", lambda *_: built)
    for name in ENGINE:
        if hasattr(job, name):
            patch.setattr(job, name, MagicMock())
    job.main()
    statements = [statement for call in built.ddl.call_args_list for statement in call.args[0]]
    found = {}
    for statement in statements:
        (name,) = re.findall(r"CREATE TEMPORARY TABLE (\w+)", statement)
        found[name] = (dict(re.findall(r"'([^']*)' = '((?:[^']|'')*)'", statement)), statement)
    return found


@pytest.fixture(params=JOBS)
def tables(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    return declared(JOBS[request.param], monkeypatch)


def sinks(tables: Any) -> list[dict[str, str]]:
    return [options for options, _ in tables.values() if options.get("connector") == "kafka" and "sink" in str(options)]


def sources(tables: Any) -> list[dict[str, str]]:
    found = [options for options, _ in tables.values() if options.get("connector") == "kafka"]
    return [options for options in found if "scan.startup.mode" in options]


def test_every_topic_is_read_or_written_on_purpose(tables: Any) -> None:
    kafka = [options for options, _ in tables.values() if options["connector"] == "kafka"]
    assert len(kafka) == len(sinks(tables)) + len(sources(tables))
    assert sources(tables)
    assert sinks(tables)


def test_a_sink_keeps_what_a_checkpoint_has_counted(tables: Any) -> None:
    for options in sinks(tables):
        assert options["sink.delivery-guarantee"] in ("at-least-once", "exactly-once")
        assert options["properties.acks"] == "all"
        assert options["properties.enable.idempotence"] == "true"


def test_a_source_reads_what_was_committed_from_the_beginning_or_its_checkpoint(tables: Any) -> None:
    for options in sources(tables):
        assert options["properties.isolation.level"] == "read_committed"
        assert options["scan.startup.mode"] == "earliest-offset"


def test_facts_are_appended_and_versions_decide_in_the_lake(tables: Any) -> None:
    lake = {name: (options, text) for name, (options, text) in tables.items() if options["connector"] == "hudi"}
    for name, (options, text) in lake.items():
        table = domains().tables[name]
        assert f"PARTITIONED BY (`{table.partition}`)" in text
        if table.mode == "append":
            assert (options["write.operation"], options["table.type"]) == ("bulk_insert", "COPY_ON_WRITE")
            assert (options["hoodie.datasource.write.recordkey.field"],) == table.key
        else:
            assert (options["write.operation"], options["ordering.fields"]) == ("upsert", "version")
            assert f"PRIMARY KEY (`{options['hoodie.datasource.write.recordkey.field']}`) NOT ENFORCED" in text
