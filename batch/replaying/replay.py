"""Replay: Bronze → the stream's own folds, bounded by time and entity.

    bronze_raw's files ──(every shard in one task, in log order)──► fold ──► trade, quote (and dead letters)
    cancels, corrections ──► what became of each trade that they mean (revisions.py)
    trade, quote ──► windows of each task ──(by entity and day)──► merged windows ──► bar, quote_bar (window_workers.py)

Every record carries its wire bytes in ``value``: what the stream must have written, byte for byte.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession

from batch.ranges import Span
from batch.replaying import window_workers as windows
from batch.replaying.files import (
    COUNTS,
    COUNTS_SCHEMA,
    LOW_RATE,
    REJECTED,
    WRITTEN,
    Bar,
    Folded,
    Kind,
    low_rate,
)
from batch.replaying.normalize_workers import fold
from batch.replaying.redrive_verdicts import redriven
from batch.replaying.revisions import Resolved, resolve
from batch.replaying.shards import Plan, plan, survey, tasks
from batch.spark.bronze import Which, newest_instant, read_bronze
from schemas import catalog
from schemas.catalog import REVISIONS
from schemas.quality import Quality, default_quality
from schemas.versions import Schedule

KINDS: tuple[Kind, ...] = ("trade", "quote")
BARS: tuple[Bar, ...] = ("bar", "quote_bar")
#: The bar that each kind is reduced to.
BAR_OF: dict[Kind, Bar] = dict(zip(KINDS, BARS, strict=True))


@dataclass
class Replayed:
    """Where the records are (Parquet, one folder a kind under `out`) and how it went; times in seconds.

    Spark's workers count what became of each event, in ``balance``; another engine says how many were ``read``.
    """

    out: Path
    records: dict[str, int] = field(default_factory=dict)
    balance: dict[str, dict[str, int]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    read: int = 0

    @property
    def events(self) -> int:
        """Return how many Bronze events were folded."""
        return self.read or sum(counts.get("envelopes", 0) for counts in self.balance.values())

    def table(self, kind: str) -> pa.Table:
        """Read the records of a kind: a bar's fields, `files.KEPT` of the others, and ``value``, the wire bytes.

        Raises:
            KeyError: no such kind was replayed.
        """
        if kind not in self.records:
            raise KeyError(f"{kind} was not replayed; there are {', '.join(self.records)}")
        return pq.read_table(self.out / kind)

    def as_json(self) -> dict[str, Any]:
        total = self.seconds.get("total", 0.0)
        rate = round(self.events / total) if total else 0
        return {**asdict(self), "out": str(self.out), "events": self.events, "events_per_second": rate}


class BalanceError(RuntimeError):
    """A kernel lost or invented records: in ≠ out + duplicates + dead letters + not normalized."""


def replay(
    spark: SparkSession,
    lake_uri: str,
    out: Path,
    span: Span,
    entity: Which = None,
    *,
    kinds: Sequence[Kind] = KINDS,
    reduce: bool = True,
    to_the_end: bool = False,
    quality: Quality | None = None,
    schedule: Schedule | None = None,
) -> Replayed:
    """Recompute a range from Bronze into `out` (a local folder, replaced), by `quality` or the project's own rules.

    `schedule` says which versions of behaviour hold where, and has the rules that judged frames; without one this
    code's versions hold everywhere.

    Trades and quotes are those whose event time lies in `span`; bars those whose whole window does (without `reduce`:
    none). Dead letters are those of all dates that are read; with `to_the_end`, of the span's first and all after it.

    Raises:
        BronzeError: there is no Bronze table.
        BalanceError: counts do not balance.
    """
    began = time.perf_counter()
    result = Replayed(out)
    instant = newest_instant(spark, lake_uri)
    rules = quality or default_quality()
    for name in (*KINDS, *BARS, REJECTED, LOW_RATE):
        shutil.rmtree(out / name, ignore_errors=True)
        (out / name).mkdir(parents=True)

    # A trade may be revised long after it: whatever came later, in the whole of Bronze, counts.
    later = Span(span.start, None)
    bronze = read_bronze(spark, lake_uri, instant)
    copies = redriven(bronze).copies
    found = survey(spark, bronze.inputFiles(), ("revision", *kinds) if "trade" in kinds else kinds, span, entity)

    def normalize(kind: Folded, span: Span, *, to_the_end: bool = False) -> None:
        began = time.perf_counter()
        work = plan(found, kind, span, entity, to_the_end=to_the_end)
        folded = fold(kind, out, span, rules, copies, schedule or Schedule())
        counted = tasks(spark, work, entity).mapInArrow(folded, COUNTS_SCHEMA) if work.shards else None
        _normalize(result, kind, work, counted)
        result.seconds[kind] = round(time.perf_counter() - began, 3)

    def both(kind: Kind, revisions: Future[None] | None) -> None:
        normalize(kind, span, to_the_end=to_the_end)
        if revisions:
            revisions.result()
        if reduce:
            _aggregate(spark, result, kind, BAR_OF[kind], span, rules, schedule)

    # Kinds side by side: while one waits for its last shard, another uses the core.
    with ThreadPoolExecutor(1 + len(KINDS)) as pool:
        revisions = pool.submit(normalize, "revision", later) if "trade" in kinds else None
        for done in [pool.submit(both, kind, revisions if kind == "trade" else None) for kind in kinds]:
            done.result()
    result.seconds["total"] = round(time.perf_counter() - began, 3)
    return result


def _normalize(result: Replayed, kind: Folded, work: Plan, counted: DataFrame | None) -> None:
    """Count what the tasks did."""
    found: dict[str, int] = {}
    for row in [] if counted is None else counted.collect():
        found[row.name] = found.get(row.name, 0) + row["count"]
    balance = {name: found.get(name, 0) for name in COUNTS}
    accounted = sum(balance[name] for name in COUNTS if name != "envelopes")
    if not balance["envelopes"] == accounted == work.rows:
        raise BalanceError(f"{kind}: {work.rows} rows of Bronze, {balance}")
    result.balance[kind] = balance
    if kind != "revision":
        result.records[kind] = found.get(WRITTEN, 0)


def _aggregate(
    spark: SparkSession,
    result: Replayed,
    kind: Kind,
    bar: Bar,
    span: Span,
    quality: Quality,
    schedule: Schedule | None,
) -> None:
    began = time.perf_counter()
    files = sorted((result.out / kind).glob("*.parquet"))
    resolved: Resolved = {}
    if bar == "bar" and result.balance["revision"]["frames"]:
        # Only what the fold of revisions wrote: another one may still be writing.
        files += sorted((result.out / LOW_RATE).glob("revision-*.parquet"))
        resolved = resolve(*(low_rate(spark, result.out, catalog.topic(each), "revision") for each in REVISIONS))
    found = 0
    if files:
        paths = spark.createDataFrame([(str(path),) for path in files], windows.PATHS_SCHEMA)
        parts = paths.mapInArrow(windows.fold_files(bar, resolved), windows.WINDOWS_SCHEMA)
        sorted_parts = parts.repartition(*windows.MEET).sortWithinPartitions(*windows.MEET)
        counted = sorted_parts.mapInArrow(
            windows.merge_windows(bar, result.out, span, quality, schedule), COUNTS_SCHEMA
        )
        found = sum(row["count"] for row in counted.collect())
    result.records[bar] = found
    result.seconds[bar] = round(time.perf_counter() - began, 3)
