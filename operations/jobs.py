"""Life of the Flink jobs: submit, list, checkpoint, drain."""

from __future__ import annotations

from dataclasses import dataclass

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
        Stage("normalize", "polyglot-silver_trade", ("normalized.trade.v1",)),
        Stage("normalize", "polyglot-silver_quote", ("normalized.quote.v1",)),
        Stage(
            "analytics",
            "polyglot-analytics-trade",
            ("normalized.trade.v1", "normalized.trade_cancel.v1", "normalized.trade_correct.v1"),
        ),
        Stage("analytics", "polyglot-analytics-quote", ("normalized.quote.v1",)),
    ),
    (
        Stage("analytics", "polyglot-gold_bar", ("analytics.bar.v1",)),
        Stage("analytics", "polyglot-gold_quote_bar", ("analytics.quote_bar.v1",)),
        Stage("analytics", "polyglot-clickhouse_bar", ("analytics.bar.v1",)),
        Stage("analytics", "polyglot-clickhouse_quote_bar", ("analytics.quote_bar.v1",)),
    ),
)
