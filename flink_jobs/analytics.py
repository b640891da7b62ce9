"""Analytics: normalized trades and quotes → bars; Gold and ClickHouse tail the analytics topics.

normalized.trade.v1, …trade_cancel.v1, …trade_correct.v1 ──(blocks per shard)──► window fold 1s 1m 5m 1h 1d ──┐
normalized.quote.v1 ──(blocks per shard)───────────────────────────────────────► window fold 1s ──────────────┤
             ┌────────────────────────────────────────────────────────────────────────────────────────────────┘
             ├──► analytics.bar.v1 ───────► gold_bar, ClickHouse bars
             ├──► analytics.quote_bar.v1 ─► gold_quote_bar, ClickHouse quote_bars
             └──► repair.analytics.v1 (numbers are missing, or a revision's trade is too old: a replay computes it)
"""

from __future__ import annotations

from functools import partial

from flink_jobs import tables
from flink_jobs.io import topics
from flink_jobs.operators.blocks import BYTES, fold_shards, unpacked
from flink_jobs.operators.fold import Ticks, Work
from flink_jobs.replies import bar_records, bars_by_the_clock, joined, last_bars
from flink_jobs.runtime import Job, python_options, start
from polyglot.config import settings
from schemas.quality import Quality, load
from udfs.windows.definition import BARS, QUOTE_BARS, Definition
from udfs.windows.fold import restore


def main() -> None:
    """Build and submit the job."""
    job = start("analytics", python_options(settings()))
    quality = load(job.settings.quality_file)
    for definition, name in ((BARS, "bars"), (QUOTE_BARS, "quote bars")):
        records = topics.read(
            job, f"{definition.kind} topics", definition.topics, f"polyglot-analytics-{definition.kind}", watermark=True
        )
        folded = fold_shards(job, records, windows(definition, quality), {"reply": BYTES}, name=name)
        topics.write(job, unpacked(folded, 0, name=f"{name}: records"), f"{name}: topics")
    job.submit(_stores(job, "bar", tables.BAR_KEY) + _stores(job, "quote_bar", tables.QUOTE_BAR_KEY))


def windows(definition: Definition, quality: Quality) -> Work:
    """Return what is done with the blocks of a shard: one fold reads all of the definition's topics."""
    name = definition.contract
    return Work(
        restore=partial(restore, rules=quality.of(definition.topic)),
        process=bar_records,
        emit=joined,
        name=lambda _topic: name,
        ticks=Ticks(bars_by_the_clock, last_bars),
    )


def _stores(job: Job, bar: str, key: str) -> list[str]:
    """Return the INSERTs by which Gold and ClickHouse tail a topic of bars; their version drops copies.

    Each has a source of its own: a lake commit must not hold up ClickHouse.
    """
    config, cols = job.settings, tables.columns(bar)
    gold, clickhouse = f"gold_{bar}", f"clickhouse_{bar}"
    job.ddl(
        [
            tables.upsert_table(gold, config, tables.gold_columns(bar), "bar_key", "event_date"),
            tables.clickhouse_table(clickhouse, config, tables.clickhouse_columns(bar), f"{bar}s"),
            *(
                tables.contract_source(
                    f"{store}_log", config, bar, f"analytics.{bar}.v1", f"polyglot-{store}", fetch=fetch
                )
                for store, fetch in ((gold, topics.STORES), (clickhouse, topics.SHARDS))
            ),
        ]
    )
    inserts = []
    if config.lake.enabled:
        row = f"{key}, {tables.names(cols)}, {tables.EVENT_DATE}"
        inserts.append(f"INSERT INTO {gold} SELECT {row} FROM {gold}_log")
    if config.clickhouse.enabled:
        inserts.append(f"INSERT INTO {clickhouse} SELECT {tables.clickhouse_select(bar)} FROM {clickhouse}_log")
    return inserts


if __name__ == "__main__":
    main()
