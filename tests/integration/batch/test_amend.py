"""Amended events in Spark: found once, whatever they were rejected for and of whatever kind, obeyed by whole and by
bounded replays, and their bars picked by window.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as fn
from support import lake

from batch.ranges import Span
from batch.repair.amend import Found, amended, find, within
from batch.repair.answers import _touched
from batch.repair.requests import Request, coalesce
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
HORIZON = 30 * DAY
#: One instrument a case, each in a partition of its own.
LATE, BACKLOG, REVISED = "sim:LATEUSDT", "sim:BACKLOGUSDT", "sim:REVUSDT"
SPAN = Span(NOON, NOON + 60 * SECOND)


def trade(entity: str, number: int, event: int) -> bytes:
    symbol = entity.removeprefix("sim:")
    body = {"e": "trade", "E": 1, "s": symbol, "t": number, "p": "1.5", "q": "2", "T": event // 1_000, "m": True}
    return json.dumps(body, separators=(",", ":")).encode()


def revision(number: int, trade_number: int, event: int, trade_time: int, **correct: str) -> bytes:
    name = "tradeCorrect" if correct else "tradeCancel"
    body = {"e": name, "E": 1, "s": REVISED.removeprefix("sim:"), "i": number, "t": trade_number, "T": event // 1_000,
            "O": trade_time // 1_000, "r": 1, **correct}  # fmt: skip
    return json.dumps(body, separators=(",", ":")).encode()


def frames(entity: str) -> Iterator[lake.Frame]:
    """A quiet minute; what is late by then; four days later, a little more."""
    for n in range(60):
        yield lake.Frame(NOON + n * SECOND, trade(entity, n, NOON + n * SECOND))
    for n in range(3):
        yield lake.Frame(NOON + 600 * SECOND + n, trade(entity, 100 + n, NOON + n * SECOND))
    for n in range(5):
        yield lake.Frame(NOON + 4 * DAY + n * SECOND, trade(entity, 200 + n, NOON + 4 * DAY + n * SECOND))


def late() -> list[dict[str, Any]]:
    """Late trades, and a venue's second sending of one that was accepted in time: late, and nothing to amend."""
    rows = lake.bronze_rows("sim", frames(LATE))
    resent = {**rows[7], "source_id": "again", "ingest_time": NOON + 700 * SECOND}
    return [*rows, {**resent, "kafka_offset": rows[-1]["kafka_offset"] + 1}]


def backlog() -> list[dict[str, Any]]:
    """A quiet quarter of an hour with a hole; then a collector's backlog: what was missing, and copies of the rest.

    Bronze keeps a copy of what was forgotten; all of the backlog has the receive times of that quiet time.
    """
    missing = {10, 11, 40}

    def rows_of(n: int, at: int, source: str) -> list[dict[str, Any]]:
        return lake.bronze_rows("sim", [lake.Frame(at, trade(BACKLOG, n, at))], source)

    quiet = [n for n in range(900) if n not in missing]
    whole = (lake.Frame(NOON + n * SECOND, trade(BACKLOG, n, NOON + n * SECOND)) for n in quiet)
    rows = lake.bronze_rows("sim", whole)
    for seq, n in enumerate(sorted({*missing, 7, 12, 30})):
        (copy,) = rows_of(n, NOON + n * SECOND, "backlog")
        rows.append({**copy, "source_seq": seq, "kafka_offset": rows[-1]["kafka_offset"] + 1})
    # The same id with another time, a week before all this: whatever became of it, 40 may not count twice.
    (other,) = rows_of(40, NOON - 7 * DAY, "before")
    first = {**other, "source_seq": 0, "kafka_offset": 0}
    return [first, *({**row, "kafka_offset": row["kafka_offset"] + 1} for row in rows)]


#: A cancel and a correction that came too late, and one that was accepted, of which a copy came late.
CANCEL = revision(1, 5, NOON + 20 * SECOND, NOON + 5 * SECOND)
CORRECT = revision(2, 6, NOON + 21 * SECOND, NOON + 6 * SECOND, p="9", q="1")
TIMELY = revision(3, 8, NOON + 22 * SECOND, NOON + 8 * SECOND, p="9", q="1")


