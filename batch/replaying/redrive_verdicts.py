"""Recorded verdicts of redriven records: a replay meets their originals first, and must know what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as fn

from batch.replaying.files import Copies
from batch.spark.bronze import AMENDED, REDRIVEN
from udfs.gate.resubmitted import original_id


@dataclass(frozen=True)
class Redriven:
    """Bronze's redriven rows: topic, entity_id, event_id, source_id."""

    rows: tuple[Any, ...]

    @property
    def copies(self) -> Copies:
        """Return them by topic, as the fold wants them."""
        found: dict[str, list[tuple[str, str]]] = {}
        for row in self.rows:
            found.setdefault(row.topic, []).append((row.event_id, row.source_id))
        return found

    @property
    def ids(self) -> frozenset[tuple[str, str, str]]:
        """Return their (topic, entity id, event id)."""
        return frozenset((row.topic, row.entity_id, row.event_id) for row in self.rows)

    @property
    def digests(self) -> frozenset[str]:
        """Return the digests of the records that they are copies of."""
        return frozenset(row.source_id.split(":", 3)[2] for row in self.rows if row.source_id.count(":") >= 3)


def redriven(bronze: DataFrame) -> Redriven:
    """Find the redriven rows of all of Bronze; their source ids begin alike, so whole files are passed over."""
    rows = bronze.where(REDRIVEN)
    return Redriven(tuple(rows.select("topic", "entity_id", "event_id", "source_id").collect()))


def amended_events(bronze: DataFrame) -> frozenset[tuple[str, str, str]]:
    """Return (topic, entity id, original event id) of the amended rows of all of Bronze."""
    rows = bronze.where(AMENDED).select("topic", "entity_id", "event_id").collect()
    return frozenset((row.topic, row.entity_id, original_id(row.event_id)) for row in rows)


def newest_ingest_times(bronze: DataFrame, wanted: list[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """Return the newest ingest time, µs, of each (topic, entity) wanted that Bronze has."""
    topics, entities = sorted({topic for topic, _ in wanted}), sorted({entity for _, entity in wanted})
    rows = bronze.where(bronze.topic.isin(topics) & bronze.entity_id.isin(entities))
    newest = rows.groupBy("topic", "entity_id").agg(fn.max("ingest_time").alias("newest")).collect()
    return {(row.topic, row.entity_id): row.newest for row in newest if (row.topic, row.entity_id) in wanted}
