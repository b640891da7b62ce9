"""Mutants that once survived every test: of the proof itself, of delivery, of the venues' frames and of the stores."""

from __future__ import annotations

from dataclasses import dataclass

SPOILED, HORIZON = "tests/integration/batch/test_spoiled_stores.py", "tests/unit/udfs/gate/test_horizon.py"
FRAMES, DECLARED = "tests/unit/udfs/venues/test_venue_frames.py", "tests/unit/flink_jobs/test_declared.py"
LETTERS, UIDS = "tests/unit/udfs/normalize/test_large_dead_letters.py", "tests/integration/jobs/test_manifests.py"
VERDICT, ACCOUNTS = "tests/unit/cli/test_verify.py", "tests/unit/flink_jobs/test_fold_accounts.py"
ENDS, PARTITIONS = "tests/unit/batch/spark/test_topics.py", "tests/unit/batch/spark/test_partitions.py"
ENTRIES = "tests/unit/batch/verifying/test_entries.py"
COLUMNS, STATES = "tests/unit/clickhouse/test_columns.py", "tests/property/test_stored_states.py"
FILES, SILVER = (
    "connectors/hudi/src/test/java/io/polyglot/hudi/FilesCrashTest.java",
    "tests/unit/udfs/lake/test_silver.py",
)


@dataclass(frozen=True)
class Mutation:
    """A law, the text in a file that keeps it, what breaks it, and the tests of which one must fail."""

    law: str
    path: str
    keeps: str
    breaks: str
    tests: tuple[str, ...]


