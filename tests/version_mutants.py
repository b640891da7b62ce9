"""Mutants of versions in time: which version holds for a window, for a frame, and for a record of a contract."""

from __future__ import annotations

from mutants import Mutation

VERSIONS, CUTOVERS = "tests/property/test_versions.py", "tests/unit/operations/test_cutovers.py"
APPLICATION = "tests/unit/operations/test_application.py"
HASHES, ASKED = "tests/unit/batch/verifying/test_hashes.py", "tests/unit/cli/test_versions.py"

OF_VERSIONS = (
    Mutation(
        "law 3, versions: rules judge frames from their offset on",
        "udfs/normalize/turns.py",
        'side="right"',
        'side="left"',
        (VERSIONS,),
    ),
    Mutation(
        "law 3, versions: the last cut-over of an offset counts",
        "schemas/versions.py",
        "found = [turn for turn in found if turn.offset < first]",
        "found = [turn for turn in found if turn.offset <= first]",
        (VERSIONS,),
    ),
    Mutation(
        "law 3, versions: what is filled is judged by the rules that held where it was",
        "flink_jobs/filling.py",
        "fold.turns(partition, offsets)",
        "fold.turns(partition, offsets[:1].repeat(len(offsets)))",
        ("tests/unit/flink_jobs/test_filling.py",),
    ),
    Mutation(
        "law 3, versions: copies of a part of the log are judged as the part",
        "schemas/versions.py",
        "0 if one.offsets.get(place, 0) <= first else FOREVER",
        "0 if one.offsets.get(place, 0) < first else FOREVER",
        (VERSIONS,),
    ),
    Mutation(
        "law 3, versions: copies of frames of several versions are refused",
        "schemas/versions.py",
        "if first < offset < end]:",
        "if first < offset < end - 1]:",
        (VERSIONS,),
    ),
    Mutation(
        "law 5, versions: the last version that was recorded for a window holds",
        "schemas/versions.py",
        "version, edition = one.version, edition + one.restated",
        "version, edition = max(version, one.version), edition + one.restated",
        (VERSIONS,),
    ),
    Mutation(
        "law 5, versions: a window that was published keeps its version",
        "operations/cutovers.py",
        "changed and cut.since <= newest",
        "changed and cut.since < newest",
        (CUTOVERS,),
    ),
    Mutation(
        "law 5, versions: an upgrade is taken back where it was made",
        "operations/cutovers.py",
        "last.start, last.end, last.offsets",
        "ALWAYS, last.end, last.offsets",
        (CUTOVERS,),
    ),
    Mutation(
        "law 5, versions: a version holds from the start of a window on",
        "udfs/windows/kernels/bars.py",
        "starts[k] > start:",
        "starts[k] >= start:",
        (VERSIONS,),
    ),
    Mutation(
        "law 5, versions: the start of a window chooses its version, not the time of an event",
        "udfs/windows/kernels/bars.py",
        "_held(starts, versions, rows[x + at.START])",
        "_held(starts, versions, rows[x + at.CLOSE + at.PICK_TIME])",
        (VERSIONS,),
    ),
    Mutation(
        "law 5, versions: a restatement raises the version of a bar",
        "udfs/windows/kernels/bars.py",
        "rows[x + at.EVENTS] + (edition << _RAISED)",
        "rows[x + at.EVENTS]",
        (VERSIONS,),
    ),
    Mutation(
        "law 5, versions: a vwap of version 2 is rounded half up",
        "udfs/windows/kernels/words.py",
        "if not below(r0, r1, left0, left1):",
        "if below(left0, left1, r0, r1):",
        (VERSIONS,),
    ),
    Mutation(
        "proof, versions: what a record of an older version lacks has its default",
        "batch/verifying/hashes.py",
        "_defaults(self.kind)[name][1] if row is None else",
        "0 if row is None else",
        (HASHES,),
    ),
    Mutation(
        "proof, versions: what was restated is compared again",
        "runtime/readers/releases.py",
        'if one["restated"] and one["recorded_at"] >= since:',
        'if one["restated"] and one["recorded_at"] > since:',
        (ASKED,),
    ),
    Mutation(
        "law 3, versions: a job that starts itself cuts over where its savepoint ends",
        "operations/application.py",
        "{job.name: _read(job.origin)}",
        "{}",
        (APPLICATION,),
    ),
    Mutation(
        "law 3, versions: a bounded run of a job that starts itself records nothing",
        "operations/application.py",
        "if job.settings.flink.bounded or job.settings.flink.replay:",
        "if job.settings.flink.replay:",
        (APPLICATION,),
    ),
)
