"""One pass over everything that is compared: what is to be read is said first, and then read once, by all cores.

Workers read partitions of topics, files of tables and the replay's files themselves. What is no plain file (tables of
several kinds of file, tables from ClickHouse) Spark reads, and hands its rows to the same functions.
"""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession

from batch.ranges import Days
from batch.replaying.files import ArrowFunction, Batches
from batch.verifying.entries import Chunk, Settled, Settling, ill_numbered, ranges_for
from batch.verifying.scans import (
    WIRE,
    Found,
    LowRateScan,
    Range,
    ReplayScan,
    Scan,
    Scanned,
    Source,
    TopicScan,
    entry_type,
    keep_of,
    replayed,
)
from batch.verifying.sums import ByDay, Sums, added
from batch.verifying.table_scans import SUMS_SCHEMA, TableScan, of_rows, summed_rows, summed_values
from schemas.domains import domains


class UnreadableError(RuntimeError):
    """A store could not be read to its end."""


@dataclass(frozen=True)
class Topic:
    """What a topic holds, with the records that count in `sums`.

    `records` and `unreadable` are of all its records, `wrong_keys` too; `kept` are those that count, of `groups` (raw
    records: event ids; trades and quotes: frames). `series` and `ill` are of what is numbered: entities and dates, and
    how many of these are not 1, 2, 3 … n.
    """

    sums: ByDay
    records: int = 0
    unreadable: int = 0
    wrong_keys: int = 0
    kept: int = 0
    groups: int = 0
    ids: int = 0
    series: int = 0
    ill: int = 0


