"""Mutants of the lake's upkeep: who may write beside whom, what counts as read, and what is due."""

from __future__ import annotations

from mutants import Mutation

LAYOUT, DUE, SERVICES = (
    f"tests/unit/batch/maintenance/test_{name}.py" for name in ("table_files", "conditions", "services")
)

SNAPSHOTS = "tests/unit/batch/test_snapshots.py"

OF_THE_LAKE = (
    Mutation(
        "lake: nobody takes the place of a writer whose heart beats",
        "batch/maintenance/heartbeats.py",
        "datetime.now(UTC) - heartbeat.mtime <= DEAD_AFTER",
        "False",
        ("tests/unit/batch/maintenance/test_heartbeats.py",),
    ),
    Mutation(
        "lake: a table's writers take one lock",
        "batch/spark/shared_tables.py",
        '"io.polyglot.lake.TableLock"',
        '"org.apache.hudi.client.transaction.lock.InProcessLockProvider"',
        (SERVICES,),
    ),
    Mutation(
        "lake: one process has a table's lock",
        "connectors/hudi/src/main/java/io/polyglot/lake/TableLock.java",
        "return false; // by another client in this JVM",
        "return true;",
        ("connectors/hudi/src/test/java/io/polyglot/lake/TableLockTest.java",),
    ),
    Mutation(
        "lake: what only began is no part of a table",
        "batch/maintenance/table_files.py",
        "if ended and file.instant not in timeline.pending:",
        "if True:",
        (LAYOUT,),
    ),
    Mutation(
        "lake: a log behind a base file is read, one before it is not",
        "batch/maintenance/table_files.py",
        "under = file.instant < base or",
        "under = file.instant > base or",
        (LAYOUT,),
    ),
    Mutation(
        "lake: what was replaced is kept for its time",
        "batch/maintenance/conditions.py",
        "min(replaced) <= limit) or",
        "min(replaced) <= now) or",
        (DUE,),
    ),
    Mutation(
        "lake: only what is old in all its parts is deleted regardless of commits",
        "batch/maintenance/conditions.py",
        "all_old=max(replaced, default=limit) <= limit,",
        "all_old=min(replaced, default=limit) <= limit,",
        (DUE,),
    ),
    Mutation(
        "lake: the lock on S3 is written only by who saw its last state",
        "connectors/s3/src/main/java/org/apache/hudi/aws/transaction/lock/S3StorageLockClient.java",
        "request.putCustomRequestHeader(condition, value);",
        'request.putCustomRequestHeader("x-unknown", value);',
        ("connectors/s3/src/test/java/org/apache/hudi/aws/transaction/lock/S3StorageLockClientTest.java",),
    ),
    Mutation(
        "lake: the sink and Spark take the same lock on S3",
        "batch/spark/shared_tables.py",
        '"hoodie.write.lock.storage.validity.timeout.secs": "60"',
        '"hoodie.write.lock.storage.validity.timeout.secs": "6"',
        (SERVICES,),
    ),
    Mutation(
        "lake: staged files that are gone are forgiven only where the table was made again with them",
        "connectors/hudi/src/main/java/io/polyglot/hudi/FilesCommitter.java",
        "containsAll(run.former())",
        "isEmpty() || true",
        ("connectors/hudi/src/test/java/io/polyglot/hudi/FilesCrashTest.java",),
    ),
    Mutation(
        "lake: no key of S3 is handed down",
        "devstack/local/environment.py",
        r"S3__\w+_KEY|",
        "",
        ("tests/unit/devstack/local/test_s3_server.py",),
    ),
    Mutation(
        "snapshot: a changed byte is found",
        "batch/snapshots/bronze_copy.py",
        "if digest.hexdigest() != one.sha256:",
        "if not digest.hexdigest():",
        (SNAPSHOTS,),
    ),
    Mutation(
        "snapshot: another digest is a difference",
        "batch/snapshots/snapshot_manifest.py",
        "if one != other:",
        "if bool(one) != bool(other):",
        (SNAPSHOTS,),
    ),
    Mutation(
        "snapshot: it is of one version",
        "operations/snapshots.py",
        "if one.restated or one.version != families()[one.family].current:",
        "if one.restated:",
        ("tests/unit/operations/test_snapshots.py",),
    ),
)
