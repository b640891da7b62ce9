"""The windows of the analytics job: the real SQL and the real finishing kernels, and a model of Flink's operator.

SQLite runs the texts of `sql/`, of ``transport.fresh`` and of ``repair.repair_rows``. Flink's part is written here: a
watermark per partition that is 1 s behind its newest event, the sources' watermark as the least of those that are not
idle, a first result when it passes a window's end, one more for every later row, and state that is dropped when it
passes the end plus the lateness. A restart forgets the partitions' watermarks, as Flink does.

Between sources and windows are the subtasks of KeepWatermark (`connectors/watermarks`), and with them the requests for
repair: each hands on rows behind the watermark that it has, and the windows have the least of theirs. After a restart
each has the highest of all before it; they come up one by one.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections import Counter
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cache, partial
from typing import Any, NamedTuple

from property.model import HORIZON, LENGTHS, SKEW
from pyflink.common import Row, RowKind

import sql
from flink_jobs.analytics import QUOTE, TRADE
from flink_jobs.finish import finish_bars, finish_quote_bars
from flink_jobs.repair import repair_rows
from flink_jobs.transport import fresh
from schemas.quality import default_quality

INTERVALS = {"trade": ("1s", "1m", "1d"), "quote": ("1s",)}
COLUMNS = {"trade": TRADE, "quote": QUOTE}
BARS: dict[str, sql.Kind] = {"trade": "bar", "quote": "quote_bar"}
RULES = {kind: default_quality().of(f"analytics.{bar}.v1") for kind, bar in BARS.items()}
FINISH = {"trade": partial(finish_bars, RULES["trade"]), "quote": partial(finish_quote_bars, RULES["quote"])}
BOUND_MS = 1_000  # of the watermark, behind the newest event
LATENESS_MS = (HORIZON + SKEW) // 1_000
NEVER = -(1 << 62)
#: The row that came last, if the duplicate filter lets it through. Of its entity and day alone, as the filter is keyed.
NEWEST = "(SELECT * FROM fresh WHERE entity_id = ? AND ingest_date = ? AND pt = ?)"


class Window(NamedTuple):
    """A key of the window operator; times in µs."""

    entity: str
    interval: str
    start: int

    @property
    def last_ms(self) -> int:
        """Return the last millisecond that lies in it."""
        return (self.start + LENGTHS[self.interval]) // 1_000 - 1


def windows_of(kind: str, row: dict[str, Any]) -> list[Window]:
    """Return the windows that a normalized record lies in."""
    return [
        Window(row["entity_id"], interval, row["event_time"] // LENGTHS[interval] * LENGTHS[interval])
        for interval in INTERVALS[kind]
    ]


@dataclass
class _Pane:
    """A window's state: its rows (by arrival), what it said last, and whether the watermark has passed its end."""

    rows: list[int] = field(default_factory=list)
    said: tuple[Any, ...] | None = None
    fired: bool = False


@dataclass
class _State:
    """What a checkpoint holds; the last four are no state of Flink's, they tell what it must or cannot know."""

    offsets: dict[int, int] = field(default_factory=dict)
    arrivals: int = 0
    panes: dict[Window, _Pane] = field(default_factory=dict)
    highest: int = NEVER  # watermark of any subtask
    taken: Counter[Window] = field(default_factory=Counter)  # fresh rows read so far
    cleaned: set[Window] = field(default_factory=set)  # windows whose state is gone
    dropped: set[Window] = field(default_factory=set)  # windows that miss a row, for it came after that
    anew: set[Window] = field(
        default_factory=set
    )  # windows that took one all the same, before their watermark was back

    def copy(self) -> _State:
        panes = {window: replace(pane, rows=pane.rows.copy()) for window, pane in self.panes.items()}
        sets = {name: getattr(self, name).copy() for name in ("offsets", "taken", "cleaned", "dropped", "anew")}
        return replace(self, panes=panes, **sets)


class Published(NamedTuple):
    """A record for an analytics topic; ``window`` is None for a repair request."""

    value: bytes
    window: Window | None