class Reading:
    """What is to be read, and after `run` what was found; `folder` takes what waits to be settled, and is removed."""

    def __init__(self, spark: SparkSession, folder: Path, asked: Range) -> None:
        self._spark, self._folder, self._asked = spark, folder, asked
        self._scans: list[Scan] = []
        self._jobs: dict[str, Callable[[], Scanned]] = {}
        self._found: Scanned = {}
        self._settled: dict[str, list[Settled]] = {}

    # --- what is to be read ---

    def topic(self, parts: Sequence[Source]) -> None:
        """Ask for a topic by all its parts."""
        ranges = ranges_for(sum(part.end - part.begin for part in parts))
        for part in parts:
            kind = domains().topics[part.topic].contract
            self._scans.append(TopicScan(part, kind, self._asked, ranges, self._folder))

    def replayed(self, files: Iterable[Path], kind: str, forms: Sequence[str]) -> None:
        """Ask for a replay's records of a kind, in some forms: `scans.WIRE` or stores."""
        self._scans += [ReplayScan(path, kind, tuple(forms), self._asked) for path in files]

    def low_rate(self, files: Sequence[Path]) -> None:
        """Ask for a replay's records of all low-rate topics."""
        ranges = ranges_for(sum(pq.read_metadata(path).num_rows for path in files))
        self._scans += [LowRateScan(path, self._asked, ranges, self._folder) for path in files]

    def files(self, table: str, uris: Sequence[str], store: str, kind: str, days: Days) -> None:
        """Ask for a table that is all in Parquet files on this machine."""
        self._scans += [TableScan(table, uri, store, kind, self._asked, days) for uri in uris]

    def rows(self, table: str, typed: DataFrame, store: str, kind: str) -> None:
        """Ask for a table by its rows, which have the types of the contract."""
        self._jobs[table] = lambda: {table: Found(self.sums_of(typed, store, kind))}

    def values(self, kind: str, values: DataFrame, forms: Sequence[str]) -> None:
        """Read replayed records of a kind at once, by a column of their wire bytes, in some forms.

        Raises:
            Py4JJavaError, PySparkException: they cannot be read.
        """
        summed = values.mapInArrow(summed_values(kind, tuple(forms), self._asked), SUMS_SCHEMA)
        self._found[replayed(kind)] = Found(of_rows(summed.collect()))

    def sums_of(self, typed: DataFrame, store: str, kind: str) -> dict[str, dict[str, Sums]]:
        """Return the sums of rows at once, under `store`.

        Raises:
            Py4JJavaError, PySparkException: they cannot be read.
        """
        return {store: {}, **of_rows(typed.mapInArrow(summed_rows(store, kind), SUMS_SCHEMA).collect())}

    # --- reading ---

    def run(self) -> None:
        """Read all of it."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        try:
            with ThreadPoolExecutor(2) as pool:
                for done in pool.map(lambda job: job(), (self._scan, *map(self._guarded, self._jobs))):
                    for what, found in done.items():
                        self._found.setdefault(what, Found()).merge(found)
            self._settle()
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _scan(self) -> Scanned:
        found: Scanned = {}
        for one in self._spread(sorted(self._scans, key=lambda scan: -scan.cost)):
            for what, part in one.items():
                found.setdefault(what, Found()).merge(part)
        return found

    def _guarded(self, table: str) -> Callable[[], Scanned]:
        def run() -> Scanned:
            try:
                return self._jobs[table]()
            except Exception as error:  # noqa: BLE001 - whatever it is, it hides no other store
                return {table: Found(errors=[str(error)])}

        return run

    def _spread(self, tasks: Sequence[Any]) -> list[Any]:
        """Run tasks on all cores, in this order."""
        if not tasks:
            return []
        # One row a part: of a local table Spark makes as many parts as cores, and one might have all that is large.
        count = len(tasks)
        found = self._spark.range(0, count, 1, count).mapInArrow(_each(tasks), "found BINARY").collect()
        return [pickle.loads(row.found) for row in found]  # noqa: S301 - our own task's

    def _settle(self) -> None:
        tasks = []
        for what, found in self._found.items():
            if found.chunks:
                kind = domains().topics[what.removeprefix(replayed(""))].contract
                tasks += _settlings(what, kind, found.chunks)
        for what, settled in self._spread(tasks):
            self._settled.setdefault(what, []).extend(settled)

    # --- what was found ---

    def sums(self, what: str, form: str = WIRE) -> ByDay:
        """Return the sums of a table, or of what was replayed of a kind, in a form.

        Raises:
            UnreadableError: it could not be read.
        """
        found = self._found.get(what, Found())
        _whole(found)
        return found.sums.get(form, {})

    def settled(self, what: str) -> Topic:
        """Return what a topic holds, or a replay of it.

        Raises:
            UnreadableError: it could not be read.
        """
        found = self._found.get(what, Found())
        _whole(found)
        ranges = self._settled.get(what, [])
        series, ill = ill_numbered([one.series for one in ranges if one.series is not None])
        return Topic(
            added(one.sums for one in ranges),
            found.counts.get("records", 0),
            found.counts.get("unreadable", 0),
            found.counts.get("wrong_keys", 0),
            sum(one.records for one in ranges),
            sum(one.groups for one in ranges),
            sum(one.ids for one in ranges),
            series,
            ill,
        )


def all_of(several: Iterable[Topic]) -> Topic:
    """Return what several topics hold together."""
    found = list(several)
    counts = {field.name: sum(getattr(one, field.name) for one in found) for field in fields(Topic)[1:]}
    return Topic(added(one.sums for one in found), **counts)


def _each(tasks: Sequence[Any]) -> ArrowFunction:
    """Return the function that runs tasks by their number."""

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        for number in (number for batch in batches for number in batch.column(0).to_pylist()):
            yield pa.RecordBatch.from_pydict({"found": pa.array([pickle.dumps(tasks[number].run())], pa.binary())})

    return run


def _whole(found: Found) -> None:
    if found.errors:
        raise UnreadableError(found.errors[0])


def _settlings(what: str, kind: str, chunks: Sequence[Chunk]) -> list[Settling]:
    """Return the tasks that settle entries, of some ranges each; small ones are settled together."""
    count = len(chunks[0].bounds) - 1
    return [
        Settling(what, entry_type(kind), keep_of(kind), tuple(chunks), tuple(range(count)[first::_STRIDE]))
        for first in range(min(_STRIDE, count))
    ]


#: Into how many tasks a topic's ranges are dealt out.
_STRIDE = 8
