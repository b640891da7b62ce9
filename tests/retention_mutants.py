"""Mutants of what retention cuts, and of what becomes of a job that it has overtaken."""

from __future__ import annotations

from mutants import Mutation

RETENTION = "tests/unit/operations/test_retention.py"
FILLING = "tests/unit/flink_jobs/test_filling.py"

OF_RETENTION = (
    Mutation(
        "law 4: what retention has cut is filled before a shard's first record, and no further",
        "flink_jobs/filling.py",
        "rows = batch.filter(pc.less(batch.column(OFFSET), first))",
        "rows = batch",
        (FILLING,),
    ),
    Mutation(
        "law 4: a fill has what a job has not read, from its place on",
        "batch/replaying/fill.py",
        "kept = rows.filter(pc.greater_equal(rows.column(OFFSET), spans[shard][0]))",
        "kept = rows.filter(pc.greater_equal(rows.column(OFFSET), spans[shard][0] + 60))",
        (FILLING,),
    ),
    Mutation(
        "operations: a job does not start behind what it has not read",
        "operations/expired.py",
        "if not begins[place] <= position <= ends[place]:",
        "if not begins[place] - 60 <= position <= ends[place]:",
        ("tests/unit/operations/test_expired.py",),
    ),
    Mutation(
        "law 3: a place that is gone is not skipped in silence",
        "connectors/blocks/src/main/java/io/polyglot/blocks/Oldest.java",
        "skipping ? OffsetResetStrategy.EARLIEST : OffsetResetStrategy.NONE",
        "OffsetResetStrategy.EARLIEST",
        ("connectors/blocks/src/test/java/io/polyglot/blocks/OldestTest.java",),
    ),
    Mutation(
        "law 1: raw topics are cut behind Bronze, and behind every job",
        "operations/retention.py",
        "limits = {AGE: old, **read}",
        "limits = {AGE: old}",
        (RETENTION,),
    ),
    Mutation(
        "law 1: of a topic on hold nothing is cut",
        "operations/retention.py",
        "if topic.hold:",
        "if topic.hold == topic.name:",
        (RETENTION,),
    ),
    Mutation(
        "law 1: no broker cuts a raw topic by age alone",
        "operations/topics.py",
        "str(kept_ms if topic.cut_by_broker else -1)",
        "str(kept_ms)",
        (RETENTION,),
    ),
)
