"""Analytics: normalized trades and quotes → bars; Gold and ClickHouse tail the analytics topics.

normalized.trade.v1, …trade_cancel.v1, …trade_correct.v1 ──(blocks per shard)──► window fold 1s 1m 5m 1h 1d ──┐
normalized.quote.v1 ──(blocks per shard)───────────────────────────────────────► window fold 1s ──────────────┤
             ┌────────────────────────────────────────────────────────────────────────────────────────────────┘
             ├──► analytics.bar.v1 ───────► Gold bars, ClickHouse bars
             ├──► analytics.quote_bar.v1 ─► Gold quote bars, ClickHouse quote bars
             └──► repair.analytics.v1 (numbers are missing, or a revision's trade is too old: a replay computes it)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from flink_jobs.environment import Job, start
from flink_jobs.io import stores, topics
from flink_jobs.operators.blocks import BYTES, fold_shards, unpacked
from flink_jobs.operators.fold import Ticks, Work
from flink_jobs.replies import WINDOW_COUNTERS, bar_records, bars_by_the_clock, joined, last_bars
from schemas.quality import Quality, Rule, load
from schemas.versions import Schedule
from udfs.windows.definition import BARS, DEFINITIONS, QUOTE_BARS, Definition
from udfs.windows.fold import WindowFold, restore
from udfs.windows.saving import STATES


def main() -> None:
    """Build and submit the job."""
    job = start("analytics")
    quality = load(job.settings.quality_file)
    for definition, name in ((BARS, "bars"), (QUOTE_BARS, "quote bars")):
        source, group = f"{definition.kind} topics", f"polyglot-analytics-{definition.kind}"
        records = topics.read(job, source, definition.topics, group, watermark=True)
        folded = fold_shards(
            job, records, windows(definition, quality, forget=job.replay is None), {"reply": BYTES}, name=name
        )
        topics.write(job, unpacked(folded, 0, name=f"{name}: records"), f"{name}: topics")
    _tails(job, "bar", "bars")
    _tails(job, "quote_bar", "quote bars")
    job.submit()


def windows(definition: Definition, quality: Quality, *, forget: bool = True) -> Work:
    """Return what is done with the blocks of a shard: one fold reads all of the definition's topics.

    A replay does not `forget` windows: what was amended or revised long after them is in them at once.
    """
    name = definition.contract
    rules = quality.of(definition.topic)
    return Work(
        restore=partial(restore, rules=rules) if forget else partial(_endless, rules=rules),
        process=bar_records,
        emit=joined,
        states=STATES,
        counters=WINDOW_COUNTERS,
        name=lambda _topic: name,
        ticks=Ticks(bars_by_the_clock, last_bars),
        versioned=True,
    )


def _endless(name: str, log: Iterable[bytes], rules: tuple[Rule, ...], schedule: Schedule | None = None) -> WindowFold:
    """Rebuild the fold of a definition as `restore` does, but one that keeps windows for 36,000 years."""
    definition = DEFINITIONS[name]
    return WindowFold.restore(definition, log, rules, replace(definition.limits(), horizon=1 << 60), schedule)


def _tails(job: Job, bar: str, name: str) -> None:
    """Let Gold and ClickHouse tail a topic of bars; their version drops copies."""
    if job.settings.lake.enabled:
        stores.gold(job, bar, f"Gold {name}")
    if job.settings.clickhouse.enabled:
        stores.clickhouse(job, bar, f"ClickHouse {name}")


if __name__ == "__main__":
    main()
