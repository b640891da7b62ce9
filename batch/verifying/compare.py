"""Compare a store with a replay: digests per day first, and where these differ, key by key and field by field.

A digest does not depend on order, and needs no sort and no shuffle of rows: it is the sum of the rows' hashes, in four
parts of 32 bits (`sums`). Two runs with equal records have equal digests, on any machine. It finds mistakes of any
size; it is no signature against somebody who makes up records in order to meet a sum.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as fn

from batch.spark.views import View, half_sums
from batch.verifying.sums import ByBucket, ByDay, Sums

BUCKETS = 64
#: What a difference is: only in the replay, only in the store, in both with other content, in the store too often; or
#: nothing is known of the store's records, because it cannot be read.
MISSING, EXTRA, DIFFERENT, REPEATED, UNREADABLE = "missing", "extra", "different", "repeated", "unreadable"


@dataclass(frozen=True)
class Side:
    """One side of a comparison: its sums, and how its rows are had if these differ."""

    sums: ByDay
    rows: Callable[[], View]


@dataclass(frozen=True)
class DayLine:
    """One table on one day."""

    day: str
    replayed: int
    found: int
    replay_digest: str
    found_digest: str

    @property
    def equal(self) -> bool:
        return self.replayed == self.found and self.replay_digest == self.found_digest


@dataclass(frozen=True)
class Difference:
    """One key that differs; `fields` maps a field to its text in the replay and in the store."""

    kind: str
    day: str
    key: str
    fields: dict[str, tuple[str | None, str | None]]


@dataclass
class Comparison:
    """A store against the replay."""

    table: str
    days: list[DayLine] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    samples: list[Difference] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def replayed(self) -> int:
        return sum(line.replayed for line in self.days)

    @property
    def found(self) -> int:
        return sum(line.found for line in self.days)

    @property
    def differences(self) -> int:
        return sum(self.counts.values())

    @property
    def status(self) -> str:
        """Return ``different``, ``empty`` (nothing on both sides, which proves nothing) or ``equal``."""
        if self.differences or not all(line.equal for line in self.days):
            return "different"
        return "equal" if self.replayed else "empty"


def of_view(view: View) -> Side:
    """Return a side whose sums Spark makes of its rows: for what no worker reads itself."""
    rows = view.rows if view.digested is None else view.digested
    return Side({} if view.empty else {row.day: _sums(row) for row in _summed(rows, "day")}, lambda: view)


def by_bucket(view: View) -> ByBucket:
    """Return the sums of each day and bucket of keys."""
    if view.empty:
        return {}
    rows = view.rows.withColumn("bucket", _bucket())
    return {(row.day, row.bucket): _sums(row) for row in _summed(rows, "day", "bucket")}


def _bucket() -> Column:
    return fn.pmod(fn.xxhash64("key"), fn.lit(BUCKETS)).cast("int")


def _summed(rows: DataFrame, *by: str) -> list[Row]:
    parts = [part for salt in range(2) for part in half_sums(fn.xxhash64("row", fn.lit(salt)))]
    return rows.groupBy(*by).agg(fn.count("*").alias("rows"), fn.array(*parts).alias("parts")).collect()


def _sums(row: Row) -> Sums:
    return Sums(row["rows"], tuple(row.parts))


def day_lines(expected: ByDay, actual: ByDay) -> list[DayLine]:
    """Return one line a day, both sides next to each other."""
    lines = []
    for day in sorted({*expected, *actual}):
        left, right = expected.get(day, Sums()), actual.get(day, Sums())
        lines.append(DayLine(day, left.rows, right.rows, left.digest, right.digest))
    return lines


def compare(table: str, expected: Side | View, actual: Side | View, *, limit: int = 20) -> Comparison:
    """Compare a store with the replay; at most `limit` differences are shown, all are counted.

    Rows are looked at only if sums differ. Two views are summed by Spark; a view and what a worker read do not compare.
    """
    expected, actual = (of_view(side) if isinstance(side, View) else side for side in (expected, actual))
    result = Comparison(table, day_lines(expected.sums, actual.sums))
    if not all(line.equal for line in result.days):
        left, right = expected.rows(), actual.rows()
        with ThreadPoolExecutor(2) as pool:  # while one side is planned, on one core, the other one is computed
            places = list(pool.map(by_bucket, (left, right)))
        unequal = sorted(at for at in {*places[0], *places[1]} if places[0].get(at) != places[1].get(at))
        if unequal:
            _explain(result, left, right, unequal, limit)
        if not result.differences:  # digests that differ must be explained: never report them away
            result.counts[DIFFERENT] = max(1, len(unequal))
            result.notes.append("digests differ but no key was found that does: the stores changed while being read")
    return result


def unreadable(table: str, why: str) -> Comparison:
    """Return the comparison with a store that could not be read to its end: one difference, whatever it holds."""
    return Comparison(table, counts={UNREADABLE: 1}, notes=[f"the store cannot be read: {why}"])


def _explain(result: Comparison, expected: View, actual: View, unequal: list[tuple[str, int]], limit: int) -> None:
    spark = expected.rows.sparkSession
    wanted = fn.broadcast(spark.createDataFrame(unequal, "day STRING, bucket INT"))

    def side(view: View, name: str) -> DataFrame:
        rows = view.rows.withColumn("bucket", _bucket()).join(wanted, ["day", "bucket"])
        found = fn.sort_array(fn.collect_list(fn.struct("row", "fields")))
        return rows.groupBy("day", "key").agg(found.alias(name))

    both = side(expected, "e").join(side(actual, "a"), ["day", "key"], "full_outer")
    hashes = both.withColumn("eh", fn.col("e.row")).withColumn("ah", fn.col("a.row"))
    kind = (
        fn.when(fn.col("a").isNull(), MISSING)
        .when(fn.col("e").isNull(), EXTRA)
        .when(fn.array_distinct("eh") == fn.array_distinct("ah"), REPEATED)
        .otherwise(DIFFERENT)
    )
    differing = hashes.where("NOT (eh <=> ah)").withColumn("kind", kind).cache()
    try:
        result.counts = {row.kind: row["count"] for row in differing.groupBy("kind").count().collect()}
        for row in differing.orderBy("day", "key").limit(limit).collect():
            result.samples.append(_difference(row, expected.names))
    finally:
        differing.unpersist()


def _difference(row: Any, names: tuple[str, ...]) -> Difference:
    """Show the first record that the two sides do not share; of a record only one side has, all fields."""
    e, a = list(row.e or []), list(row.a or [])
    left = next((x for x in e if bytes(x.row) not in {bytes(y.row) for y in a}), e[0] if e else None)
    right = next((x for x in a if bytes(x.row) not in {bytes(y.row) for y in e}), a[0] if a else None)
    fields: dict[str, tuple[str | None, str | None]] = {}
    for index, name in enumerate(names):
        values = (left.fields[index] if left else None, right.fields[index] if right else None)
        if values[0] != values[1]:
            fields[name] = values
    if row.kind == REPEATED:
        fields["(rows)"] = (str(len(e)), str(len(a)))
    return Difference(row.kind, row.day, row.key, fields)
