"""Amended events in Spark: found once, obeyed by whole and by bounded replays, and their bars picked by window."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from support import lake

from batch.amend import amended, find, within
from batch.ranges import Span
from batch.replay import records, replay
from batch.requests import Request, coalesce
from batch.restate import _touched
from udfs.amendments import amendment
from udfs.envelope import decode

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

SECOND = 1_000_000
DAY = 86_400 * SECOND
NOON = 1_723_118_400 * SECOND  # 2024-08-08T12:00Z
MIDNIGHT = NOON - 12 * 3_600 * SECOND
ENTITY, HORIZON = "sim:AUSDT", 30 * DAY
SPAN = Span(NOON, NOON + 60 * SECOND)


def trade(number: int, event: int) -> bytes:
    body = {"e": "trade", "E": 1, "s": "AUSDT", "t": number, "p": "1.5", "q": "2", "T": event // 1_000, "m": True}
    return json.dumps(body, separators=(",", ":")).encode()


def frames() -> Iterator[lake.Frame]:
    """A quiet minute; what is late by then; four days later, a little more."""
    for n in range(60):
        yield lake.Frame(NOON + n * SECOND, trade(n, NOON + n * SECOND))
    for n in range(3):
        yield lake.Frame(NOON + 600 * SECOND + n, trade(100 + n, NOON + n * SECOND))
    for n in range(5):
        yield lake.Frame(NOON + 4 * DAY + n * SECOND, trade(200 + n, NOON + 4 * DAY + n * SECOND))


def append(rows: list[dict[str, Any]], value: bytes) -> None:
    """Append an envelope as ingest would."""
    names = list(lake.BRONZE_SCHEMA.names)[:10]
    envelopes, _, bad = decode([value])
    assert not bad
    row = dict(zip(names, envelopes.row(0), strict=True))
    day = datetime.fromtimestamp(row["ingest_time"] // SECOND, UTC).date().isoformat()
    place = {"topic": rows[0]["topic"], "kafka_partition": rows[0]["kafka_partition"], "ingest_date": day}
    rows.append({**row, **place, "kafka_offset": rows[-1]["kafka_offset"] + 1})


def test_an_amendment_is_obeyed_by_every_later_replay(spark: SparkSession, tmp_path: Path) -> None:
    rows = lake.bronze_rows("sim", frames())
    # A venue's second sending of an event that was accepted in time: late, and nothing to amend.
    resent = {**rows[7], "source_id": "again", "ingest_time": NOON + 700 * SECOND}
    rows.append({**resent, "kafka_offset": rows[-1]["kafka_offset"] + 1})
    lake.write_bronze(spark, tmp_path, rows)
    found = find(spark, tmp_path.as_uri(), tmp_path / "found", ENTITY, SPAN)
    assert [one.event_id for one in found.open] == [f"{ENTITY}:trade:{100 + n}" for n in range(3)]
    assert (found.accepted, found.newest) == (1, {"raw.sim.trade.v1": NOON + 4 * DAY + 4 * SECOND})
    assert within(found.open, 3 * DAY, found.newest) == ([], {"late": 3})
    events, refused = within(found.open, HORIZON, found.newest)
    assert (events, refused) == (found.open, {})

    before = bars(spark, tmp_path, Span(MIDNIGHT, MIDNIGHT + DAY), "before")
    what = amendment(ENTITY, NOON, NOON + 60 * SECOND, HORIZON, [one.event_id for one in events])
    for number, one in enumerate(events, start=1):
        append(rows, amended(one, what.source_id, number, found.newest[one.topic]))
    lake.write_bronze(spark, tmp_path, rows)
    after = bars(spark, tmp_path, Span(MIDNIGHT, MIDNIGHT + DAY), "after")
    whole = bars(spark, tmp_path, Span(), "whole")
    assert after == {key: value for key, value in whole.items() if key[1] < MIDNIGHT + DAY}
    assert after["1m", NOON][0] == before["1m", NOON][0] + 3 == 63
    seqs = [
        (row.ingest_date, row.entity_seq)
        for row in records(spark, tmp_path / "whole", "trade").select("ingest_date", "entity_seq").collect()
    ]
    assert sorted(seqs)[-8:] == [(19_947, n) for n in range(1, 9)]

    again = find(spark, tmp_path.as_uri(), tmp_path / "again", ENTITY, SPAN)
    assert (len(again.late), again.open) == (3, [])


def bars(spark: SparkSession, root: Path, span: Span, name: str) -> dict[tuple[str, int], tuple[int, bytes]]:
    done = replay(spark, root.as_uri(), root / name, span, [ENTITY], kinds=("trade",))
    assert done.records.keys() == {"trade", "bar"}
    return {
        (row.interval, row.window_start): (row.version, bytes(row.value))
        for row in records(spark, done.out, "bar").collect()
    }


def test_bars_are_published_where_a_window_was_asked_for(spark: SparkSession, tmp_path: Path) -> None:
    lake.write_bronze(spark, tmp_path, lake.bronze_rows("sim", frames()))
    asked = [Request(ENTITY, "trade", NOON + n * SECOND, NOON + (n + 1) * SECOND, "x") for n in (3, 4, 9, 80)]
    (task,) = coalesce(asked)
    done = replay(spark, tmp_path.as_uri(), tmp_path / "out", task.span, task.entities, kinds=(task.kind,))
    touched = _touched(spark, task, records(spark, done.out, "bar")).collect()
    assert sorted((row.interval, row.window_start - NOON) for row in touched) == [
        ("1d", MIDNIGHT - NOON), ("1h", 0), ("1m", 0), ("1s", 3 * SECOND), ("1s", 4 * SECOND), ("1s", 9 * SECOND),
        ("5m", 0),
    ]  # fmt: skip
    named = [Request(ENTITY, "trade", NOON, NOON + n * SECOND, "revised") for n in (1, 60, 86_400)]
    (itself,) = coalesce([*named, *named])
    touched = _touched(spark, itself, records(spark, done.out, "bar")).collect()
    assert sorted((row.interval, row.window_start - NOON) for row in touched) == [("1m", 0), ("1s", 0)]
