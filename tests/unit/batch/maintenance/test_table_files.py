"""Which files of a table are read now, and what its timeline has left open."""

from __future__ import annotations

import pytest
from pyarrow import fs
from support.hudi_names import Names

from batch.maintenance.table_files import LayoutError, read

DAY, NEXT = "2026-01-05", "2026-01-06"


@pytest.fixture
def table(tmp_path):
    return Names(tmp_path / "table")


def found(table):
    return read(fs.LocalFileSystem(), str(table.folder))


def names(files):
    return sorted((one.partition, one.group, one.instant, one.log) for one in files)


def test_a_folder_without_a_table_is_none(tmp_path):
    assert read(fs.LocalFileSystem(), str(tmp_path)) is None


def test_every_appended_file_is_read(table):
    first, second = table.append([(DAY, "a", 10)]), table.append([(DAY, "b", 20), (NEXT, "c", 30)])
    layout = found(table)
    assert names(layout.current) == [(DAY, "a", first, False), (DAY, "b", second, False), (NEXT, "c", second, False)]
    assert [one.size for one in sorted(layout.current, key=lambda one: one.group)] == [10, 20, 30]
    assert layout.stale == ()
    assert layout.small(21) == {DAY: 2}


def test_clustered_files_are_read_instead_of_what_they_replace(table):
    table.append([(DAY, "a", 10), (DAY, "b", 10), (NEXT, "a", 10)])
    at = table.cluster({DAY: ["a", "b"]}, [(DAY, "c", 20)])
    layout = found(table)
    assert {(one.partition, one.group) for one in layout.current} == {(DAY, "c"), (NEXT, "a")}
    assert {(one.partition, one.group, one.replaced) for one in layout.stale} == {(DAY, "a", at), (DAY, "b", at)}
    assert layout.timeline.newest("replacecommit") == at


def test_a_compacted_log_is_read_no_more_and_one_behind_it_is(table):
    table.log([(DAY, "g", 1), (DAY, "h", 1)])
    table.log([(DAY, "g", 1)])
    base = table.compact([(DAY, "g", 5)])
    behind = table.log([(DAY, "g", 1)])
    layout = found(table)
    current = {(one.group, one.instant, one.log) for one in layout.current}
    assert current >= {("g", base, False), ("g", behind, True)}
    assert len([one for one in layout.stale if one.group == "g"]) == 2
    assert {one.replaced for one in layout.stale} == {base}
    assert layout.most_logs() == 1
    base = table.compact([(DAY, "g", 6)])
    layout = found(table)
    assert [(one.instant, one.log) for one in layout.current if one.group == "g"] == [(base, False)]


@pytest.mark.parametrize("kind", ["append", "log", "compact", "cluster", "clean"])
def test_what_has_only_begun_is_no_part_of_the_table(table, kind):
    first = table.append([(DAY, "a", 10)])
    begin = {
        "append": lambda: table.append([(DAY, "b", 10)], ended=False),
        "log": lambda: table.log([(DAY, "a", 10)], ended=False),
        "compact": lambda: table.compact([(DAY, "a", 10)], ended=False),
        "cluster": lambda: table.cluster({DAY: ["a"]}, [(DAY, "b", 10)], ended=False),
        "clean": lambda: table.clean(ended=False),
    }[kind]()
    layout = found(table)
    assert names(layout.current) == [(DAY, "a", first, False)]
    assert layout.stale == ()
    action = {"append": "commit", "log": "deltacommit", "compact": "compaction", "cluster": "clustering"}.get(
        kind, kind
    )
    assert layout.timeline.pending == {begin: action}


def test_what_was_archived_has_ended(table):
    table.append([(DAY, "a", 10)])
    table.append([(DAY, "b", 10)])
    for path in sorted((table.folder / ".hoodie" / "timeline").iterdir())[:3]:
        path.unlink()
    assert {one.group for one in found(table).current} == {"a", "b"}


def test_a_broken_replacement_is_named(table):
    table.append([(DAY, "a", 10)])
    table.cluster({DAY: ["a"]}, [(DAY, "b", 10)])
    (done,) = (table.folder / ".hoodie" / "timeline").glob("*.replacecommit")
    done.write_bytes(b"no Avro")
    with pytest.raises(LayoutError, match="table"):
        found(table)
