"""A replay's bars are those of its records, however these are spread over files, tasks and batches."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from property.window_oracle import DAY, SECOND, Key, Quote, Revision, Trade, bar, quote_bar

from batch.ranges import Span
from batch.replaying import window_workers as windows
from batch.replaying.files import LOW_RATE, Bar
from batch.replaying.revisions import Resolved
from schemas.catalog import INTERVALS
from schemas.quality import default_quality
from udfs.windows.partial import SCHEMA

START = 20_000 * DAY - 40 * SECOND
ENTITIES = ("v:A", "v:B", "v:C")
LONG_ID = "an-id-that-fits-no-two-words-"


def some_trades(count: int = 300) -> list[Trade]:
    """Return trades of three instruments around a midnight, some with ids that are too long for words."""
    dice = Random(5)
    times = [START + dice.randrange(80) * SECOND + dice.choice([0, 250_000]) for _ in range(count)]
    return [
        Trade(dice.choice(ENTITIES), time, time, n, f"{LONG_ID * (n % 3 == 0)}{n}", dice.randrange(1, 10**28),
              dice.randrange(1, 10**12), dice.choice(["buy", "sell"]))
        for n, time in enumerate(times, 1)
    ]  # fmt: skip


def write(folder: Path, records: list[Trade] | list[Quote], files: int) -> None:
    """Write records as a replay's folds do."""
    folder.mkdir(parents=True)
    for k in range(files):
        those = records[k::files]
        columns = {
            "entity_id": [record.entity for record in those],
            "venue_trade_id": [getattr(record, "trade_id", "") for record in those],
            "event_time": [record.time for record in those],
            "value": [record.wire() for record in those],
        }
        pq.write_table(pa.table(columns), folder / f"{k}.parquet")


def bars_of(
    folder: Path, kind: str, made: Bar, span: Span | None = None, resolved: Resolved | None = None, tasks: int = 2
) -> list[bytes]:
    """Run both functions as Spark does; `folder` has the records and gets the bars."""
    dice = Random(3)
    paths = [str(path) for name in (kind, LOW_RATE) for path in sorted((folder / name).glob("*.parquet"))]
    parts: list[dict[str, object]] = []
    for k in range(tasks):
        given = pa.RecordBatch.from_pydict({"path": pa.array(paths[k::tasks], pa.string())})
        for batch in windows.fold_files(made, resolved or {})([given]):
            parts += batch.to_pylist()
    dice.shuffle(parts)
    (folder / made).mkdir()
    values, counted = [], 0
    for reducer in range(tasks):
        met = [part for part in parts if sum(f"{part['entity_id']}{part['day']}".encode()) % tasks == reducer]
        met.sort(key=lambda part: [part[name] for name in windows.MEET])
        table = pa.Table.from_pylist(met, SCHEMA)
        merged = windows.merge_windows(made, folder, span or Span(), default_quality())
        (counts,) = merged(iter(table.to_batches(max_chunksize=7)))
        counted += counts.to_pylist()[0]["count"]
        for path in sorted((folder / made).iterdir()):
            values += pq.read_table(path)["value"].to_pylist()
            path.unlink()
    assert counted == len(values)
    return sorted(values)


def in_windows(trades: list[Trade]) -> dict[Key, list[Trade]]:
    found = defaultdict(list)
    for trade in trades:
        for interval, length in INTERVALS.items():
            found[trade.entity, interval, trade.time // length * length].append(trade)
    return found


@pytest.mark.parametrize("most", [1, 40, 250_000])
def test_bars_are_those_of_all_trades(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """However soon a task hands on what it has: a day's windows stay together, and no other day's are lost."""
    monkeypatch.setattr(windows, "MOST", most)
    trades = some_trades()
    write(tmp_path / "trade", trades, files=5)
    expected = sorted(bar(key, those) for key, those in in_windows(trades).items())
    assert bars_of(tmp_path, "trade", "bar") == expected


def test_bars_that_a_range_cuts_are_left_out(tmp_path: Path) -> None:
    trades = some_trades()
    write(tmp_path / "trade", trades, files=2)
    span = Span(START + 10 * SECOND, START + 70 * SECOND)
    assert span.start is not None
    assert span.end is not None
    whole = {
        key: those
        for key, those in in_windows(trades).items()
        if span.start <= key[2] and key[2] + INTERVALS[key[1]] <= span.end
    }
    assert {interval for _, interval, _ in whole} == {"1s"}
    assert bars_of(tmp_path, "trade", "bar", span) == sorted(bar(key, those) for key, those in whole.items())


def test_quote_bars_are_those_of_all_quotes(tmp_path: Path) -> None:
    dice = Random(9)
    quotes = [
        Quote(dice.choice(ENTITIES), time, time, n, (n, 10**20 + n, 10**19, 10**27))
        for n, time in enumerate((START + dice.randrange(80) * SECOND for _ in range(300)), 1)
    ]
    write(tmp_path / "quote", quotes, files=3)
    found = defaultdict(list)
    for quote in quotes:
        found[quote.entity, "1s", quote.time // SECOND * SECOND].append(quote)
    expected = sorted(quote_bar(key, those) for key, those in found.items())
    assert bars_of(tmp_path, "quote", "quote_bar") == expected


def test_a_revision_means_the_trade_of_its_entity_id_and_time(tmp_path: Path) -> None:
    """A trade of another time or entity, and the same id, stands; each revision is an event of its windows."""
    trades = some_trades()
    trades += [trades[0]._replace(time=trades[0].time + SECOND, seq=900), trades[1]._replace(entity="v:D")]
    gone, changed = trades[0], trades[1]
    resolved: Resolved = {
        (gone.entity, gone.trade_id, gone.time): None,
        (changed.entity, changed.trade_id, changed.time): (2**64 + 5, 2**64 + 7),
        (changed.entity, "of no trade", changed.time): None,
    }
    revisions = [
        Revision(trade.entity, trade.time, trade.ingest, n) for n, trade in enumerate((gone, changed, gone), 1)
    ]
    write(tmp_path / "trade", trades, files=2)
    (tmp_path / LOW_RATE).mkdir()
    values = [revision.wire() for revision in revisions]
    topics = [f"normalized.{name}.v1" for name in ("trade_cancel", "trade_cancel", "trade_cancel", "gap")]
    pq.write_table(
        pa.table({"topic": topics, "value": [*values, b"a gap"]}), tmp_path / LOW_RATE / "revision-0.parquet"
    )

    left = [trade._replace(price=2**64 + 5, size=2**64 + 7) if trade is changed else trade for trade in trades[1:]]
    events = Counter(key for each in (*trades, *revisions) for key in in_windows([each]))  # type: ignore[list-item]
    kept = in_windows(left)
    expected = sorted(bar(key, kept.get(key, []), count) for key, count in events.items())
    assert bars_of(tmp_path, "trade", "bar", resolved=resolved) == expected
