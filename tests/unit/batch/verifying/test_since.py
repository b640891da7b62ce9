"""What is new since a commit: which files, and the days of their records."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from batch.ranges import Span
from batch.verifying.since import committed, days_of, spans
from schemas.catalog import DAY

SECOND = 1_000_000


def test_a_files_name_says_which_commit_wrote_it() -> None:
    uri = "file:///lake/bronze_raw/2026-01-05/52b61cac-a14f-4bef-a0d3-67b2a21e22c5-0_0-0-0_20261130080401844.parquet"
    assert committed(uri) == "20261130080401844"


def test_days_are_those_of_event_time_and_of_what_a_frame_beside_midnight_may_hold(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    times = [5 * DAY + DAY // 2, 8 * DAY + SECOND // 2, 3 * DAY - 2 * SECOND]
    pq.write_table(pa.table({"event_time": pa.array(times, pa.int64())}), path)
    assert days_of([path.as_uri()]) == ({2, 5, 7, 8}, 3 * DAY - 2 * SECOND)
    assert days_of([])[0] == set()


def test_days_that_follow_each_other_are_one_span() -> None:
    assert spans({7, 3, 8, 4, 12}) == [
        Span(3 * DAY, 5 * DAY),
        Span(7 * DAY, 9 * DAY),
        Span(12 * DAY, 13 * DAY),
    ]
    assert spans(()) == []
