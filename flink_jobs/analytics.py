"""Analytics: normalized trades and quotes → bars; Gold and ClickHouse tail the analytics topics.

normalized.trade.v1 ─► drop transport duplicates ─► windows 1s 1m 5m 1h 1d ─► finish ─► analytics.bar.v1
normalized.trade_cancel.v1, …trade_correct.v1 ──────┘ (a window with a revision: no bar, but a request to compute it)
normalized.quote.v1 ─► drop transport duplicates ─► windows 1s ─────────────► finish ─► analytics.quote_bar.v1
                            └─► behind the state, or numbers missing ─► repair.analytics.v1
analytics.bar.v1 ───────► gold_bar, ClickHouse bars
analytics.quote_bar.v1 ─► gold_quote_bar, ClickHouse quote_bars
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from pyflink.common import Row
from pyflink.datastream import DataStream
from pyflink.table import ChangelogMode, Schema, StreamTableEnvironment, Table

import sql
from flink_jobs import tables
from flink_jobs.finish import FIELDS, FINISHED, Rules, finish_bars, finish_quote_bars
from flink_jobs.halt import halting
from flink_jobs.late_firing import late_firing
from flink_jobs.repair import repair_rows, revision_rows
from flink_jobs.runtime import Job, start
from flink_jobs.transport import OFFSET, fresh
from flink_jobs.watermarks import keeping_watermark, without_watermark
from schemas.domains import domains
from schemas.quality import load
from udfs.revisions import KINDS as REVISIONS

#: What the reducers need of a normalized record.
TRADE = (
    "entity_id", "event_time", "ingest_date", "entity_seq", "price", "aggressor", "venue_trade_id", *tables.LIMBS
)  # fmt: skip
QUOTE = (
    "entity_id", "event_time", "ingest_date", "entity_seq", "bid_price", "bid_size", "ask_price", "ask_size"
)  # fmt: skip
#: Behind a source they are for its duplicate filter only.
TRANSPORT = ("pt AS PROCTIME()", OFFSET)
TIME = (
    "rowtime AS TO_TIMESTAMP_LTZ(event_time / 1000, 3)",
    "WATERMARK FOR rowtime AS rowtime - INTERVAL '1' SECOND",
)
#: Cancels and corrections of trades: rarely fed, so they have no watermark, and never hold up the trades'. Whether a
#: window still takes one is decided by the trades' watermark.
REVISION = ("entity_id", "trade_time", "ingest_date", "entity_seq")
REVISION_TIME = ("rowtime AS TO_TIMESTAMP_LTZ(trade_time / 1000, 3)",)
OUTPUTS = ("analytics.bar.v1", "analytics.quote_bar.v1", "repair.analytics.v1")
Stream = tuple[str, sql.Kind, tuple[str, ...], tuple[str, ...], Callable[[Rules, Row], Iterable[Row]]]
STREAMS: tuple[Stream, ...] = (
    # kind, bar, columns, intervals, finishing kernel
    ("trade", "bar", TRADE, tuple(sql.INTERVALS), finish_bars),
    ("quote", "quote_bar", QUOTE, ("1s",), finish_quote_bars),
)


def main() -> None:
    """Build and submit the job."""
    lateness_ms = domains().lateness_ms()
    job = start("analytics", late_firing(lateness_ms))
    config = job.settings
    quality = load(config.quality_file)
    job.ddl([tables.wire_sink("analytics", config, OUTPUTS)])
    inserts = []
    for kind, bar, cols, intervals, finish in STREAMS:
        _fresh(job, kind, cols, TIME, keeping_watermark)
        keyed = [sql.keyed(bar, "flink", f"fresh_{kind}")]
        branches = [sql.aggregate(bar, "flink", interval) for interval in intervals]
        branches.append(repair_rows(f"fresh_{kind}", bar, lateness_ms))
        for revision in REVISIONS if kind == "trade" else ():
            _fresh(job, revision, REVISION, REVISION_TIME, without_watermark, fetch=tables.STORES)
            keyed.append(sql.keyed_revisions("flink", f"fresh_{revision}"))
            branches.append(revision_rows(f"fresh_{revision}"))
        job.view(f"{kind}s_keyed", " UNION ALL ".join(f"({select})" for select in keyed))
        windows = job.table.sql_query(" UNION ALL ".join(f"({branch})" for branch in branches))
        rules = quality.of(f"analytics.{bar}.v1")
        finished = _updates(job, windows).flat_map(partial(finish, rules), output_type=FINISHED)
        finished = halting(finished, FINISHED, FIELDS, f"halt-{bar}")
        job.table.create_temporary_view(f"finished_{bar}", job.table.from_data_stream(finished))
        inserts.append(f"INSERT INTO analytics SELECT {tables.WIRE_SELECT} FROM finished_{bar}")

    inserts += _stores(job, "bar", tables.BAR_KEY) + _stores(job, "quote_bar", tables.QUOTE_BAR_KEY)
    job.submit(inserts)


def _fresh(
    job: Job,
    kind: str,
    cols: tuple[str, ...],
    time: tuple[str, ...],
    marks: Callable[[StreamTableEnvironment, Table, str], Table],
    *,
    fetch: tables.Fetch = tables.WINDOWS,
) -> None:
    """Read a normalized topic and register ``fresh_<kind>``: each of its records once, in event time.

    The watermark is looked after behind the duplicate filter, where its shuffle has merged the partitions', and before
    anything reads it: a request for repair must not be behind the windows.
    """
    source, topic, group = f"normalized_{kind}", f"normalized.{kind}.v1", f"polyglot-analytics-{kind}"
    extra = (*time, *TRANSPORT)
    job.ddl([tables.contract_source(source, job.settings, kind, topic, group, cols=cols, extra=extra, fetch=fetch)])
    once = job.table.sql_query(f"SELECT {tables.names(cols)}, rowtime, gap FROM ({fresh(source)})")
    job.table.create_temporary_view(f"fresh_{kind}", marks(job.table, once, f"watermark-{kind}"))


def _updates(job: Job, windows: Table) -> DataStream:
    """Return the windows' changelog without what was before each update: a bar replaces another by its version."""
    found = windows.get_resolved_schema()
    builder = Schema.new_builder()
    for name, kind in zip(found.get_column_names(), found.get_column_data_types(), strict=True):
        builder.column(name, kind.not_null() if name == "entity_id" else kind)
    schema = builder.primary_key("entity_id").build()  # any key makes it a stream of upserts; this one is never null
    return job.table.to_changelog_stream(windows, schema, ChangelogMode.upsert())


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
                for store, fetch in ((gold, tables.STORES), (clickhouse, tables.SHARDS))
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
