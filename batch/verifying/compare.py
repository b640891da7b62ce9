"""Compare two views: digests per day first, and where these differ, key by key and field by field.

A digest does not depend on order: rows are spread over fixed buckets by their key, a bucket's digest is the SHA-256 of
its sorted row hashes, a day's digest the SHA-256 of its bucket digests in order. Two runs with equal records have equal
digests, on any machine.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as fn

from batch.spark.views import View

BUCKETS = 64
#: What a difference is: only in the replay, only in the store, in both with other content, in the store too often; or
#: nothing is known of the store's records, because it cannot be read.
MISSING, EXTRA, DIFFERENT, REPEATED, UNREADABLE = "missing", "extra", "different", "repeated", "unreadable"
EMPTY_DIGEST = hashlib.sha256().hexdigest()

Buckets = dict[tuple[str, int], tuple[int, str]]


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


def buckets(view: View) -> Buckets:
    """Return rows and digest per (day, bucket)."""
    if view.empty:
        return {}
    rows = view.rows.select("day", "row", fn.pmod(fn.xxhash64("key"), fn.lit(BUCKETS)).cast("int").alias("bucket"))
    digest = fn.sha2(fn.concat_ws("", fn.transform(fn.sort_array(fn.collect_list("row")), fn.hex)).cast("binary"), 256)
    grouped = rows.groupBy("day", "bucket").agg(fn.count("*").alias("n"), digest.alias("digest"))
    return {(row.day, row.bucket): (row.n, row.digest) for row in grouped.collect()}


def day_lines(expected: Buckets, actual: Buckets) -> list[DayLine]:
    """Combine bucket digests to one line a day, both sides next to each other."""

    def side(found: Buckets, day: str) -> tuple[int, str]:
        mine = [(bucket, *found[at]) for at in sorted(found) for bucket in [at[1]] if at[0] == day]
        text = "".join(f"{bucket}:{n}:{digest};" for bucket, n, digest in mine)
        return sum(n for _, n, _ in mine), hashlib.sha256(text.encode()).hexdigest()

    lines = []
    for day in sorted({at[0] for at in (*expected, *actual)}):
        (replayed, left), (found, right) = side(expected, day), side(actual, day)
        lines.append(DayLine(day, replayed, found, left, right))
    return lines


def compare(table: str, expected: View, actual: View, *, limit: int = 20) -> Comparison:
    """Compare a store's view with the replay's; at most `limit` differences are shown, all are counted."""
    with ThreadPoolExecutor(2) as pool:  # while one side is planned, on one core, the other one is computed
        left, right = pool.map(buckets, (expected, actual))
    result = Comparison(table, day_lines(left, right))
    unequal = sorted(at for at in {*left, *right} if left.get(at) != right.get(at))
    if unequal:
        _explain(result, expected, actual, unequal, limit)
        if not result.differences:  # digests that differ must be explained: never report them away
            result.counts[DIFFERENT] = len(unequal)
            result.notes.append("digests differ but no key was found that does: the stores changed while being read")
    return result


def unreadable(table: str, why: str) -> Comparison:
    """Return the comparison with a store that could not be read to its end: one difference, whatever it holds."""
    return Comparison(table, counts={UNREADABLE: 1}, notes=[f"the store cannot be read: {why}"])


def _explain(result: Comparison, expected: View, actual: View, unequal: list[tuple[str, int]], limit: int) -> None:
    spark = expected.rows.sparkSession
    wanted = fn.broadcast(spark.createDataFrame(unequal, "day STRING, bucket INT"))

    def side(view: View, name: str) -> DataFrame:
        bucket = fn.pmod(fn.xxhash64("key"), fn.lit(BUCKETS)).cast("int")
        rows = view.rows.withColumn("bucket", bucket).join(wanted, ["day", "bucket"])
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
