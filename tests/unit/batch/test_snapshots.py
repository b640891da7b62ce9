"""What a snapshot says of itself, and when its files are not what it says."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import fs

from batch.snapshots.bronze_copy import demand_whole, save
from batch.snapshots.snapshot_manifest import NAME, Day, Manifest, SnapshotError, contracts, days, differences, read
from runtime.object_store import Place

DAY = Day("silver_trade", "2026-01-05", 3, "abc")


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path.as_uri(), fs.LocalFileSystem(), str(tmp_path))


@pytest.fixture
def saved(place, tmp_path):
    pq.write_table(pa.table({"a": [1, 2, 3]}), tmp_path / "one.parquet")
    files, rows = save([(tmp_path / "one.parquet").as_uri()], place)
    found = Manifest("2026-01-05T00:00:00+00:00", "c", contracts(), "q", rows, {"raw.a": 4}, tuple(files), (DAY,))
    found.write(place)
    return found


def test_what_is_written_is_read_again(saved, place):
    assert read(place) == saved
    assert saved.records == 3
    demand_whole(saved, place)


def test_a_folder_without_a_manifest_is_none(place):
    with pytest.raises(SnapshotError, match="is no snapshot"):
        read(place)


@pytest.mark.parametrize(("change", "says"), [({"format": 9}, "of format 9"), ({"files": 7}, "cannot be read")])
def test_a_manifest_of_another_form_is_refused(saved, place, tmp_path, change, says):
    found = json.loads((tmp_path / NAME).read_text())
    (tmp_path / NAME).write_text(json.dumps(found | change))
    with pytest.raises(SnapshotError, match=says):
        read(place)


def test_a_changed_byte_and_a_missing_file_are_found(saved, place, tmp_path):
    file = tmp_path / saved.files[0].name
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(SnapshotError, match="its digest differs"):
        demand_whole(saved, place)
    file.unlink()
    with pytest.raises(SnapshotError, match="cannot be read"):
        demand_whole(saved, place)


def test_days_are_the_replays_and_those_that_name_places_are_left_out():
    day = {"day": "2026-01-05", "replayed": 3, "found": 2, "replay_digest": "abc", "found_digest": "x"}
    tables = [{"table": "silver_trade", "days": [day]}, {"table": "bronze_raw", "days": [day]}]
    assert days(tables) == (DAY,)


def test_each_difference_is_a_line():
    other = Day("silver_trade", "2026-01-05", 3, "abd")
    more = Day("gold_bar", "2026-01-05", 1, "e")
    assert differences([DAY], [DAY]) == []
    assert differences([DAY], [other]) == [
        "silver_trade 2026-01-05: the snapshot has 3 records, abc; here is 3 records, abd"
    ]
    assert differences([DAY, more], [DAY]) == ["gold_bar 2026-01-05: the snapshot has 1 records, e; here is nothing"]
