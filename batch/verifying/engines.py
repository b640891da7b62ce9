"""Two replays of one range against each other, by table and entity: what Spark recomputed, and what Flink has.

What is compared are the wire bytes of all that a replay writes. A `Comparison` has an entity where one with a store has
a day.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as fn

from batch.ranges import Span
from batch.replaying.files import low_rate, records, rejected
from batch.spark import topics, views
from batch.spark.columns import VALUE
from batch.verifying.compare import Comparison, compare
from batch.verifying.result import DEAD_LETTERS, TOPICS
from schemas import catalog
from schemas.catalog import BARS, NORMALIZED
from schemas.domains import domains


def compare_replays(
    spark: SparkSession, left: Path, right: Path, span: Span, entity: str | None, *, limit: int = 20
) -> list[Comparison]:
    """Compare the folders of two replays of a span and an entity; the left one is called the replay in what is shown.

    Rejected and low-rate records are compared of a whole replay only: an engine that reads files meets those of other
    dates than one that reads the log.
    """
    tables = [*_full_rate(), *(_rare() if entity is None and not span.bounded else ())]
    found = []
    for table, kind in tables:
        sides = [by_entity(_opened(spark, out, table, kind), kind) for out in (left, right)]
        if table not in TOPICS.values():
            sides = [views.latest(one) if views.versioned(kind) else views.first_copies(one) for one in sides]
        found.append(compare(table, *sides, limit=limit))
    return found


def _full_rate() -> Iterator[tuple[str, str]]:
    return ((TOPICS[kind], kind) for kind in (*NORMALIZED, *BARS))


def _rare() -> Iterator[tuple[str, str]]:
    names = (name for name in domains().topics_of("normalization") if name not in TOPICS.values())
    return ((name, domains().topics[name].contract) for name in names)


def _opened(spark: SparkSession, out: Path, table: str, kind: str) -> DataFrame:
    if table in TOPICS.values():
        return records(spark, out, kind)
    return rejected(spark, out) if table == DEAD_LETTERS else low_rate(spark, out, table)


def by_entity(rows: DataFrame, kind: str) -> views.View:
    """Return a view of records (wire bytes in ``value``) in which entities are what days are else."""
    names = (*catalog.columns(kind), VALUE)
    flat = rows.select(VALUE, topics.decoded(fn.col(VALUE), kind).alias("d")).select(VALUE, "d.*")
    row = views.sha256(fn.coalesce(VALUE, fn.lit(b""))).alias("row")
    named = fn.coalesce("entity_id", fn.lit(views.UNREADABLE)).alias("day")
    texts = [fn.col(f"`{name}`").cast("string") for name in names[:-1]] + [fn.hex(VALUE)]
    digested = rows.select(named, row) if "entity_id" in rows.columns else None
    version = [fn.col("version")] if views.versioned(kind) else []
    keyed = views.key_of(kind).alias("key")
    return views.View(
        flat.select(named, keyed, row, fn.array(*texts).alias("fields"), *version), names, False, digested
    )


def document(found: list[Comparison]) -> list[dict[str, Any]]:
    """Return what was found, for the report."""
    return [
        {
            "table": each.table,
            "status": each.status,
            "spark": each.replayed,
            "flink": each.found,
            "differences": each.counts,
            "entities": [
                {
                    "entity": line.day,
                    "spark": line.replayed,
                    "flink": line.found,
                    "spark_digest": line.replay_digest,
                    "flink_digest": line.found_digest,
                    "equal": line.equal,
                }
                for line in each.days
            ],
            "samples": [
                {
                    "kind": one.kind,
                    "entity": one.day,
                    "key": one.key,
                    "fields": {name: {"spark": s, "flink": f} for name, (s, f) in one.fields.items()},
                }
                for one in each.samples
            ],
        }
        for each in found
    ]


def merged(documents: dict[str, dict[str, Any]], parity: list[Comparison]) -> dict[str, Any]:
    """Return the report of a verification by one engine or by both, of the reports of each.

    Of both it is Spark's, with Flink's in ``flink`` and the comparison of the replays in ``engines``; ``differences``
    and ``passed`` are of all of it.
    """
    first, *rest = documents.values()
    found = {**first, "engine": next(iter(documents)) if not rest else "both"}
    if rest:
        unequal = [each for each in parity if each.status == "different"]
        found["flink"] = rest[0]
        found["engines"] = document(parity)
        found["differences"] += rest[0]["differences"] + sum(max(1, each.differences) for each in unequal)
        found["passed"] = first["passed"] and rest[0]["passed"] and not unequal
    return found