class _Database(sqlite3.Connection):
    """The log that a job has read, its duplicate filter, and the pane of which something is asked."""

    #: The watermark that ``CURRENT_WATERMARK`` gives.
    passed = NEVER

    def create(self, kind: str) -> None:
        for name, arguments, function in (
            ("CONCAT", -1, lambda *parts: "".join(map(str, parts))),
            ("FLOOR_SECOND", 1, lambda ms: ms // 1_000 * 1_000),
            ("ADD_SECONDS", 2, lambda seconds, ms: ms + 1_000 * seconds),
            ("CURRENT_WATERMARK", 1, lambda _: None if self.passed == NEVER else self.passed),
        ):
            self.create_function(name, arguments, function)
        self.create_collation("amount", lambda a, b: (Decimal(a) > Decimal(b)) - (Decimal(a) < Decimal(b)))
        amounts = ("price", "bid_price", "bid_size", "ask_price", "ask_size")
        columns = [f"{name} TEXT COLLATE amount" if name in amounts else name for name in COLUMNS[kind]]
        bar, source = BARS[kind], ", ".join([*columns, "rowtime", "`offset`", "pt INTEGER PRIMARY KEY"])
        self.aggregates = {name: _sqlite(sql.aggregate(bar, "spark", name)) for name in INTERVALS[kind]}
        self.repairs = _sqlite(repair_rows(NEWEST, bar, LATENESS_MS))
        for statement in (
            "CREATE TABLE pane (arrival INTEGER PRIMARY KEY)",
            f"CREATE TABLE log ({source})",
            "CREATE INDEX by_scope ON log (entity_id, ingest_date)",
            f"CREATE VIEW fresh AS {fresh('log')}",
            "CREATE VIEW chosen AS SELECT log.* FROM log JOIN pane ON pt = arrival",
            f"CREATE VIEW {kind}s_keyed AS {sql.keyed(bar, 'spark', 'chosen')}",
        ):
            self.execute(_sqlite(statement))

    def clear(self) -> None:
        for table in ("log", "pane"):
            self.execute(f"DELETE FROM {table}")


@cache
def _database(kind: str) -> _Database:
    """Return the one database of a kind: jobs live one after the other, and it keeps its compiled statements."""
    found = sqlite3.connect(":memory:", isolation_level=None, factory=_Database)
    found.create(kind)
    return found


class WindowJob:
    """The analytics job's branch of one kind, fed record by record. A new one ends the one before it of its kind."""

    def __init__(self, kind: str, partitions: int) -> None:
        self.kind, self.partitions = kind, partitions
        self.state, self._saved = _State(), _State()
        self.out: list[Published] = []
        self.parallelism = 1
        self._db = _database(kind)
        self._db.clear()
        self._begin()

    def _begin(self) -> None:
        self._marks: dict[int, int] = {}
        self._idle: set[int] = set()
        self._source = NEVER
        #: Of each subtask that has come up, what it has handed on; of the one that a row is in, the last of that.
        self._kept: dict[int, int] = {}
        self._db.passed = NEVER
        #: The windows' own.
        self.watermark = NEVER

    def checkpoint(self) -> None:
        """Save what is saved: offsets, the duplicate filter's rows, the windows, and the watermark that was kept."""
        self.come_up()
        self._saved = self.state.copy()

    def crash(self, parallelism: int | None = None) -> None:
        """Begin again at the last checkpoint; what was published since stays published."""
        self.parallelism = parallelism or self.parallelism
        self.state = self._saved.copy()
        self._db.execute("DELETE FROM log WHERE pt > ?", (self.state.arrivals,))
        self._begin()

    def come_up(self) -> None:
        """Let every subtask be up, and have what the sources have."""
        for subtask in range(self.parallelism):
            self._hand_on(subtask)
        self._advance()

    def _hand_on(self, subtask: int) -> None:
        restored = self._saved.highest
        self._kept[subtask] = max(self._kept.get(subtask, restored), self._source)
        self.state.highest = max(self.state.highest, self._kept[subtask])

    def idle(self, partition: int) -> None:
        """Let a partition be without records for so long that the others go on without it."""
        self._idle.add(partition)
        self._merge()

    def read(self, partition: int, row: dict[str, Any], *, alone: bool = False) -> None:
        """Take the next record of a partition; if ``alone``, before other subtasks than its own are up or go on."""
        offset = self.state.offsets.get(partition, 0)
        self.state.offsets[partition] = offset + 1
        self.state.arrivals += 1
        values = [f"{row[name]:f}" if isinstance(row[name], Decimal) else row[name] for name in COLUMNS[self.kind]]
        time_ms = row["event_time"] // 1_000
        values += [time_ms, offset, self.state.arrivals]
        self._db.execute(f"INSERT INTO log VALUES ({', '.join('?' * len(values))})", values)
        subtask = zlib.crc32(f"{row['entity_id']} {row['ingest_date']}".encode()) % self.parallelism
        self._hand_on(subtask)
        if not alone:
            self.come_up()
        self._db.passed = self._kept[subtask]
        self._advance()
        newest = (row["entity_id"], row["ingest_date"], self.state.arrivals)
        if self._db.execute(f"SELECT 1 FROM {NEWEST}", newest).fetchone():
            self._take(row, newest)
        self._idle.discard(partition)
        self._marks[partition] = max(self._marks.get(partition, NEVER), time_ms - BOUND_MS)
        self._merge()
        if not alone:
            self.come_up()

    def _take(self, row: dict[str, Any], newest: tuple[str, str, int]) -> None:
        for request in self._db.execute(self._db.repairs, newest).fetchall():
            self._publish(None, RowKind.INSERT, request)
        for window in windows_of(self.kind, row):
            self.state.taken[window] += 1
            if window.last_ms + LATENESS_MS <= self.watermark:
                self.state.dropped.add(window)  # Flink does it without a word
                continue
            if window in self.state.cleaned:
                self.state.anew.add(window)
            pane = self.state.panes.setdefault(window, _Pane())
            pane.rows.append(self.state.arrivals)
            if pane.fired or window.last_ms <= self.watermark:
                pane.fired = True
                self._fire(window, pane)

    def _merge(self) -> None:
        marks = [
            self._marks.get(partition, NEVER) for partition in range(self.partitions) if partition not in self._idle
        ]
        self._source = max(self._source, min(marks, default=NEVER))

    def _advance(self) -> None:
        kept = [self._kept.get(subtask, NEVER) for subtask in range(self.parallelism)]
        self.watermark = max(self.watermark, min(kept))
        for window, pane in list(self.state.panes.items()):
            if not pane.fired and window.last_ms <= self.watermark:
                pane.fired = True
                self._fire(window, pane)
            if window.last_ms + LATENESS_MS <= self.watermark:
                del self.state.panes[window]
                self.state.cleaned.add(window)

    def fire_early(self) -> None:
        """Emit what is open, as 2 s of processing time do."""
        for window, pane in self.state.panes.items():
            if not pane.fired:
                self._fire(window, pane)

    def _fire(self, window: Window, pane: _Pane) -> None:
        self._db.execute("DELETE FROM pane")
        self._db.executemany("INSERT INTO pane VALUES (?)", [(arrival,) for arrival in pane.rows])
        (found,) = self._db.execute(self._db.aggregates[window.interval]).fetchall()
        if found == pane.said:
            return
        if pane.said is not None:
            self._publish(window, RowKind.UPDATE_BEFORE, pane.said)
        self._publish(window, RowKind.INSERT if pane.said is None else RowKind.UPDATE_AFTER, found)
        pane.said = found

    def _publish(self, window: Window | None, kind: RowKind, values: tuple[Any, ...]) -> None:
        row = Row(*values)
        row.set_row_kind(kind)
        self.out += [Published(value, window) for *_, value, _ in FINISH[self.kind](row)]

    def rebuild(self, interval: str) -> list[bytes]:
        """Aggregate and finish all that the duplicate filter has kept, in one go, as a replay does."""
        self._db.execute("DELETE FROM pane")
        self._db.execute("INSERT INTO pane SELECT pt FROM fresh")
        rows = self._db.execute(self._db.aggregates[interval]).fetchall()
        return [record[3] for row in rows for record in FINISH[self.kind](Row(*row))]


def _sqlite(text: str) -> str:
    """Return a statement in SQLite's words: the same functions, but texts are TEXT and a place must fit 63 bits."""
    for ours, theirs in (
        ("AS STRING", "AS TEXT"),
        ("CAST(1000000000000000000 AS DECIMAL(19, 0))", "1000000"),
        ("FLOOR(rowtime TO SECOND)", "FLOOR_SECOND(rowtime)"),
        ("TIMESTAMPADD(SECOND, ", "ADD_SECONDS("),
        ("INTERVAL '0.001' SECOND", "1"),
    ):
        text = text.replace(ours, theirs)
    return text