#: Law, file, what keeps it, what breaks it, tests.
NOTICED = (
    Mutation(
        "proof: verify counts the differences",
        "batch/verifying/result.py",
        "return sum(c.differences for c in self.comparisons) + sum(not check.holds for check in self.checks)",
        "return 0",
        (VERDICT, SPOILED),
    ),
    Mutation(
        "proof: each number of a sequence is there once",
        "batch/verifying/entries.py",
        " & (one == ideal.low) & (two == ideal.high)",
        "",
        (ENTRIES,),
    ),
    Mutation(
        "proof: a digest is of all rows' hashes",
        "batch/verifying/sums.py",
        "part & (1 << 64) - 1",
        "0",
        ("tests/unit/batch/verifying/test_digest.py",),
    ),
    Mutation(
        "proof: verify compares the store, not the replay with itself",
        "batch/verifying/compare.py",
        "day_lines(expected.sums, actual.sums)",
        "day_lines(expected.sums, expected.sums)",
        (SPOILED,),
    ),
    Mutation(
        "proof: the command exits with 1 on a difference",
        "polyglot/cli/verify.py",
        "raise typer.Exit(Exit.FAILED)",
        "raise typer.Exit(Exit.OK)",
        (VERDICT, SPOILED),
    ),
    Mutation(
        "proof: every row of a day is compared",
        "batch/verifying/sums.py",
        "np.add.reduceat(half, starts)",
        "half[starts]",
        (ENTRIES, SPOILED),
    ),
    Mutation(
        "proof: each column of a table is compared",
        "batch/verifying/hashes.py",
        "for column in columns:",
        "for column in list(columns)[1:]:",
        ("tests/unit/batch/verifying/test_hashes.py",),
    ),
    Mutation(
        "proof: a null is no empty text",
        "batch/verifying/hashes.py",
        "if column.null_count:",
        "if False:",
        ("tests/unit/batch/verifying/test_hashes.py",),
    ),
    Mutation(
        "proof: of an event that came again the first copy counts",
        "batch/verifying/entries.py",
        "return _foremost(entries, np.minimum)",
        "return _foremost(entries, np.maximum)",
        (ENTRIES,),
    ),
    Mutation(
        "proof: of a bar's versions the highest counts",
        "batch/verifying/entries.py",
        "keep = _foremost(entries, np.maximum)",
        "keep = _foremost(entries, np.minimum)",
        (ENTRIES,),
    ),
    Mutation(
        "proof: what may be equal is settled together",
        "batch/verifying/entries.py",
        'ranges = entries["group"] & np.uint64(self._ranges - 1)',
        'ranges = entries["order"].view(np.uint64) & np.uint64(self._ranges - 1)',
        (ENTRIES,),
    ),
    Mutation(
        "proof: the last record of a partition is read",
        "batch/spark/topics.py",
        "end = {extent.topic: {str(p): offset for p, offset in extent.end.items()} for extent in found}",
        "end = {extent.topic: {str(p): offset - 1 for p, offset in extent.end.items()} for extent in found}",
        (ENDS,),
    ),
    Mutation(
        "proof: a worker reads a partition's last record",
        "batch/spark/partitions.py",
        "min(begin + PART, end)",
        "min(begin + PART, end - 1)",
        (PARTITIONS,),
    ),
    Mutation(
        "proof: a worker reads what was committed",
        "batch/spark/partitions.py",
        '"isolation.level": "read_committed"',
        '"isolation.level": "read_uncommitted"',
        (PARTITIONS,),
    ),
    Mutation(
        "proof: a topic reaches to its last record",
        "batch/spark/topics.py",
        "end = _offsets(admin, parts, OffsetSpec.latest())",
        "end = {at: max(n - 1, 0) for at, n in _offsets(admin, parts, OffsetSpec.latest()).items()}",
        (ENDS,),
    ),
    Mutation(
        "proof: a replay reads what was committed",
        "batch/spark/topics.py",
        '"kafka.isolation.level": "read_committed"',
        '"kafka.isolation.level": "read_uncommitted"',
        (ENDS,),
    ),
    Mutation(
        "proof: what does not balance fails the demo",
        "devstack/demo/run.py",
        'balanced = all(report["balance"].values())',
        "balanced = True",
        ("tests/unit/devstack/demo/test_run.py",),
    ),
    Mutation(
        "proof: a lost frame breaks a round of chaos",
        "devstack/chaos/proof.py",
        'lost = len(self.identities) - counted["raw_distinct"]',
        "lost = 0",
        ("tests/unit/devstack/chaos/test_proof.py",),
    ),
    Mutation(
        "proof: a fault that was skipped was not survived",
        "devstack/chaos/report.py",
        'if "skipped" not in hit]',
        "]",
        ("tests/unit/devstack/chaos/test_report.py",),
    ),
    Mutation(
        "upgrades: whatever goes wrong, the version before runs again",
        "operations/upgrade/apply.py",
        "        if wrong:\n            raise _rolled_back",
        "        if False:\n            raise _rolled_back",
        ("tests/unit/operations/test_upgrade.py",),
    ),
    Mutation(
        "upgrades: state without a successor is refused",
        "savepoints/compatibility.py",
        "            if uid not in drop:",
        "            if uid in drop:",
        ("tests/unit/savepoints/test_compatibility.py",),
    ),
    Mutation(
        "upgrades: a savepoint that has lost a file is refused",
        "savepoints/compatibility.py",
        "for one in saved.missing[:1]]",
        "for one in saved.missing[:0]]",
        ("tests/unit/savepoints/test_compatibility.py",),
    ),
    Mutation(
        "upgrades: a job that saves no state is not well",
        "operations/upgrade/health.py",
        'if not counts["completed"]:',
        "if not counts:",
        ("tests/unit/operations/test_health.py",),
    ),
    Mutation(
        "upgrades: a version that rejects more than before is not well",
        "operations/upgrade/rejections.py",
        "if one.count > one.read * (share + _MORE) + _FEW:",
        "if False:",
        ("tests/unit/operations/test_health.py",),
    ),
    Mutation(
        "upgrades: one odd record is no reason to go back",
        "operations/upgrade/rejections.py",
        "_MORE, _FEW = 0.01, 2",
        "_MORE, _FEW = 0, 0",
        ("tests/unit/operations/test_health.py",),
    ),
    Mutation(
        "upgrades: the way back is not interrupted",
        "polyglot/cli/_signals.py",
        "            signal.signal(one, lambda *_: None)",
        "            _ = one",
        ("tests/unit/cli/test_signals.py",),
    ),
    Mutation(
        "proof: what a bounded replay reads of a file it counts",
        "batch/replaying/shards.py",
        "max(last_offset[piece.shard], piece.high)",
        "last_offset[piece.shard]",
        ("tests/unit/batch/replaying/test_plan.py",),
    ),
    Mutation(
        "upgrades: rules are part of a release",
        "operations/releases.py",
        "    state.update(rules.read_bytes())\n",
        "",
        ("tests/unit/operations/test_releases.py",),
    ),
    Mutation(
        "upgrades: the lake takes back what lies behind a restored checkpoint",
        "connectors/hudi/src/main/java/io/polyglot/hudi/FilesCommitter.java",
        "> restored;",
        "> Long.MAX_VALUE - 1;",
        (FILES,),
    ),
    Mutation(
        "proof: a fault leaves feed for those behind it",
        "devstack/chaos/holding.py",
        "if self._limit < 1.0 and self._fed() >= self._limit:",
        "if self._fed() > 1.0:",
        ("tests/unit/devstack/chaos/test_holding.py",),
    ),
    Mutation(
        "law 3: a rule that stops ends the job for good",
        "connectors/halt/src/main/java/io/polyglot/halt/HaltOnMessage.java",
        "throw new SuppressRestartsException(new FlinkRuntimeException(message.toString()));",
        "throw new FlinkRuntimeException(message.toString());",
        ("connectors/halt/src/test/java/io/polyglot/halt/HaltOnMessageTest.java",),
    ),
    Mutation(
        "law 3: a job that a rule has stopped saves nothing of the block",
        "flink_jobs/operators/fold.py",
        "            self._stopped = True",
        "            self._stopped = False",
        ("tests/unit/flink_jobs/test_fold.py",),
    ),
    Mutation(
        "law 3: a record that a rule stops at is not written",
        "udfs/quality/verdicts.py",
        "raise QualityStop(rule, event_id, found, wanted)",
        "pass",
        ("tests/unit/udfs/quality/test_quality_stop.py",),
    ),
    Mutation(
        "law 3: a drain says which rule has stopped a job",
        "operations/drain.py",
        'f": {cause}" if cause else ""',
        '""',
        ("tests/unit/operations/test_drain.py",),
    ),
    Mutation(
        "law 1: a sink keeps what its checkpoint has counted",
        "flink_jobs/io/topics.py",
        'GUARANTEE = "AT_LEAST_ONCE"',
        'GUARANTEE = "NONE"',
        (DECLARED,),
    ),
    Mutation(
        "law 1: a source reads what was committed",
        "flink_jobs/io/topics.py",
        '"isolation.level": "read_committed"',
        '"isolation.level": "read_uncommitted"',
        (DECLARED,),
    ),
    Mutation(
        "law 1: an operator finds its state by its uid",
        "flink_jobs/normalize.py",
        'name="normalize")',
        'name="normalize 2")',
        (UIDS,),
    ),
    Mutation(
        "law 1: of several jobs each starts from its own checkpoint",
        "flink_jobs/together.py",
        "job.run(origins[job.name], text)",
        "job.run(next(iter(origins.values())), text)",
        ("tests/unit/flink_jobs/test_together.py",),
    ),
    Mutation(
        "law 1: Gold's rows have their key",
        "connectors/hudi/src/main/java/io/polyglot/hudi/KeyAndDate.java",
        'text.isEmpty() ? "" : "|"',
        'text.isEmpty() ? "" : ":"',
        ("connectors/hudi/src/test/java/io/polyglot/hudi/LakeTest.java",),
    ),
    Mutation(
        "law 1: a checkpoint's files are committed once",
        "connectors/hudi/src/main/java/io/polyglot/hudi/FilesCommitter.java",
        "if (committed.contains(batch.id())) {",
        "if (committed.contains(spec.name())) {",
        (FILES,),
    ),
    Mutation(
        "law 1: what died while it committed leaves nothing behind",
        "connectors/hudi/src/main/java/io/polyglot/hudi/FilesCommitter.java",
        "table.rollbackPending();",
        "",
        (FILES,),
    ),
    Mutation(
        "law 1: staged files are swept when nothing refers to them any more",
        "connectors/hudi/src/main/java/io/polyglot/hudi/FilesCommitter.java",
        "if (!swept && batch.checkpoint() > run.restored()) {",
        "if (!swept) {",
        (FILES,),
    ),
    Mutation(
        "law 1: a file's commit stands in its columns and in their bounds",
        "connectors/hudi/src/main/java/io/polyglot/hudi/LakeFile.java",
        "places++;",
        "return 1;",
        (FILES,),
    ),
    Mutation(
        "law 4: Silver has a record once",
        "udfs/kernels/records.py",
        "dates, order) >= 0",
        "dates, order) >= -1",
        (SILVER,),
    ),
    Mutation(
        "law 3: an event at the horizon is accepted, and none behind it (+ 1 µs)",
        "udfs/gate/topic_rules.py",
        "horizon=spec.horizon_ms * 1_000,",
        "horizon=spec.horizon_ms * 1_000 + 1,",
        (HORIZON,),
    ),
    Mutation(
        "law 3: an event at the horizon is accepted, and none behind it (- 1 µs)",
        "udfs/gate/topic_rules.py",
        "horizon=spec.horizon_ms * 1_000,",
        "horizon=spec.horizon_ms * 1_000 - 1,",
        (HORIZON,),
    ),
    Mutation(
        "law 3: a dead letter holds the whole record",
        "udfs/wire/dead_letters.py",
        "write_bytes(self.record)",
        "write_bytes(self.record[: 1 << 20])",
        (LETTERS,),
    ),
    Mutation(
        "law 3: a spread's sizes are those of its sides",
        "udfs/venues/kraken.py",
        "bid, ask, time, bid_size, ask_size, *_ = data",
        "bid, ask, time, ask_size, bid_size, *_ = data",
        (FRAMES,),
    ),
    Mutation(
        "law 3: a ticker's sizes are those of its sides",
        "udfs/venues/coinbase.py",
        'decimals.parse(need(body, "best_bid_size"), "best_bid_size", zero=True)',
        'decimals.parse(need(body, "best_ask_size"), "best_ask_size", zero=True)',
        (FRAMES,),
    ),
    Mutation(
        "law 4: a state of an earlier commit is read",
        "udfs/normalize/normalizer.py",
        "self._sequence.apply(entities, counts)",
        "pass",
        (STATES,),
    ),
    Mutation(
        "law 7: ClickHouse has every field of the contract",
        "sql/clickhouse/0001_bars.sql",
        "    first_trade_id String,\n",
        "",
        (COLUMNS,),
    ),
    Mutation(
        "law 7: ClickHouse tells keys apart",
        "sql/clickhouse/0001_bars.sql",
        "ORDER BY (entity_id, event_date, interval, window_start);",
        "ORDER BY (entity_id, event_date, interval);",
        (COLUMNS,),
    ),
    Mutation(
        "metrics: a fold's records are each counted as one thing",
        "flink_jobs/lake_files.py",
        "ACCEPTED: records - duplicates,",
        "ACCEPTED: records,",
        (ACCOUNTS,),
    ),
    Mutation(
        "metrics: a first result is no correction",
        "flink_jobs/replies.py",
        "CORRECTIONS: int(np.count_nonzero(ends <= marks.before)),",
        "CORRECTIONS: int(np.count_nonzero(ends <= marks.now)),",
        (ACCOUNTS,),
    ),
    Mutation(
        "metrics: state is counted again after a restore",
        "flink_jobs/operators/fold.py",
        "                self._state_bytes += shard.journals[name].kept_bytes\n",
        "",
        ("tests/unit/flink_jobs/test_fold.py",),
    ),
    Mutation(
        "metrics: what a stop has lost is not counted",
        "flink_jobs/operators/fold.py",
        "yield Row(*self._work.emit([]), None, str(stop))",
        "yield Row(*self._work.emit([]), self._account(shard, []), str(stop))",
        ("tests/unit/flink_jobs/test_fold.py",),
    ),
    Mutation(
        "metrics: counters rise by what a row says",
        "connectors/blocks/src/main/java/io/polyglot/blocks/Account.java",
        "counter.inc(in.getLong());",
        "counter.inc();",
        ("connectors/blocks/src/test/java/io/polyglot/blocks/AccountTest.java",),
    ),
    Mutation(
        "drain: nobody waits for records that are not there",
        "runtime/offsets.py",
        "consumer.consume(500, _WAIT_S)",
        "consumer.consume(500, _TIMEOUT_S)",
        ("tests/unit/runtime/test_offsets.py",),
    ),
)
