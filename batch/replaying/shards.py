"""Bronze as shards: every (topic, partition) whole, in log order, in one task.

The kernels are folds over a shard's log. What a date's records become depends on earlier records of the log only, so
a bounded replay reads whole ingest dates (the scope of ``entity_seq``), the dates before that shape the identity
window, and whatever later date's records lie *between* them in the log.
"""

from __future__ import annotations

import heapq
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import BinaryType, StringType, StructField, StructType

from batch.ranges import Days, Span, warm_up_days
from batch.replaying.bronze_files import Wanted, may_hold, pieces
from batch.replaying.files import ArrowFunction, Batches
from batch.replaying.steps import Piece, ShardKey, Step, steps
from batch.spark.bronze import Which
from schemas.catalog import DAY, FACTS, REVISIONS
from schemas.domains import UNASSIGNED, domains, raw_topic

_FILES = StructType([StructField("file", StringType())])
_FOUND = StructType([StructField("found", BinaryType())])


@dataclass(frozen=True, order=True)
class Shard:
    """One topic-partition: rows to fold, and the last offset that may shape the result."""

    topic: str
    partition: int
    rows: int
    last_offset: int

    @property
    def key(self) -> ShardKey:
        return (self.topic, self.partition)


@dataclass(frozen=True)
class Plan:
    """What to read for one kind: dates, shards, and the pieces of files that hold them."""

    days: Days
    shards: tuple[Shard, ...]
    pieces: tuple[Piece, ...] = ()

    @property
    def rows(self) -> int:
        return sum(shard.rows for shard in self.shards)


@dataclass(frozen=True)
class Task:
    """What one task reads, in this order."""

    wanted: Wanted
    steps: tuple[Step, ...]


def topics_of(kind: str, *, whole: bool = True) -> list[str]:
    """Return the raw topics that feed a kind (or ``revision``, for what revises trades).

    With the trades go frames of no known entity, as dead letters, and channels that are read for their numbers only.
    So do venues of reference data, in a `whole` replay only: their horizon is decades, and what they become is looked
    at as a whole.
    """
    doc = domains()
    names = [topic.name for topic in doc.topics_becoming(*(REVISIONS if kind == "revision" else (kind,)))]
    if kind == "trade":
        rare = {venue.name for venue in doc.venues.values() if set(FACTS) & set(venue.channels.values())}
        names += [raw_topic(venue, UNASSIGNED) for venue in doc.venues if whole or venue not in rare]
        names += [topic.name for topic in doc.topics_becoming(*FACTS) if whole]
        names += [
            raw_topic(venue.name, channel)
            for venue in doc.venues.values()
            for channel, becomes in venue.channels.items()
            if not becomes and venue.read(channel)
        ]
    return sorted(names)


def bounds(kind: str, span: Span, *, whole: bool) -> tuple[Days, int | None]:
    """Return the ingest dates of a span's events of a kind, and the first date that shapes them."""
    topics = [domains().topics[name] for name in topics_of(kind, whole=whole)]
    wanted = span.ingest_days(topics)
    return wanted, None if wanted.first is None else wanted.first - warm_up_days(topics)


def survey(spark: SparkSession, files: Sequence[str], kinds: Sequence[str], span: Span, entity: Which) -> list[Piece]:
    """Look at Bronze's files: what each holds of the shards and dates that these kinds and this span may need.

    Raises:
        BronzeError: the files are not local.
    """
    firsts = [bounds(kind, span, whole=entity is None and not span.bounded)[1] for kind in kinds]
    days = Days(None if None in firsts else min(first for first in firsts if first is not None), None)
    # A frame may hold several events: a day either way has them all.
    start, end = (None if at is None else at + by for at, by in ((span.start, -DAY), (span.end, DAY)))
    paths = [(file,) for file in files if may_hold(file, days)]
    if not paths:
        return []
    found = spark.createDataFrame(paths, _FILES).mapInArrow(
        _survey(Wanted(days, _entities(entity)), Span(start, end)), _FOUND
    )
    return [piece for row in found.collect() for piece in pickle.loads(row.found)]  # noqa: S301 - our own task's


