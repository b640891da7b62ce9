"""Services and the stream's sink agree on how they share a table: by one lock, or not at all."""

from __future__ import annotations

import re

from batch.spark.shared_tables import SHARED
from runtime.config import ROOT
from schemas.domains import domains

SINK = ROOT / "connectors" / "hudi" / "src" / "main" / "java"


def sink_options() -> dict[str, str]:
    text = (SINK / "io/polyglot/hudi/HudiConfigs.java").read_text()
    found = dict(re.findall(r'Map\.entry\("(hoodie[\w.]+)", ("[^"]*"|[\w.]+\(?\)?)', text))
    return {name: value.strip('"') for name, value in found.items()}


def test_all_writers_share_a_table_by_the_same_lock():
    sink = sink_options()
    for name in ("hoodie.write.concurrency.mode", "hoodie.clean.failed.writes.policy", "hoodie.write.markers.type",
                 "hoodie.metadata.enable"):  # fmt: skip
        assert sink[name].lower() == SHARED[name].lower(), name
    assert sink["hoodie.write.lock.provider"] == "TableLock.class.getName()"
    assert (SINK / f"{SHARED['hoodie.write.lock.provider'].replace('.', '/')}.java").exists()


def test_what_is_ordered_by_is_there():
    columns = {"bronze_raw": {"topic", "kafka_partition", "kafka_offset"}}
    for table in domains().tables.values():
        if table.mode == "append":
            assert set(table.sorted_by) <= columns.get(table.name, {"entity_id", "event_time"})
