"""Services and the stream's sink agree on how they share a table: by one lock, or not at all."""

from __future__ import annotations

import re

from batch.spark.shared_tables import shared
from runtime.config import ROOT
from schemas.domains import domains

SINK = ROOT / "connectors" / "hudi" / "src" / "main" / "java"


def sink_options() -> dict[str, str]:
    text = (SINK / "io/polyglot/hudi/HudiConfigs.java").read_text()
    found = dict(re.findall(r'Map\.entry\("(hoodie[\w.]+)", ("[^"]*"|[\w.]+\(?\)?)', text))
    return {name: value.strip('"') for name, value in found.items()}


def test_all_writers_share_a_table_by_the_same_lock():
    sink, here = sink_options(), shared("file:///lake/table")
    for name in ("hoodie.write.concurrency.mode", "hoodie.clean.failed.writes.policy", "hoodie.write.markers.type",
                 "hoodie.metadata.enable"):  # fmt: skip
        assert sink[name].lower() == here[name].lower(), name
    assert (SINK / f"{here['hoodie.write.lock.provider'].replace('.', '/')}.java").exists()


def test_the_sink_takes_the_same_lock_wherever_a_table_is():
    source = (SINK / "io/polyglot/hudi/HudiConfigs.java").read_text()
    assert "TableLock.class.getName()" in source
    on_s3 = shared("s3a://lake/table")
    for name in on_s3.keys() - shared("file:///lake/table").keys():
        assert f'Map.entry("{name}", "{on_s3[name]}")' in source
    assert f"{on_s3['hoodie.write.lock.provider'].rpartition('.')[2]}.class.getName()" in source


def test_what_is_ordered_by_is_there():
    columns = {"bronze_raw": {"topic", "kafka_partition", "kafka_offset"}}
    for table in domains().tables.values():
        if table.mode == "append":
            assert set(table.sorted_by) <= columns.get(table.name, {"entity_id", "event_time"})
