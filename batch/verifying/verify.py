"""Verify: replay a range from Bronze and compare every store's converged view with it, byte for byte.

normalized.* ──► same key, same bytes (they may repeat)      silver_* ──► the columns
analytics.*  ──► the latest version per key                  gold_*, ClickHouse ──► the columns of the latest version
deadletter.normalization.v1 ──► same bytes                   raw.* ──► the first copy of each event, in Bronze
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import cache, cached_property, partial
from pathlib import Path

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from batch.corporate_actions import series as adjust
from batch.corporate_actions import stores as adjust_stores
from batch.ranges import Days, Span
from batch.replaying.files import LOW_RATE, REJECTED, low_rate, low_rate_topics, records, rejected
from batch.replaying.replay import Replayed, replay
from batch.spark import clickhouse, partitions, topics, views
from batch.spark.bronze import RESUBMITTED, first_line, open_table, read_bronze, reason, table_exists
from batch.spark.columns import VALUE
from batch.verifying import checks
from batch.verifying.compare import Side, compare, unreadable
from batch.verifying.one_pass import Reading, UnreadableError, all_of
from batch.verifying.result import DEAD_LETTERS, STORES, TOPICS, Say, Sources, StoreError, Verified
from batch.verifying.scans import ENVELOPE, WIRE, Range, replayed
from batch.verifying.sums import ByDay, added
from schemas import catalog
from schemas.catalog import ADJUSTED, ADJUSTED_BAR, BARS, BRONZE, CLICKHOUSE, FACTS, LOG, NORMALIZED, REVISIONS
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
        out, rules = sources.scratch / "replay", sources.quality
        replayed = replay(spark, sources.lake_uri, out, span, entity, quality=rules, schedule=sources.schedule)
    done = replayed
    run = _Run(spark, sources, Verified(span, entity, done), limit, say)
    if done.balance:
        run.result.checks.append(checks.balance_check(done.balance))
    else:
        run.result.skipped["the replay's balance"] = "Spark's workers count what became of each event, Flink's do not"
    steps: dict[str, Callable[[], Step]] = {
        "bronze": run.bronze,
        "normalized": run.normalized,
        "low-rate": run.low_rate,
        "analytics": run.analytics,
        "deadletters": run.dead_letters,
        "silver": run.silver,
        "gold": run.gold,
        "clickhouse": run.clickhouse,
        "adjusted": run.adjusted,
    }
    say("reading topics and tables")
    began = time.perf_counter()
    asked = {name: step() for name, step in steps.items() if name in stores}
    for step in asked.values():
        next(step, None)
    run.read()
    seconds = {"replay": done.seconds["total"], "reading": round(time.perf_counter() - began, 3)}
    for name in steps:
        if name in asked:
            began = time.perf_counter()
            next(asked[name], None)
            seconds[name] = round(time.perf_counter() - began, 3)
        else:
            run.result.skipped[name] = "not asked for"
    run.keys()
    run.result.seconds = seconds
    return run.result


#: What a store's comparison is: up to its only ``yield`` it says what is to be read, behind that it compares.
Step = Iterator[None]
#: Opens wire values; nobody asks for them if nothing differs.
Values = Callable[[], DataFrame]
Opened = Callable[[SparkSession, Path, str], DataFrame]


class _Run:
    """One run's inputs and its result so far."""

    def __init__(self, spark: SparkSession, sources: Sources, result: Verified, limit: int, say: Say) -> None:
        self.spark, self.sources, self.result, self.limit, self.say = spark, sources, result, limit, say
        self.span, self.entity = result.span, result.entity
        self._reading = Reading(spark, sources.scratch / "reading", Range(self.span, self.entity))
        self._forms: dict[str, list[str]] = {}
        self._keyed: list[str] = []

    def read(self) -> None:
        """Read everything that was asked for, once."""
        out = self.result.replayed.out
        for what, forms in self._forms.items():
            kind = "dead_letter" if what == REJECTED else what
            self._reading.replayed(sorted((out / what).glob("*.parquet")), kind, forms)
        self._reading.run()

    def bronze(self) -> Step:
        """Compare Bronze with the first copy of every event in the raw topics."""
        found = {name: self._reach[name] for name in domains().raw_topics() if name in self._reach}
        cut = sorted(name for name, extent in found.items() if not extent.complete)
        if cut:
            self.result.skipped["bronze"] = f"retention has cut {', '.join(cut)}: Bronze knows more than the log"
            return
        bronze = read_bronze(self.spark, self.sources.lake_uri)
        for extent in found.values():
            self._reading.topic(partitions.parts(self._broker(), extent))
        self._reading.files(BRONZE, bronze.inputFiles(), "bronze", ENVELOPE, Days(None, None))
        yield
        self.say(f"comparing {BRONZE}")
        try:
            self._bronze(list(found.values()), bronze)
        except (Py4JJavaError, PySparkException, UnreadableError) as error:
            self.result.comparisons.append(unreadable(BRONZE, reason(error)))

    def _bronze(self, found: list[topics.Extent], bronze: DataFrame) -> None:
        span, entity = self.span, self.entity
        raw = all_of(self._reading.settled(extent.topic) for extent in found)
        copies = cache(lambda: checks.raw_copies(topics.read(self.spark, self._broker(), found)))
        held = self._table(BRONZE, "bronze", ENVELOPE, lambda: checks.typed_bronze(bronze, span, entity))
        rows, ids, again, expected = sum(sums.rows for sums in held.values()), raw.groups, None, raw.sums
        if held != expected:
            rows, ids = checks.bronze_ids(bronze)
            again = checks.let_in_again(copies(), bronze) if rows > ids else None
        if again is not None:
            let_in = bronze.join(again.select(*LOG), list(LOG), "left_semi")
            more = self._reading.sums_of(checks.typed_bronze(let_in, span, entity), "bronze", ENVELOPE)
            expected = added((expected, more["bronze"]))
        self._compare(
            BRONZE,
            Side(expected, lambda: checks.expected_bronze(copies(), again, span, entity)),
            Side(held, lambda: checks.actual_bronze(bronze, span, entity)),
        )
        if not span.bounded and entity is None:
            self.result.checks.append(checks.raw_check(copies, raw, rows, ids, again.count() if again else 0))

    def normalized(self) -> Step:
        """Compare trades and quotes; the same event may repeat, with the same bytes only."""
        found = {kind: self._ask(TOPICS[kind]) for kind in NORMALIZED}
        for kind in NORMALIZED:
            self._expect(kind, WIRE)
        yield
        for kind, extent in found.items():
            if extent and extent.complete:
                self._sequence(kind, extent)
            elif extent:
                self.result.skipped[f"entity_seq of {kind}"] = "retention has cut the topic"
            self._compare_topic(TOPICS[kind], kind, extent, self._replayed(kind))

    def low_rate(self) -> Step:
        """Compare the low-rate topics of normalization; a whole replay only: they depend on an entity's whole log."""
        if self.span.bounded or self.entity:
            self.result.skipped["low-rate"] = "compared only without --from, --to and --entity"
            return
        names = [name for name in domains().topics_of("normalization") if name not in (*TOPICS.values(), DEAD_LETTERS)]
        found = {name: self._ask(name) for name in names}
        self._reading.low_rate(sorted((self.result.replayed.out / LOW_RATE).glob("*.parquet")))
        yield
        for topic, extent in found.items():
            kind = domains().topics[topic].contract
            if kind in REVISIONS and extent and extent.complete:
                self._sequence(kind, extent)
            expected = Side(self._reading.settled(replayed(topic)).sums, partial(self._low_rate, topic, kind))
            self._compare_topic(topic, kind, extent, expected)

    def _low_rate(self, topic: str, kind: str) -> views.View:
        return _pick(kind)(self._view(low_rate(self.spark, self.result.replayed.out, topic), kind))

    def analytics(self) -> Step:
        """Compare bars; the latest version of each counts."""
        found = {kind: self._ask(TOPICS[kind]) for kind in BARS}
        for kind in BARS:
            self._expect(kind, WIRE)
        yield
        for kind, extent in found.items():
            self._compare_topic(TOPICS[kind], kind, extent, self._replayed(kind))

    def dead_letters(self) -> Step:
        """Compare rejected records; a whole replay only, since a rejected record's time is no bound to trust."""
        if self.span.bounded or self.entity:
            self.result.skipped["deadletters"] = "compared only without --from, --to and --entity"
            return
        found = self._ask(DEAD_LETTERS)
        self._expect(REJECTED, WIRE)
        yield
        expected = self._side("dead_letter", lambda: rejected(self.spark, self.result.replayed.out))
        self._compare_topic(DEAD_LETTERS, "dead_letter", found, expected)

    def silver(self) -> Step:
        """Compare Hudi tables of trades and quotes, row for row: a row that is there twice is a difference."""
        days = self.span.ingest_days(domains().topics_becoming(*NORMALIZED))
        found = {}
        for kind in NORMALIZED:
            rows = self._lake(kind, "ingest_date")
            if rows is not None:
                self._reading.files(catalog.lake_table(kind), rows.inputFiles(), "silver", kind, days)
                # An event that was sent again arrived on whatever date that was.
                rows = rows.where(f"({days.sql('ingest_date')}) OR {RESUBMITTED}")
            found[kind] = rows
            self._expect(kind, "silver")
        yield
        for kind, rows in found.items():
            self._compare_table(catalog.lake_table(kind), "silver", kind, rows)

    def gold(self) -> Step:
        """Compare Hudi tables of bars, row for row."""
        found = {}
        for kind in BARS:
            rows = self._lake(kind, "event_date")
            found[kind] = rows if rows is None else rows.where(self.span.event_days().sql("event_date"))
            self._expect_table(catalog.lake_table(kind), "gold", kind, found[kind])
        yield
        for kind, rows in found.items():
            self._compare_table(catalog.lake_table(kind), "gold", kind, rows)

    def clickhouse(self) -> Step:
        """Compare what readers of ClickHouse see."""
        found = {kind: self._fetched(kind) for kind in BARS}
        for kind, rows in found.items():
            self._expect_table(f"clickhouse.{CLICKHOUSE[kind]}", "clickhouse", kind, rows)
        yield
        for kind, rows in found.items():
            self._compare_table(f"clickhouse.{CLICKHOUSE[kind]}", "clickhouse", kind, rows)

    def _fetched(self, kind: str) -> DataFrame | None:
        """Return the rows of a ClickHouse table; None: there are none."""
        if self.sources.clickhouse is None:
            raise StoreError("ClickHouse is to be compared, but no endpoint is configured")
        target = self.sources.scratch / "clickhouse" / f"{kind}.parquet"
        target.parent.mkdir(parents=True, exist_ok=True)
        there = clickhouse.fetch(self.sources.clickhouse, CLICKHOUSE[kind], self.span.event_days(), target)
        return self.spark.read.parquet(str(target)) if there else None

    def adjusted(self) -> Step:
        """Compare adjusted series with those of the replayed actions and closes; a whole replay only."""
        if self.span.bounded or self.entity:
            self.result.skipped["adjusted"] = "compared only without --from, --to and --entity"
            return
        out = self.sources.scratch / "adjusted"
        inputs = [catalog.topic(kind) for kind in FACTS]
        none = low_rate_topics(self.spark, self.result.replayed.out).isdisjoint(inputs)
        if none:
            adjust.compute_nothing(out)
        else:
            actions, closes = (low_rate(self.spark, self.result.replayed.out, topic) for topic in inputs)
            adjust.compute(self.spark, actions, closes, out, quality=self.sources.quality)
        found = {kind: self._ask(catalog.topic(kind)) for kind in ADJUSTED}
        tables = {kind: self._adjusted_tables(kind) for kind in ADJUSTED}
        for kind in ADJUSTED:
            if not none:
                self._reading.values(kind, adjust.results(self.spark, out, kind).select(VALUE), (WIRE, "clickhouse"))
            for table, rows in tables[kind].items():
                self._read_rows(table, "clickhouse", kind, rows)
        yield
        for kind in ADJUSTED:
            values = partial(_values_of, adjust.results, self.spark, out, kind)
            self._compare_topic(catalog.topic(kind), kind, found[kind], self._side(kind, values))
            for table, rows in tables[kind].items():
                self._compare_rows(table, "clickhouse", kind, rows, values)

    def _adjusted_tables(self, kind: str) -> dict[str, DataFrame | None]:
        found = {catalog.lake_table(kind): self._hudi(catalog.lake_table(kind))}
        if kind == ADJUSTED_BAR and self.sources.clickhouse is not None:
            rows = self._fetched(kind)
            found[f"clickhouse.{CLICKHOUSE[kind]}"] = None if rows is None else adjust_stores.dated(rows, kind)
        return found

    def keys(self) -> None:
        """Check the Kafka keys of the topics that were read; those of trades and quotes belong to `sequence_check`."""
        rest = {name: self._reading.settled(name) for name in self._keyed if name not in map(TOPICS.get, NORMALIZED)}
        if rest:
            self.result.checks.append(checks.key_check(rest))

    # --- what is read ---

    def _ask(self, topic: str) -> topics.Extent | None:
        """Ask for a topic; return how far it reaches, None if it does not exist."""
        found = self._reach.get(topic)
        if found and not found.empty:
            self._reading.topic(partitions.parts(self._broker(), found))
            self._keyed.append(topic)
        return found

    def _expect(self, kind: str, form: str) -> None:
        """Ask for what a replay has of a kind, or rejected, in a form."""
        self._forms.setdefault(kind, []).append(form)

    def _expect_table(self, table: str, store: str, kind: str, rows: DataFrame | None) -> None:
        self._expect(kind, store)
        self._read_rows(table, store, kind, rows)

    def _read_rows(self, table: str, store: str, kind: str, rows: DataFrame | None) -> None:
        if rows is not None:
            self._reading.rows(table, views.typed(rows, store, kind, self.span, self.entity), store, kind)

    def _table(self, table: str, store: str, kind: str, typed: Callable[[], DataFrame]) -> ByDay:
        """Return a table's sums; if a worker could not read its files, Spark does, or says why not."""
        try:
            return self._reading.sums(table, store)
        except UnreadableError:
            return self._reading.sums_of(typed(), store, kind)[store]

    # --- what is compared ---

    def _compare(self, table: str, expected: Side, actual: Side, note: str = "") -> None:
        try:
            found = compare(table, expected, actual, limit=self.limit)
        except (Py4JJavaError, PySparkException) as error:
            # One file that is broken must not hide what the other stores hold.
            found = unreadable(table, reason(error))
        found.notes += [note] if note else []
        self.result.comparisons.append(found)

    def _compare_topic(self, topic: str, kind: str, extent: topics.Extent | None, expected: Side) -> None:
        self.say(f"comparing {topic}")
        try:
            sums = self._reading.settled(topic).sums
        except UnreadableError as error:
            self.result.comparisons.append(unreadable(topic, reason(error)))
            return
        self._compare(topic, expected, Side(sums, lambda: _pick(kind)(self._view(self._log(extent), kind))))

    def _compare_table(self, table: str, store: str, kind: str, rows: DataFrame | None) -> None:
        self._compare_rows(table, store, kind, rows, self._values(kind))

    def _compare_rows(self, table: str, store: str, kind: str, rows: DataFrame | None, values: Values) -> None:
        self.say(f"comparing {table}")
        expected = Side(
            self._reading.sums(replayed(kind), store),
            lambda: views.expected_table(values(), store, kind, self.span, self.entity),
        )
        if rows is None:
            actual = Side({}, lambda: views.nothing(expected.rows()))
            self._compare(table, expected, actual, "there is no such table, or it is empty")
            return
        try:
            sums = self._table(table, store, kind, lambda: views.typed(rows, store, kind, self.span, self.entity))
        except (Py4JJavaError, PySparkException) as error:
            self.result.comparisons.append(unreadable(table, reason(error)))
            return
        actual = Side(sums, lambda: views.of_table(rows, store, kind, self.span, self.entity))
        self._compare(table, expected, actual)

    def _replayed(self, kind: str) -> Side:
        return self._side(kind, self._values(kind))

    def _values(self, kind: str) -> Values:
        return partial(_values_of, records, self.spark, self.result.replayed.out, kind)

    def _side(self, kind: str, values: Values) -> Side:
        """Return what was replayed of a kind, whose rows are wire values."""
        return Side(self._reading.sums(replayed(kind)), lambda: self._view(values(), kind))

    def _sequence(self, kind: str, extent: topics.Extent) -> None:
        try:
            read = self._reading.settled(extent.topic)
        except UnreadableError:  # the comparison says it
            return
        self.result.checks.append(checks.sequence_check(lambda: self._log(extent), kind, extent.topic, read))

    def _view(self, values: DataFrame, kind: str) -> views.View:
        return views.of_values(values, kind, self.span, self.entity)

    # --- stores ---

    def _broker(self) -> topics.Broker:
        if self.sources.kafka is None:
            raise StoreError("topics are to be compared, but no broker is configured")
        return self.sources.kafka

    @cached_property
    def _reach(self) -> dict[str, topics.Extent]:
        """How far each topic reaches, asked once."""
        return topics.extents(self._broker(), list(domains().topics))

    def _log(self, extent: topics.Extent | None) -> DataFrame:
        return topics.read(self.spark, self._broker(), [extent] if extent else [])

    def _lake(self, kind: str, column: str) -> DataFrame | None:
        table = catalog.lake_table(kind)
        rows = self._hudi(table)
        if rows is not None and column not in rows.columns:
            raise StoreError(f"{table} has no column {column}")
        return rows

    def _hudi(self, table: str) -> DataFrame | None:
        path = f"{self.sources.lake_uri}/{table}"
        if not table_exists(self.spark, path):
            return None
        try:
            return open_table(self.spark, path)
        except Exception as error:
            raise StoreError(f"{table} cannot be read: {type(error).__name__}: {first_line(error)}") from error


def _pick(kind: str) -> Callable[[views.View], views.View]:
    """Return how a topic's records become those that count."""
    return views.latest if views.versioned(kind) else views.first_copies


def _values_of(opened: Opened, spark: SparkSession, out: Path, kind: str) -> DataFrame:
    return opened(spark, out, kind).select(VALUE)
