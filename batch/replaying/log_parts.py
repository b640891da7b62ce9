"""Which parts of the raw log a replay must read: for an engine that reads the log itself, and not Bronze's files.

Bronze has where in the log each record lay. So its files are an index of the log by date and entity, and both engines
read the same parts: from the first record that shapes what is asked for to the last one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql import SparkSession

from batch.ranges import Span
from batch.replaying.files import Copies
from batch.replaying.redrive_verdicts import redriven
from batch.replaying.shards import Plan, Shard, plan, survey
from batch.replaying.steps import Piece, ShardKey
from batch.spark.bronze import Which, newest_instant, read_bronze
from batch.spark.topics import Extent


@dataclass(frozen=True)
class LogParts:
    """Parts of the log: ``shards`` has the first offset of each, and the one behind its last.

    ``plans`` say which of Bronze's files hold them; ``copies`` are the redriven records of all of Bronze.
    """

    shards: Mapping[ShardKey, tuple[int, int]]
    plans: tuple[Plan, ...]
    copies: Copies

    @property
    def rows(self) -> int:
        """Return how many records of Bronze are in them."""
        return sum(work.rows for work in self.plans)

    def kept(self, extents: Mapping[str, Extent]) -> set[ShardKey]:
        """Return the parts that the log still has, as a whole."""

        def whole(topic: str, partition: int, first: int, end: int) -> bool:
            found = extents.get(topic)
            return found is not None and found.begin.get(partition, end) <= first and found.end[partition] >= end

        return {key for key, (first, end) in self.shards.items() if whole(*key, first, end)}

    def only(self, keys: set[ShardKey]) -> list[Plan]:
        """Return the plans of some of the parts."""
        return [_only(work, keys) for work in self.plans]


def _only(work: Plan, keys: set[ShardKey]) -> Plan:
    shards = tuple(shard for shard in work.shards if shard.key in keys)
    return Plan(work.days, shards, tuple(piece for piece in work.pieces if piece.shard in keys))


def find(spark: SparkSession, lake_uri: str, span: Span, entity: Which) -> LogParts:
    """Find what a replay of a span must read, as `batch.replaying.replay` does.

    Raises:
        BronzeError: there is no Bronze table.
    """
    bronze = read_bronze(spark, lake_uri, newest_instant(spark, lake_uri))
    copies = redriven(bronze).copies
    # A trade may be revised long after it: whatever came later counts.
    spans = {"revision": Span(span.start, None), "trade": span, "quote": span}
    found = survey(spark, bronze.inputFiles(), tuple(spans), span, entity)
    plans = tuple(plan(found, kind, of, entity) for kind, of in spans.items())
    shards = {shard.key: (_first(work.pieces, shard), shard.last_offset + 1) for work in plans for shard in work.shards}
    return LogParts(shards, plans, copies)


def _first(pieces: Sequence[Piece], shard: Shard) -> int:
    return min(piece.low for piece in pieces if piece.shard == shard.key)
