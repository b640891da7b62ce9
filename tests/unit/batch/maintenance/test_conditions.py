"""When a table's services are due: at the bound, not before."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from pyarrow import fs
from support.hudi_names import Names

from batch.maintenance.conditions import CLEANING, CLUSTERING, COMPACTION, condition
from batch.maintenance.rounds import MaintenanceBusyError, alone
from batch.maintenance.table_files import read
from schemas.domains import Upkeep, domains

DAY, NEXT = "2026-01-05", "2026-01-06"
UPKEEP = Upkeep(small_file=100, file_size=1_000, small_files=3, log_files=2, kept_ms=60_000)
APPEND, UPSERT = (replace(domains().tables[name], upkeep=UPKEEP) for name in ("bronze_raw", "gold_bar"))


@pytest.fixture
def table(tmp_path):
    return Names(tmp_path / "table")


def judged(names, table, later_s=0):
    layout = read(fs.LocalFileSystem(), str(names.folder))
    return condition(table, layout, names.now + timedelta(seconds=later_s))


def test_small_files_of_one_partition_make_clustering_due(table):
    table.append([(DAY, "a", 99), (DAY, "b", 99), (DAY, "large", 100), (NEXT, "c", 1), (NEXT, "d", 1)])
    assert judged(table, APPEND).due == ()
    table.append([(DAY, "e", 0)])
    found = judged(table, APPEND)
    assert (found.due, found.partitions) == ((CLUSTERING,), (DAY,))
    assert (found.files, found.small_files, found.bytes) == (6, 5, 300)
    assert found.small_share == pytest.approx(5 / 6)
    assert judged(table, UPSERT).due == ()


def test_log_files_of_one_group_make_compaction_due(table):
    table.log([(DAY, "g", 1), (DAY, "h", 1)])
    assert judged(table, UPSERT).due == ()
    table.log([(DAY, "g", 1)])
    found = judged(table, UPSERT)
    assert (found.due, found.log_files, found.most_log_files) == ((COMPACTION,), 3, 2)
    assert judged(table, APPEND).due == ()


def test_what_was_replaced_is_kept_for_its_time(table):
    table.append([(DAY, "a", 1), (DAY, "b", 1)])
    table.cluster({DAY: ["a", "b"]}, [(DAY, "c", 2)])
    assert judged(table, APPEND, 59).due == ()
    found = judged(table, APPEND, 60)
    assert (found.due, found.stale_files, found.stale_bytes, found.all_old) == ((CLEANING,), 2, 2, True)
    table.seconds += 59
    table.cluster({DAY: ["c"]}, [(DAY, "d", 2)])
    found = judged(table, APPEND)
    assert (found.due, found.all_old) == ((CLEANING,), False)


@pytest.mark.parametrize(("kind", "of", "due"), [("cluster", APPEND, CLUSTERING), ("compact", UPSERT, COMPACTION)])
def test_what_a_dead_run_has_left_is_due(table, kind, of, due):
    table.append([(DAY, "a", 1)])
    if kind == "cluster":
        table.cluster({DAY: ["a"]}, [], ended=False)
    else:
        table.compact([(DAY, "a", 1)], ended=False)
    found = judged(table, of)
    assert (found.due, found.unfinished) == ((due,), (due,))


def test_a_second_run_is_refused_while_one_is_under_way(tmp_path):
    with alone(tmp_path), pytest.raises(MaintenanceBusyError), alone(tmp_path):
        pass
    with alone(tmp_path):
        pass


def test_every_table_has_bounds():
    for table in domains().tables.values():
        assert table.upkeep.small_file < table.upkeep.file_size
        assert table.upkeep.kept_ms > 0
    assert domains().tables["bronze_raw"].sorted_by == ("topic", "kafka_partition", "kafka_offset")
