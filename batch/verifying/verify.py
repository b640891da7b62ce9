"""Verify: replay a range from Bronze and compare every store's converged view with it, byte for byte.

normalized.* ──► same key, same bytes (they may repeat)      silver_* ──► the columns, as canonical text
analytics.*  ──► the latest version per key                  gold_*, ClickHouse ──► the columns of the latest version
deadletter.normalization.v1 ──► same bytes                   raw.* ──► the first copy of each event, in Bronze
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from batch.corporate_actions import series as adjust
from batch.corporate_actions import stores as adjust_stores
from batch.ranges import Days, Span
from batch.replaying.files import low_rate, low_rate_topics, records, rejected
from batch.replaying.replay import Replayed, replay
from batch.spark import clickhouse, topics, views
from batch.spark.bronze import RESUBMITTED, first_line, open_table, read_bronze, reason, table_exists
from batch.verifying import checks
from batch.verifying.compare import compare, unreadable
from batch.verifying.result import DEAD_LETTERS, STORES, TOPICS, Say, Sources, StoreError, Verified
from schemas import catalog
from schemas.catalog import ADJUSTED, ADJUSTED_BAR, BARS, BRONZE, CLICKHOUSE, FACTS, NORMALIZED, REVISIONS
from schemas.domains import domains


def verify(
    spark: SparkSession,
    sources: Sources,
    span: Span,
    entity: str | None = None,
    *,
    stores: tuple[str, ...] = STORES,
    limit: int = 20,
    say: Say = lambda _: None,
    replayed: Replayed | None = None,
) -> Verified:
    """Replay and compare; each store is read up to its end at the moment its reading began.

    With `replayed`, the replay of the same span and entity by another engine, that is what stores are compared with.

    Raises:
        BronzeError: no Bronze.
        BalanceError: a kernel lost records.
        BrokerError, ClickHouseUnavailableError, StoreError: a store could not be read.
    """
    if replayed is None:
        say("replaying Bronze")
        replayed = replay(spark, sources.lake_uri, sources.scratch / "replay", span, entity, quality=sources.quality)
    done = replayed
    run = _Run(spark, sources, Verified(span, entity, done), limit, say)
    if done.balance:
        run.result.checks.append(checks.balance_check(done.balance))
    else:
        run.result.skipped["the replay's balance"] = "Spark's workers count what became of each event, Flink's do not"
    steps: dict[str, Callable[[], None]] = {
        "bronze": run.bronze,
        "normalized": run.normalized,
        "low-rate": run.low_rate,
        "analytics": run.analytics,
        "deadletters": run.dead_letters,
        "silver": lambda: run.lake("silver", NORMALIZED),
        "gold": lambda: run.lake("gold", BARS),
        "clickhouse": run.clickhouse,
        "adjusted": run.adjusted,
    }
    for name, step in steps.items():
        if name in stores:
            began = time.perf_counter()
            step()
            run.result.seconds[name] = round(time.perf_counter() - began, 3)
        else:
            run.result.skipped[name] = "not asked for"
    run.keys()
    run.result.seconds = {"replay": done.seconds["total"], **run.result.seconds}
    return run.result


class _Run:
    """One run's inputs and its result so far."""

    def __init__(self, spark: SparkSession, sources: Sources, result: Verified, limit: int, say: Say) -> None:
        self.spark, self.sources, self.result, self.limit, self.say = spark, sources, result, limit, say
        self.span, self.entity = result.span, result.entity
        self._logs: dict[str, DataFrame] = {}

    def bronze(self) -> None:
        """Compare Bronze with the first copy of every event in the raw topics."""
        found = self._extents(domains().raw_topics())
        cut = sorted(name for name, extent in found.items() if not extent.complete)
        if cut:
            self.result.skipped["bronze"] = f"retention has cut {', '.join(cut)}: Bronze knows more than the log"
            return
        log = self._log(list(found.values()))
        copies = checks.raw_copies(log)
        bronze = read_bronze(self.spark, self.sources.lake_uri)
        try:
            rows, ids = checks.bronze_ids(bronze)
        except (Py4JJavaError, PySparkException) as error:
            self.result.comparisons.append(unreadable(BRONZE, reason(error)))
            return
        again = checks.let_in_again(copies, bronze) if rows > ids else None
        known = checks.raw_ids(self.spark, log)
        self._compare(
            BRONZE,
            checks.expected_bronze(copies, again, self.span, self.entity, known),
            checks.actual_bronze(bronze, self.span, self.entity),
        )
        if not self.span.bounded and self.entity is None:
            self.result.checks.append(checks.raw_check(copies, rows, ids, again.count() if again else 0, known))

    def normalized(self) -> None:
        """Compare trades and quotes; the same event may repeat, with the same bytes only."""
        for kind in NORMALIZED:
            found, log = self._topic(TOPICS[kind])
            view = self._of(found, log, kind)
            repeated = True
            if found and found.complete:
                check = checks.sequence_check(log, kind, TOPICS[kind])
                repeated = check.found["transport_duplicates"] > 0
                self.result.checks.append(check)
            elif found:
                self.result.skipped[f"entity_seq of {kind}"] = "retention has cut the topic"
            self._compare(TOPICS[kind], self._expected(kind), views.first_copies(view) if repeated else view)

    def low_rate(self) -> None:
        """Compare the low-rate topics of normalization; a whole replay only: they depend on an entity's whole log."""
        if self.span.bounded or self.entity:
            self.result.skipped["low-rate"] = "compared only without --from, --to and --entity"
            return
        for topic in domains().topics_of("normalization"):
            if topic in (*TOPICS.values(), DEAD_LETTERS):
                continue
            kind = domains().topics[topic].contract
            found, log = self._topic(topic)
            if kind in REVISIONS and found and found.complete:
                self.result.checks.append(checks.sequence_check(log, kind, topic))
            rows = low_rate(self.spark, self.result.replayed.out, topic)
            expected = self._values(rows, kind, none=topic not in self._low_rate_topics)
            actual = self._of(found, log, kind)
            pick = views.latest if views.versioned(kind) else views.first_copies
            self._compare(topic, pick(expected), pick(actual))

    def analytics(self) -> None:
        """Compare bars; the latest version of each counts."""
        for kind in BARS:
            found, log = self._topic(TOPICS[kind])
            self._compare(TOPICS[kind], self._expected(kind), views.latest(self._of(found, log, kind)))

    def dead_letters(self) -> None:
        """Compare rejected records; a whole replay only, since a rejected record's time is no bound to trust."""
        if self.span.bounded or self.entity:
            self.result.skipped["deadletters"] = "compared only without --from, --to and --entity"
            return
        found, log = self._topic(DEAD_LETTERS)
        expected = views.of_values(rejected(self.spark, self.result.replayed.out), "dead_letter", self.span, None)
        actual = views.first_copies(self._of(found, log, "dead_letter"))
        self._compare(DEAD_LETTERS, expected, actual)

    def lake(self, store: str, kinds: tuple[str, ...]) -> None:
        """Compare Hudi tables, row for row: a row that is there twice is a difference."""
        for kind in kinds:
            table = catalog.lake_table(kind)
            bound, column = (self._ingest_days(), "ingest_date") if store == "silver" else (self._days(), "event_date")
            rows = self._hudi(table)
            if rows is not None and not (missing := {column} - set(rows.columns)):
                # An event that was sent again arrived on whatever date that was.
                rows = rows.where(f"({bound.sql(column)}) OR {RESUBMITTED}" if store == "silver" else bound.sql(column))
            elif rows is not None:
                raise StoreError(f"{table} has no column {missing}")
            self._compare_table(table, store, kind, rows)

    def clickhouse(self) -> None:
        """Compare what readers of ClickHouse see."""
        if self.sources.clickhouse is None:
            raise StoreError("ClickHouse is to be compared, but no endpoint is configured")
        folder = self.sources.scratch / "clickhouse"
        folder.mkdir(parents=True, exist_ok=True)
        for kind in BARS:
            target = folder / f"{kind}.parquet"
            there = clickhouse.fetch(self.sources.clickhouse, CLICKHOUSE[kind], self._days(), target)
            rows = self.spark.read.parquet(str(target)) if there else None
            self._compare_table(f"clickhouse.{CLICKHOUSE[kind]}", "clickhouse", kind, rows)

    def adjusted(self) -> None:
        """Compare adjusted series with those of the replayed actions and closes; a whole replay only."""
        if self.span.bounded or self.entity:
            self.result.skipped["adjusted"] = "compared only without --from, --to and --entity"
            return
        out = self.sources.scratch / "adjusted"
        inputs = [catalog.topic(kind) for kind in FACTS]
        none = self._low_rate_topics.isdisjoint(inputs)
        if none:
            adjust.compute_nothing(out)
        else:
            actions, closes = (low_rate(self.spark, self.result.replayed.out, topic) for topic in inputs)
            adjust.compute(self.spark, actions, closes, out, quality=self.sources.quality)
        for kind in ADJUSTED:
            topic = catalog.topic(kind)
            expected = adjust.results(self.spark, out, kind).select("value")
            actual = views.latest(self._of(*self._topic(topic), kind))
            self._compare(topic, self._values(expected, kind, none=none), actual)
            wanted = views.expected_table(expected, "clickhouse", kind, self.span, None)
            wanted = views.nothing(wanted) if none else wanted
            table = catalog.lake_table(kind)
            self._compare_rows(table, wanted, self._hudi(table), "clickhouse", kind)
            if kind == ADJUSTED_BAR and self.sources.clickhouse is not None:
                table = CLICKHOUSE[kind]
                target = self.sources.scratch / f"{table}.parquet"
                there = clickhouse.fetch(self.sources.clickhouse, table, self._days(), target)
                found = adjust_stores.dated(self.spark.read.parquet(str(target)), kind) if there else None
                self._compare_rows(f"clickhouse.{table}", wanted, found, "clickhouse", kind)

    def keys(self) -> None:
        """Check the Kafka keys of the topics that were read; those of trades and quotes belong to `sequence_check`."""
        rest = {name: log for name, log in self._logs.items() if name not in map(TOPICS.get, NORMALIZED)}
        if rest:
            self.result.checks.append(checks.key_check(rest))

    # --- parts ---

    def _compare(self, table: str, expected: views.View, actual: views.View, note: str = "") -> None:
        self.say(f"comparing {table}")
        try:
            found = compare(table, expected, actual, limit=self.limit)
        except (Py4JJavaError, PySparkException) as error:
            # One file that is broken must not hide what the other stores hold.
            found = unreadable(table, reason(error))
        found.notes += [note] if note else []
        self.result.comparisons.append(found)

    def _compare_table(self, table: str, store: str, kind: str, rows: DataFrame | None) -> None:
        values = records(self.spark, self.result.replayed.out, kind).select("value")
        expected = views.expected_table(values, store, kind, self.span, self.entity)
        self._compare_rows(table, expected, rows, store, kind)

    def _compare_rows(self, table: str, expected: views.View, rows: DataFrame | None, store: str, kind: str) -> None:
        if rows is None:
            self._compare(table, expected, views.nothing(expected), "there is no such table, or it is empty")
        else:
            self._compare(table, expected, views.of_table(rows, store, kind, self.span, self.entity))

    @cached_property
    def _low_rate_topics(self) -> set[str]:
        """The low-rate topics that the replay has records of."""
        return low_rate_topics(self.spark, self.result.replayed.out)

    def _expected(self, kind: str) -> views.View:
        values = records(self.spark, self.result.replayed.out, kind)
        return views.of_values(values, kind, self.span, self.entity)

    def _values(self, rows: DataFrame, kind: str, *, none: bool) -> views.View:
        view = views.of_values(rows, kind, self.span, self.entity)
        return views.nothing(view) if none else view

    def _of(self, found: topics.Extent | None, log: DataFrame, kind: str) -> views.View:
        return self._values(log, kind, none=found is None or found.empty)

    def _broker(self) -> topics.Broker:
        if self.sources.kafka is None:
            raise StoreError("topics are to be compared, but no broker is configured")
        return self.sources.kafka

    def _extents(self, names: list[str]) -> dict[str, topics.Extent]:
        return topics.extents(self._broker(), names)

    def _log(self, found: list[topics.Extent]) -> DataFrame:
        return topics.read(self.spark, self._broker(), found)

    def _topic(self, name: str) -> tuple[topics.Extent | None, DataFrame]:
        found = self._extents([name])
        log = self._log(list(found.values()))
        if name in found and not found[name].empty:
            self._logs[name] = log
        return found.get(name), log

    def _hudi(self, table: str) -> DataFrame | None:
        path = f"{self.sources.lake_uri}/{table}"
        if not table_exists(self.spark, path):
            return None
        try:
            return open_table(self.spark, path)
        except Exception as error:
            raise StoreError(f"{table} cannot be read: {type(error).__name__}: {first_line(error)}") from error

    def _days(self) -> Days:
        return self.span.event_days()

    def _ingest_days(self) -> Days:
        return self.span.ingest_days(domains().topics_becoming(*NORMALIZED))
