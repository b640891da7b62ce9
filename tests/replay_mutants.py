"""Mutants of what two engines recompute, of how they are compared, and of what is kept of that."""

from __future__ import annotations

from mutants import VERDICT, Mutation

OF_REPLAYS = (
    Mutation(
        "proof: both engines pass only with equal replays",
        "batch/verifying/engines.py",
        'rest[0]["passed"] and not unequal',
        'rest[0]["passed"]',
        (VERDICT,),
    ),
    Mutation(
        "proof: stores are compared with each engine's replay",
        "batch/verifying/engines.py",
        'first["passed"] and rest[0]["passed"]',
        'first["passed"]',
        (VERDICT,),
    ),
    Mutation(
        "proof: the next verification goes on from one that passed",
        "operations/proofs.py",
        'and one["status"] == PASSED',
        "",
        ("tests/unit/operations/test_proofs.py",),
    ),
    Mutation(
        "proof: what is new is of each day that a commit touches",
        "batch/verifying/since.py",
        "days |= {*np.unique((at - _FRAME) // DAY).tolist(), *np.unique((at + _FRAME) // DAY).tolist()}",
        "days |= {*np.unique(at // DAY).tolist()}",
        ("tests/unit/batch/verifying/test_since.py",),
    ),
    Mutation(
        "replay: a part of the log that lost its beginning comes from Bronze",
        "batch/replaying/log_parts.py",
        "found.begin.get(partition, end) <= first and",
        "",
        ("tests/unit/batch/replaying/test_log_parts.py",),
    ),
    Mutation(
        "replay: Flink writes to topics of its own",
        "flink_jobs/io/topics.py",
        'prefix = job.replay.prefix if job.replay else ""',
        'prefix = ""',
        ("tests/unit/flink_jobs/test_io.py",),
    ),
    Mutation(
        "replay: what a task wrote that failed does not count",
        "batch/replaying/files.py",
        'path.with_name(f"_{path.name}.{uuid4().hex}")',
        "path",
        ("tests/unit/batch/replaying/test_spool.py",),
    ),
    Mutation(
        "replay: a driver that spark-submit has started keeps its master",
        "batch/spark/session.py",
        "{} if submitted else {",
        "{} if False else {",
        ("tests/unit/batch/spark/test_session.py",),
    ),
)
