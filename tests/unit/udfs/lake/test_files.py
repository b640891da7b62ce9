"""Base files of the lake: what a reader finds in them, and what whoever commits them relies on."""

from __future__ import annotations

import io
from itertools import count

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.lake_files import files_of

from udfs.lake.files import META, LakeFile, LakeFiles, base_file, frame

DAY = "2024-08-09"
INSTANT = "20261129170102003"


def unique():
    numbers = count(1)
    return lambda: f"{next(numbers):032x}"


def batch(first: int, n: int, payload: bytes = b"{}") -> pa.RecordBatch:
    few = pa.array([f"s{k % 3}" for k in range(first, first + n)]).dictionary_encode()
    columns = {
        "id": pa.array([f"id{k}" for k in range(first, first + n)]),
        "few": few.cast(pa.dictionary(pa.int32(), pa.string())),
        "at": pa.array(range(first, first + n)),
        "payload": pa.array([payload] * n),
    }
    return pa.RecordBatch.from_pydict(columns)


def read(file: LakeFile) -> pa.Table:
    return pq.read_table(io.BytesIO(file.content))


def test_a_file_has_the_meta_columns_and_then_the_tables() -> None:
    file = base_file(pa.Table.from_batches([batch(0, 5)]), DAY, "id", unique())
    table = read(file)
    assert table.schema.names == [*META, "id", "few", "at", "payload"]
    assert (file.rows, file.partition, table.num_rows) == (5, DAY, 5)
    assert table.select([2, *range(5, 9)]).to_pylist()[4] == {
        "_hoodie_record_key": "id4", "id": "id4", "few": "s1", "at": 4, "payload": b"{}",
    }  # fmt: skip
    assert table["_hoodie_commit_seqno"].to_pylist() == list("01234")
    assert set(table["_hoodie_partition_path"].to_pylist()) == {DAY}


def test_physical_types_are_those_of_hudis_own_files() -> None:
    """Optional columns, texts marked as texts, bytes not, and no schema of Arrow's in the footer."""
    file = base_file(pa.Table.from_batches([batch(0, 5)]), DAY, "id", unique())
    meta = pq.ParquetFile(io.BytesIO(file.content)).metadata
    columns = [meta.schema.column(i) for i in range(meta.num_columns)]
    assert {column.max_definition_level for column in columns} == {1}
    assert [(c.physical_type, str(c.logical_type)) for c in columns] == [
        *[("BYTE_ARRAY", "String")] * 7, ("INT64", "None"), ("BYTE_ARRAY", "None"),
    ]  # fmt: skip
    assert b"ARROW:schema" not in (meta.metadata or {})


def test_the_token_is_an_instants_length_and_whoever_commits_replaces_it_everywhere() -> None:
    file = base_file(pa.Table.from_batches([batch(0, 50)]), DAY, "id", unique())
    assert len(file.token) == len(INSTANT)
    bound = file.content.replace(file.token.encode(), INSTANT.encode())
    name = file.name.replace(file.token, INSTANT)
    assert name.split("_") == [file.name.split("_")[0], "0-0-0", f"{INSTANT}.parquet"]
    table = pq.read_table(io.BytesIO(bound))
    assert set(table["_hoodie_commit_time"].to_pylist()) == {INSTANT}
    assert set(table["_hoodie_file_name"].to_pylist()) == {name}
    # Readers skip files by the footer's bounds.
    for column, value in ((0, INSTANT), (4, name)):
        bounds = pq.ParquetFile(io.BytesIO(bound)).metadata.row_group(0).column(column).statistics
        assert (bounds.min, bounds.max) == (value, value)


@pytest.mark.parametrize("rows", [1, 40_000, 400_000])
def test_the_token_stands_in_the_file_uncompressed_however_many_pages_it_has(rows: int) -> None:
    file = base_file(pa.Table.from_batches([batch(0, rows)]), DAY, "id", unique())
    again = pq.read_table(io.BytesIO(file.content.replace(file.token.encode(), INSTANT.encode())))
    values = again["_hoodie_commit_time"].combine_chunks().dictionary_encode()
    assert values.dictionary.to_pylist() == [INSTANT]
    assert again["id"].to_pylist() == [f"id{k}" for k in range(rows)]


def test_no_two_files_have_a_name_or_a_token_in_common() -> None:
    files = LakeFiles("id", unique())
    for day in (DAY, "2024-08-10"):
        files.add(day, batch(0, 3))
    one, other = files.flush()
    assert one.token != other.token
    assert one.name.split("_")[0] != other.name.split("_")[0]


def test_rows_come_out_in_order_whatever_the_batches_dictionaries() -> None:
    files = LakeFiles("id", unique())
    for first in range(0, 30, 7):
        assert files.add(DAY, batch(first, 7)) == []
    (file,) = files.flush()
    table = read(file)
    assert table["id"].to_pylist() == [f"id{k}" for k in range(35)]
    assert table["few"].to_pylist() == [f"s{k % 3}" for k in range(35)]
    assert files.flush() == []


def test_columns_of_few_values_have_dictionaries_and_no_others() -> None:
    files = LakeFiles("id", unique())
    for first in range(0, 2000, 500):
        files.add(DAY, batch(first, 500))
    (file,) = files.flush()
    group = pq.ParquetFile(io.BytesIO(file.content)).metadata.row_group(0)
    columns = [group.column(i) for i in range(group.num_columns)]
    with_dictionary = [c.path_in_schema for c in columns if "RLE_DICTIONARY" in c.encodings]
    assert with_dictionary == [META[0], META[3], META[4], "few"]
    assert [c.path_in_schema for c in columns if c.compression == "UNCOMPRESSED"] == [META[0], META[4]]
    assert not group.column(8).is_stats_set


def test_a_full_partition_does_not_wait() -> None:
    files = LakeFiles("id", unique(), full_bytes=100_000)
    made = [file for first in range(0, 500, 10) for file in files.add(DAY, batch(first, 10, b"x" * 1000))]
    files.add("2024-08-10", batch(0, 1))
    assert len(made) > 2
    made += files.flush()
    rows = [row for file in made[:-1] for row in read(file)["id"].to_pylist()]
    assert rows == [f"id{k}" for k in range(500)]
    assert made[-1].partition == "2024-08-10"


def test_a_frame_is_what_the_sink_takes_apart() -> None:
    file = LakeFile("2024-08-09", "a_@1", "@1", 3, b"PAR1")
    assert files_of(frame([file, file])) == [file, file]
    assert frame([]) == bytes(4)
