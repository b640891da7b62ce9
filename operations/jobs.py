"""Life of the Flink jobs: submit, list, checkpoint, drain."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.catalog import BARS, NORMALIZED, REVISIONS, lake_table, topic
from schemas.domains import domains


@dataclass(frozen=True)
class Stage:
    """A consumer group of a job, and the topics it reads."""

    job: str
    group: str
    reads: tuple[str, ...]


#: In order of submission: consumers first, so that nothing piles up.
JOBS = ("analytics", "normalize", "ingest")

#: How the vertices of the analytics job that have windows are called, in Flink's UI and here.
WINDOWS = ("bars", "quote bars")

#: Who reads what, upstream first; `drain` walks this list. The groups' names are set in ``flink_jobs``.
STAGES: tuple[tuple[Stage, ...], ...] = (
    (
        Stage("ingest", "polyglot-ingest", tuple(domains().raw_topics())),
        Stage("normalize", "polyglot-normalize", tuple(domains().raw_topics(normalized_only=True))),
    ),
    (
        *(Stage("normalize", f"polyglot-{lake_table(kind)}", (topic(kind),)) for kind in NORMALIZED),
        Stage("analytics", "polyglot-analytics-trade", (topic("trade"), *(topic(kind) for kind in REVISIONS))),
        Stage("analytics", "polyglot-analytics-quote", (topic("quote"),)),
    ),
    (
        *(Stage("analytics", f"polyglot-{lake_table(bar)}", (topic(bar),)) for bar in BARS),
        *(Stage("analytics", f"polyglot-clickhouse_{bar}", (topic(bar),)) for bar in BARS),
    ),
)
#: The same in one row.
EVERY_STAGE = tuple(stage for stages in STAGES for stage in stages)
