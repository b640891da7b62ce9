"""Amended events in Spark: found once, whatever they were rejected for and of whatever kind, obeyed by whole and by
bounded replays, and their bars picked by window.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from support import lake

from batch.ranges import Span
from batch.repair.amend import Late, amended, find, within
from batch.repair.requests import Request, coalesce
from batch.repair.restate import _touched
from batch.replaying.files import records
from batch.replaying.replay import replay
from batch.spark.bronze import envelope_at, read_bronze
from udfs.gate.amendments import amendment
from udfs.wire.envelope import decode

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1200)]

#: (interval, start) → (version, value).
Bars = dict[tuple[str, int], tuple[int, bytes]]
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
    assert ([one.event_id for one in found.copies], found.newest) == (
        [f"{ENTITY}:trade:7"], {"raw.sim.trade.v1": NOON + 4 * DAY + 4 * SECOND}
    )  # fmt: skip
    assert within(found.open, 3 * DAY, found.newest) == ([], {"late": found.open})
    events, refused = within(found.open, HORIZON, found.newest)
    assert (events, refused) == (found.open, {})

    before, after, whole = amend_and_replay(spark, tmp_path, rows, events, found.newest)
    assert after == {key: value for key, value in whole.items() if key[1] < MIDNIGHT + DAY}
    assert after["1m", NOON][0] == before["1m", NOON][0] + 3 == 63
    seqs = [
        (row.ingest_date, row.entity_seq)
        for row in records(spark, tmp_path / "whole", "trade").select("ingest_date", "entity_seq").collect()
    ]
    assert sorted(seqs)[-8:] == [(19_947, n) for n in range(1, 9)]

    again = find(spark, tmp_path.as_uri(), tmp_path / "again", ENTITY, SPAN)
    assert (len(again.late), again.open) == (3, [])


def revision(number: int, trade_number: int, event: int, trade_time: int, **correct: str) -> bytes:
    name = "tradeCorrect" if correct else "tradeCancel"
    body = {"e": name, "E": 1, "s": "AUSDT", "i": number, "t": trade_number, "T": event // 1_000,
            "O": trade_time // 1_000, "r": 1, **correct}  # fmt: skip
    return json.dumps(body, separators=(",", ":")).encode()


def amend_and_replay(
    spark: SparkSession, root: Path, rows: list[dict[str, Any]], events: list[Late], newest: dict[str, int]
) -> tuple[Bars, Bars, Bars]:
    """Amend events; return the bars of their day before and after that, and those of a replay of everything."""
    before = bars(spark, root, Span(MIDNIGHT, MIDNIGHT + DAY), "before")
    what = amendment(ENTITY, NOON, NOON + 60 * SECOND, HORIZON, [one.event_id for one in events])
    for number, one in enumerate(events, start=1):
        append(rows, amended(one, what.source_id, number, newest[one.topic]))
    lake.write_bronze(spark, root, rows)
    after = bars(spark, root, Span(MIDNIGHT, MIDNIGHT + DAY), "after")
    return before, after, bars(spark, root, Span(), "whole")


def backlog() -> list[dict[str, Any]]:
    """A quiet quarter of an hour with a hole; then a collector's backlog: what was missing, and copies of the rest.

    Bronze keeps a copy of what was forgotten; all of the backlog has the receive times of that quiet time.
    """
    missing = {10, 11, 40}
    quiet = [n for n in range(900) if n not in missing]
    rows = lake.bronze_rows("sim", (lake.Frame(NOON + n * SECOND, trade(n, NOON + n * SECOND)) for n in quiet))
    for seq, n in enumerate(sorted({*missing, 7, 12, 30})):
        copy = lake.bronze_rows("sim", [lake.Frame(NOON + n * SECOND, trade(n, NOON + n * SECOND))], "backlog")
        rows.append({**copy[0], "source_seq": seq, "kafka_offset": rows[-1]["kafka_offset"] + 1})
    # The same id with another time, a week before all this: whatever became of it, 40 may not count twice.
    other = lake.bronze_rows("sim", [lake.Frame(NOON - 7 * DAY, trade(40, NOON - 7 * DAY))], "before")
    first = {**other[0], "source_seq": 0, "kafka_offset": 0}
    return [first, *({**row, "kafka_offset": row["kafka_offset"] + 1} for row in rows)]


def test_a_backfill_behind_the_remembered_ids_is_amended_and_its_copies_are_not(
    spark: SparkSession, tmp_path: Path
) -> None:
    rows = backlog()
    lake.write_bronze(spark, tmp_path, rows)
    found = find(spark, tmp_path.as_uri(), tmp_path / "found", ENTITY, SPAN)
    assert [one.event_id for one in found.open] == [f"{ENTITY}:trade:{n}" for n in (10, 11)]
    assert [one.event_id for one in found.copies] == [f"{ENTITY}:trade:{n}" for n in (7, 12, 30, 40)]
    events, refused = within(found.open, HORIZON, found.newest)
    assert (events, refused) == (found.open, {})
    assert {request.start for one in events for request in one.requests()} == {NOON + n * SECOND for n in (10, 11)}

    before, after, whole = amend_and_replay(spark, tmp_path, rows, events, found.newest)
    assert after.keys() - before.keys() == {("1s", NOON + n * SECOND) for n in (10, 11)}
    assert (before["1m", NOON][0], after["1m", NOON][0]) == (57, 59)
    assert after == {key: value for key, value in whole.items() if MIDNIGHT <= key[1] < MIDNIGHT + DAY}
    again = find(spark, tmp_path.as_uri(), tmp_path / "again", ENTITY, SPAN)
    assert (len(again.late), again.open) == (2, [])


def test_late_cancels_and_corrections_are_amended(spark: SparkSession, tmp_path: Path) -> None:
    """A cancel and a correction that came too late, and the late copy of a correction that was accepted."""
    cancel = revision(1, 5, NOON + 20 * SECOND, NOON + 5 * SECOND)
    correct = revision(2, 6, NOON + 21 * SECOND, NOON + 6 * SECOND, p="9", q="1")
    timely = revision(3, 8, NOON + 22 * SECOND, NOON + 8 * SECOND, p="9", q="1")
    later = NOON + 600 * SECOND
    log = [*frames(), lake.Frame(NOON + 23 * SECOND, timely), lake.Frame(later, cancel), lake.Frame(later, correct)]
    rows = lake.bronze_rows("sim", log)
    copy = next(row for row in rows if row["payload"] == timely)
    other = max(row["kafka_offset"] for row in rows if row["topic"] == copy["topic"])
    rows.append({**copy, "source_id": "again", "ingest_time": later + 1, "kafka_offset": other + 1})
    lake.write_bronze(spark, tmp_path, rows)
    found = find(spark, tmp_path.as_uri(), tmp_path / "found", ENTITY, Span(NOON + 20 * SECOND, NOON + 23 * SECOND))
    cancelled, corrected = found.open
    assert [one.event_id.split(":")[2] for one in found.open] == ["trade_cancel", "trade_correct"]
    assert [one.event_id for one in found.copies] == [copy["event_id"]]
    events, refused = within(found.open, HORIZON, found.newest)
    assert (events, refused) == (found.open, {})
    assert [request for one in events for request in one.requests()] == [
        Request(ENTITY, "trade", NOON + n * SECOND, NOON + (n + 1) * SECOND, "amended") for n in (5, 6)
    ]

    day = Span(MIDNIGHT, MIDNIGHT + DAY)
    before = bars(spark, tmp_path, day, "before")
    for one, row in ((cancelled, cancel), (corrected, correct)):
        last = next(each for each in rows if each["payload"] == row)
        mine = [last]
        append(mine, amended(one, f"amend:{HORIZON}:{'0' * 32}", 1, found.newest[one.topic]))
        rows.append({**mine[-1], "kafka_offset": last["kafka_offset"] + 10})
    lake.write_bronze(spark, tmp_path, rows)
    after = bars(spark, tmp_path, day, "after")
    changed = {key for key in after if after[key] != before[key]}
    assert {key for key in changed if key[0] == "1s"} == {("1s", NOON + n * SECOND) for n in (5, 6)}
    assert all(after[key][0] - before[key][0] == (1 if key[0] == "1s" else 2) for key in changed)
    assert {key[0] for key in changed} == {"1s", "1m", "5m", "1h", "1d"}
    again = find(spark, tmp_path.as_uri(), tmp_path / "again", ENTITY, Span(NOON + 20 * SECOND, NOON + 23 * SECOND))
    assert (len(again.late), again.open) == (2, [])


def test_bronze_has_what_came_at_a_place_of_the_log(spark: SparkSession, tmp_path: Path) -> None:
    rows = lake.bronze_rows("sim", frames())
    lake.write_bronze(spark, tmp_path, rows)
    bronze, row = read_bronze(spark, tmp_path.as_uri()), rows[17]
    place = (row["topic"], row["kafka_partition"], row["kafka_offset"])
    value = envelope_at(bronze, *place)
    assert value is not None
    assert decode([value])[0].row(0) == tuple(row[name] for name in list(lake.BRONZE_SCHEMA.names)[:10])
    assert envelope_at(bronze, place[0], place[1], 1_000_000) is None


def bars(spark: SparkSession, root: Path, span: Span, name: str) -> Bars:
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