def _survey(wanted: Wanted, again: Span) -> ArrowFunction:
    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        for file in (file for batch in batches for file in batch.column("file").to_pylist()):
            yield pa.RecordBatch.from_pydict({"found": [pickle.dumps(pieces(file, wanted, again))]})

    return run


def plan(found: Sequence[Piece], kind: str, span: Span, entity: Which, *, to_the_end: bool = False) -> Plan:
    """Choose the shards of a kind among the pieces found, and how far each must be read.

    With `to_the_end` also the dates are read on which events of the span arrived too late.
    """
    whole = entity is None and not span.bounded
    topics = set(topics_of(kind, whole=whole))
    wanted, first = bounds(kind, span, whole=whole)
    mine = [piece for piece in found if piece.shard[0] in topics and Days(first, None).holds(piece.ingest_date)]
    wanted = Days(wanted.first, None) if to_the_end else _with_resubmitted(mine, wanted)
    return _plan(mine, wanted, first)


def _with_resubmitted(found: Sequence[Piece], wanted: Days) -> Days:
    """Return the dates up to the last on which an event of the span was sent again: no horizon bounds that."""
    if wanted.last is None:
        return wanted
    last = max((_day(piece.ingest_date) for piece in found if piece.again), default=wanted.last)
    return Days(wanted.first, max(wanted.last, last))


def _plan(found: Sequence[Piece], wanted: Days, first: int | None) -> Plan:
    last_offset: dict[ShardKey, int] = {}
    for piece in found:
        if wanted.holds(piece.ingest_date):
            last_offset[piece.shard] = max(last_offset.get(piece.shard, -1), piece.high)
    # A piece is read whole or not at all: what it has behind the last offset that is wanted does no harm.
    taken: set[Piece] = set()
    while more := {piece for piece in found if piece.low <= last_offset.get(piece.shard, -1) and piece not in taken}:
        taken |= more
        for piece in more:
            last_offset[piece.shard] = max(last_offset[piece.shard], piece.high)
    counts = dict.fromkeys(last_offset, 0)
    for piece in taken:
        counts[piece.shard] += piece.rows
    # The bound may lie behind the last wanted date when logs interleave.
    last = None if wanted.last is None else max([wanted.last, *(_day(piece.ingest_date) for piece in taken)])
    shards = sorted(Shard(*key, counts[key], end) for key, end in last_offset.items())
    return Plan(Days(first, last), tuple(shards), tuple(sorted(taken)))


def _day(text: str) -> int:
    return (date.fromisoformat(text) - date(1970, 1, 1)).days


def _entities(entity: Which) -> tuple[str, ...]:
    return () if entity is None else (entity,) if isinstance(entity, str) else tuple(entity)


def tasks(spark: SparkSession, work: Plan, entity: Which) -> DataFrame:
    """Return a plan's work, a row (``task``, pickled `Task`) for each core; a shard belongs to one of them."""
    count = min(len(work.shards), spark.sparkContext.defaultParallelism)
    found = []
    for mine in _spread(work.shards, count):
        last = {shard.key: shard.last_offset for shard in mine}
        order = steps(piece for piece in work.pieces if piece.shard in last)
        found.append((pickle.dumps(Task(Wanted(work.days, _entities(entity), last), tuple(order))),))
    # As many partitions as rows: Spark cuts a local table so.
    return spark.createDataFrame(found, StructType([StructField("task", BinaryType())]))


def _spread(shards: tuple[Shard, ...], bins: int) -> list[list[Shard]]:
    """Spread shards over bins, largest first to the emptiest."""
    heap = [(0, index) for index in range(bins)]
    placed: list[list[Shard]] = [[] for _ in range(bins)]
    for shard in sorted(shards, key=lambda s: (-s.rows, s.topic, s.partition)):
        load, index = heapq.heappop(heap)
        placed[index].append(shard)
        heapq.heappush(heap, (load + shard.rows, index))
    return placed
