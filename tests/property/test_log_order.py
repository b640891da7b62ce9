"""However Bronze's records lie in its files, a replay reads every shard's records once, in order of its log."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import example, given
from hypothesis import strategies as st

from batch.ranges import Days, Span
from batch.replaying.bronze_files import Wanted, pieces, read
from batch.replaying.steps import Piece, Step, steps
from batch.spark.bronze import ENVELOPE

EVER = Wanted(Days(None, None))
DAYS = ("2024-08-08", "2024-08-09")
SHARDS = (("raw.a.v1", 0), ("raw.a.v1", 1), ("raw.b.v1", 0))


@st.composite
def tables(draw):
    """Return files of (shard, offset, date, entity): as a stream writes them, or in any order."""
    shards = draw(st.integers(1, 3))
    rows = [
        (SHARDS[shard], offset, draw(st.sampled_from(DAYS)), draw(st.sampled_from("EF")))
        for shard in range(shards)
        for offset in range(draw(st.integers(0, 12)))
    ]
    count = draw(st.integers(1, 4))
    if draw(st.booleans()):  # by checkpoints
        ends = {shard: sorted(draw(st.lists(st.integers(0, 12), min_size=count - 1, max_size=count - 1)))
                for shard in SHARDS}  # fmt: skip
        at = [sum(offset >= end for end in ends[shard]) for shard, offset, *_ in rows]
    else:
        rows = draw(st.permutations(rows))
        at = [draw(st.integers(0, count - 1)) for _ in rows]
    return [[row for row, file in zip(rows, at, strict=True) if file == number] for number in range(count)]


def rows_at(*offsets: int) -> list:
    return [(SHARDS[0], offset, DAYS[0], "E") for offset in offsets]


def written(folder: Path, files: list) -> list[str]:
    """Write files of Bronze; payloads say which record it is."""
    uris = []
    for number, rows in enumerate(files):
        texts = {name: [f"{name}" for _ in rows] for name in ENVELOPE}
        longs = dict.fromkeys(("event_time", "ingest_time", "source_seq"), [0] * len(rows))
        own = {
            "topic": [shard[0] for shard, *_ in rows],
            "kafka_partition": pa.array([shard[1] for shard, *_ in rows], pa.int32()),
            "kafka_offset": pa.array([offset for _, offset, *_ in rows], pa.int64()),
            "ingest_date": pa.array([day for *_, day, _ in rows], pa.string()),
            "entity_id": pa.array([entity for *_, entity in rows], pa.string()),
            "payload": pa.array([f"{offset}".encode() for _, offset, *_ in rows], pa.binary()),
        }
        path = folder / f"{number}.parquet"
        pq.write_table(pa.Table.from_pydict({**texts, **longs, **own}), path, row_group_size=5)
        uris.append(path.as_uri())
    return uris


def found_by(order: list[Step], wanted: Wanted) -> dict:
    found = defaultdict(list)
    for step in order:
        for shard, batch in read(step, wanted):
            found[shard] += [int(payload) for payload in batch.column("payload").to_pylist()]
    return dict(found)


@example([rows_at(0, 2), rows_at(1, 3)], (), Days(None, None))  # two files that overlap
@example([rows_at(2, 0, 1)], (), Days(None, None))
@given(tables(), st.sampled_from([(), ("E",)]), st.sampled_from([Days(None, None), Days(19_944, 19_944)]))
def test_each_record_is_read_once_and_in_order(files, entities, days):
    wanted = Wanted(days, entities)
    rows = [row for file in files for row in file]
    rows = [row for row in rows if row[3] in (entities or "EF") and (days.first is None or row[2] == DAYS[1])]
    expected = {shard: sorted(offset for one, offset, *_ in rows if one == shard) for shard, *_ in rows}
    with TemporaryDirectory() as folder:
        found = [piece for uri in written(Path(folder), files) for piece in pieces(uri, wanted, Span())]
        last = {shard: max(piece.high for piece in found if piece.shard == shard) for shard in expected}
        assert sum(piece.rows for piece in found) == len(rows)
        assert found_by(steps(found), Wanted(days, entities, last)) == expected


def piece(file: str, shard: int, low: int, high: int) -> Piece:
    return Piece(file, SHARDS[shard], DAYS[0], low, high, high - low + 1, True)


def test_a_file_of_the_stream_is_read_once_for_all_its_shards():
    found = [piece("1", 0, 0, 9), piece("1", 1, 0, 4), piece("2", 0, 10, 19), piece("2", 2, 0, 3), piece("3", 1, 5, 9)]
    assert [(step.files, len(step.shards), step.sort) for step in steps(found)] == [
        (("1",), 2, False), (("2",), 2, False), (("3",), 1, False),
    ]  # fmt: skip


def test_files_whose_orders_contradict_each_other_are_read_twice_at_most():
    found = [piece("1", 0, 0, 9), piece("1", 1, 5, 9), piece("2", 0, 10, 19), piece("2", 1, 0, 4)]
    order = steps(found)
    assert not any(step.sort for step in order)
    assert len(order) == 3