def revised() -> list[dict[str, Any]]:
    later = NOON + 600 * SECOND
    log = [
        *frames(REVISED), lake.Frame(NOON + 23 * SECOND, TIMELY), lake.Frame(later, CANCEL), lake.Frame(later, CORRECT)
    ]  # fmt: skip
    rows = lake.bronze_rows("sim", log)
    copy = next(row for row in rows if row["payload"] == TIMELY)
    last = max(row["kafka_offset"] for row in rows if row["topic"] == copy["topic"])
    return [*rows, {**copy, "source_id": "again", "ingest_time": later + 1, "kafka_offset": last + 1}]


@dataclass
class Case:
    """An instrument's log before and behind an amendment of all that is ``open`` in ``span``.

    Bars: ``before`` and ``after`` are those of the first day, by a bounded replay; ``whole`` is a replay of everything.
    """

    rows: list[dict[str, Any]]
    span: Span
    found: Found
    before: Bars = field(default_factory=dict)
    after: Bars = field(default_factory=dict)
    whole: Bars = field(default_factory=dict)
    again: Found = field(default_factory=lambda: Found([]))


class World(NamedTuple):
    lake: Path
    cases: dict[str, Case]


@pytest.fixture(scope="module")
def world(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> World:
    """One Bronze for all cases: what is late is found for each, amended together, and replayed together."""
    root = tmp_path_factory.mktemp("lake")
    assert len({lake.partition_of(entity) for entity in (LATE, BACKLOG, REVISED)}) == 3
    logs = {LATE: late(), BACKLOG: backlog(), REVISED: revised()}
    spans = {LATE: SPAN, BACKLOG: SPAN, REVISED: Span(NOON + 20 * SECOND, NOON + 23 * SECOND)}
    lake.write_bronze(spark, root, [row for rows in logs.values() for row in rows])

    def look(entity: str) -> Found:
        return find(spark, root.as_uri(), root / "found", entity, spans[entity])

    day = Span(MIDNIGHT, MIDNIGHT + DAY)
    cases = {entity: Case(rows, spans[entity], look(entity)) for entity, rows in logs.items()}
    before = bars(spark, root, day)
    for entity, case in cases.items():
        amend(entity, case)
    lake.write_bronze(spark, root, [row for case in cases.values() for row in case.rows])
    after, whole = bars(spark, root, day), bars(spark, root, Span())
    for entity, case in cases.items():
        case.before, case.after, case.whole = before[entity], after[entity], whole[entity]
        case.again = look(entity)
    return World(root, cases)


def amend(entity: str, case: Case) -> None:
    """Append what `polyglot amend` would send, each behind the last record of its topic."""
    what = amendment(entity, case.span.start, case.span.end, HORIZON, [one.event_id for one in case.found.open])
    for number, one in enumerate(case.found.open, start=1):
        value = amended(one, what.source_id, number, case.found.newest[one.topic])
        log = [row for row in case.rows if row["topic"] == one.topic]
        names = list(lake.BRONZE_SCHEMA.names)[:10]
        envelopes, _, bad = decode([value])
        assert not bad
        row = dict(zip(names, envelopes.row(0), strict=True))
        day = datetime.fromtimestamp(row["ingest_time"] // SECOND, UTC).date().isoformat()
        place = {"topic": one.topic, "kafka_partition": log[0]["kafka_partition"], "ingest_date": day}
        last = max(row["kafka_offset"] for row in log)
        case.rows.append({**row, **place, "kafka_offset": last + 1})


def bars(spark: SparkSession, root: Path, span: Span) -> dict[str, Bars]:
    done = replay(spark, root.as_uri(), root / "replayed", span, [LATE, BACKLOG, REVISED], kinds=("trade",))
    assert done.records.keys() == {"trade", "bar"}
    found: dict[str, Bars] = {LATE: {}, BACKLOG: {}, REVISED: {}}
    for row in records(spark, done.out, "bar").collect():
        found[row.entity_id][row.interval, row.window_start] = (row.version, bytes(row.value))
    return found


def test_an_amendment_is_obeyed_by_every_later_replay(spark: SparkSession, world: World) -> None:
    case = world.cases[LATE]
    found, before, after = case.found, case.before, case.after
    assert [one.event_id for one in found.open] == [f"{LATE}:trade:{100 + n}" for n in range(3)]
    assert ([one.event_id for one in found.copies], found.newest) == (
        [f"{LATE}:trade:7"], {"raw.sim.trade.v1": NOON + 4 * DAY + 4 * SECOND}
    )  # fmt: skip
    assert within(found.open, 3 * DAY, found.newest) == ([], {"late": found.open})
    assert within(found.open, HORIZON, found.newest) == (found.open, {})

    assert after == {key: value for key, value in case.whole.items() if key[1] < MIDNIGHT + DAY}
    assert after["1m", NOON][0] == before["1m", NOON][0] + 3 == 63
    kept = records(spark, world.lake / "replayed", "trade").where(fn.col("entity_id") == LATE)
    seqs = [(row.ingest_date, row.entity_seq) for row in kept.select("ingest_date", "entity_seq").collect()]
    assert sorted(seqs)[-8:] == [(19_947, n) for n in range(1, 9)]
    assert (len(case.again.late), case.again.open) == (3, [])


def test_a_backfill_behind_the_remembered_ids_is_amended_and_its_copies_are_not(world: World) -> None:
    case = world.cases[BACKLOG]
    found, before, after = case.found, case.before, case.after
    assert [one.event_id for one in found.open] == [f"{BACKLOG}:trade:{n}" for n in (10, 11)]
    assert [one.event_id for one in found.copies] == [f"{BACKLOG}:trade:{n}" for n in (7, 12, 30, 40)]
    assert within(found.open, HORIZON, found.newest) == (found.open, {})
    starts = {request.start for one in found.open for request in one.requests()}
    assert starts == {NOON + n * SECOND for n in (10, 11)}

    assert after.keys() - before.keys() == {("1s", NOON + n * SECOND) for n in (10, 11)}
    assert (before["1m", NOON][0], after["1m", NOON][0]) == (57, 59)
    assert after == {key: value for key, value in case.whole.items() if MIDNIGHT <= key[1] < MIDNIGHT + DAY}
    assert (len(case.again.late), case.again.open) == (2, [])


def test_late_cancels_and_corrections_are_amended(world: World) -> None:
    case = world.cases[REVISED]
    found, before, after = case.found, case.before, case.after
    assert [one.event_id.split(":")[2] for one in found.open] == ["trade_cancel", "trade_correct"]
    assert [one.event_id for one in found.copies] == [
        row["event_id"] for row in case.rows if row["source_id"] == "again"
    ]
    assert within(found.open, HORIZON, found.newest) == (found.open, {})
    assert [request for one in found.open for request in one.requests()] == [
        Request(REVISED, "trade", NOON + n * SECOND, NOON + (n + 1) * SECOND, "amended") for n in (5, 6)
    ]

    changed = {key for key in after if after[key] != before[key]}
    assert {key for key in changed if key[0] == "1s"} == {("1s", NOON + n * SECOND) for n in (5, 6)}
    assert all(after[key][0] - before[key][0] == (1 if key[0] == "1s" else 2) for key in changed)
    assert {key[0] for key in changed} == {"1s", "1m", "5m", "1h", "1d"}
    assert (len(case.again.late), case.again.open) == (2, [])


def test_bronze_has_what_came_at_a_place_of_the_log(spark: SparkSession, world: World) -> None:
    bronze, row = read_bronze(spark, world.lake.as_uri()), world.cases[LATE].rows[17]
    place = (row["topic"], row["kafka_partition"], row["kafka_offset"])
    value = envelope_at(bronze, *place)
    assert value is not None
    assert decode([value])[0].row(0) == tuple(row[name] for name in list(lake.BRONZE_SCHEMA.names)[:10])
    assert envelope_at(bronze, place[0], place[1], 1_000_000) is None


def test_bars_are_published_where_a_window_was_asked_for(spark: SparkSession, world: World, tmp_path: Path) -> None:
    asked = [Request(LATE, "trade", NOON + n * SECOND, NOON + (n + 1) * SECOND, "x") for n in (3, 4, 9, 80)]
    (task,) = coalesce(asked)
    done = replay(spark, world.lake.as_uri(), tmp_path / "out", task.span, task.entities, kinds=(task.kind,))
    touched = _touched(spark, task, records(spark, done.out, "bar")).collect()
    assert sorted((row.interval, row.window_start - NOON) for row in touched) == [
        ("1d", MIDNIGHT - NOON), ("1h", 0), ("1m", 0), ("1s", 3 * SECOND), ("1s", 4 * SECOND), ("1s", 9 * SECOND),
        ("5m", 0),
    ]  # fmt: skip
    named = [Request(LATE, "trade", NOON, NOON + n * SECOND, "revised") for n in (1, 60, 86_400)]
    (itself,) = coalesce([*named, *named])
    touched = _touched(spark, itself, records(spark, done.out, "bar")).collect()
    assert sorted((row.interval, row.window_start - NOON) for row in touched) == [("1m", 0), ("1s", 0)]
