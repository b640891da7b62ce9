"""Break each law on purpose, in a copy of the source, and see that a test turns red: ``make mutations``.

What is broken is listed here, in ``*_mutants.py`` and in ``window_mutations.py``.

First the same tests must be green in an unbroken copy. A mutation counts as noticed only if a test *fails*: an error of
import or set-up, or no test at all, is none. Exits with 1 if a broken law goes unnoticed, or if a mutation no longer
applies to the source. ``make mutations ARGS="law 3"`` tries those whose law has these words.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from lake_mutants import OF_THE_LAKE
from mutants import NOTICED, Mutation
from replay_mutants import OF_REPLAYS
from retention_mutants import OF_RETENTION
from version_mutants import OF_VERSIONS
from window_mutations import BATCH_WINDOWS, OF_WINDOWS

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = (
    "udfs",
    "sql",
    "schemas",
    "runtime",
    "flink_jobs",
    "batch",
    "collectors",
    "operations",
    "savepoints",
    "devstack",
    "polyglot",
    "tests",
)
FILES = ("pyproject.toml",)
MODEL, FOLD = "tests/property/test_model.py", "tests/property/test_fold.py"
RULES = "tests/unit/rules/test_jobs.py"
VIEWS, REPLAY = "tests/unit/clickhouse/test_views.py", "tests/unit/batch/replaying/test_fold.py"
LOG_ORDER = "tests/property/test_log_order.py"


MUTATIONS = (
    Mutation(
        "law 1: what is written again after a crash is dropped by its consumer",
        "udfs/kernels/delivered.py",
        "if order <= last:",
        "if order < last - 1:",
        (MODEL,),
    ),
    Mutation(
        "law 1: an operator's state is saved before every checkpoint",
        "flink_jobs/operators/fold.py",
        "for number, entry in flushed.entries:",
        "for number, entry in flushed.entries[1:]:",
        (MODEL,),
    ),
    Mutation(
        "law 3: a rule that remembers never rejects",
        "schemas/quality.py",
        'if rule.memory and action == "fail":',
        'if rule.memory and action == "drop":',
        ("tests/unit/schemas/test_quality.py",),
    ),
    Mutation(
        "law 3: a daily close that a rule rejects becomes a dead letter",
        "udfs/normalize/normalizer.py",
        "rejected |= failed",
        "pass",
        ("tests/unit/udfs/quality/test_quality_rare.py",),
    ),
    Mutation(
        "law 3: what was rejected and redriven stays rejected in every replay",
        "udfs/normalize/acceptance.py",
        "if self._verdicts:",
        "if not self._verdicts:",
        ("tests/unit/udfs/gate/test_resubmitted.py",),
    ),
    Mutation(
        "law 4: a copy with other content is a conflict, not just a duplicate",
        "udfs/dedup/dedup.py",
        "differ = self._id_digest[entry] != digest[copies]",
        "differ = digest[copies] != digest[copies]",
        ("tests/property/test_fold.py", "tests/unit/udfs/ingest/test_conflicts.py"),
    ),
    Mutation(
        "law 4: a trade is the same in the stream and in a REST answer",
        "udfs/ingest/contents.py",
        'if rules.kind != "trade":',
        'if rules.kind != "":',
        ("tests/unit/udfs/ingest/test_conflicts.py",),
    ),
    Mutation(
        "law 4: a number that the venue gave and nobody has is a gap",
        "udfs/kernels/following.py",
        "if low > seen + 1:",
        "if low > seen + 2:",
        ("tests/property/test_gaps.py",),
    ),
    Mutation(
        "law 4: each gap is given its grace",
        "udfs/kernels/following.py",
        "if pieces[FOUND_AT, place] < edge:",
        "if pieces[FOUND_AT, place] < FOREVER:",
        ("tests/property/test_gaps.py",),
    ),
    Mutation(
        "law 5: the stream publishes no window with a revision",
        "udfs/windows/kernels/due.py",
        "push(s, at.ASKED if flags & at.LEFT else at.DUE, row)",
        "push(s, at.DUE, row)",
        ("tests/unit/udfs/windows",),
    ),
    Mutation(
        "law 6: an event is amended once, however much later it is sent again",
        "udfs/dedup/dedup.py",
        "time[amended] = FOREVER",
        "pass",
        ("tests/unit/udfs/gate/test_amendments.py",),
    ),
    Mutation(
        "law 6: a cancel that is amended restates the windows of its trade",
        "batch/repair/amend.py",
        "[row.trade_time for row",
        "[row.event_time for row",
        ("tests/unit/batch/repair/test_amend.py",),
    ),
    Mutation(
        "law 3: an amendment is judged by the gate, never waved through",
        "udfs/normalize/acceptance.py",
        "todo[judged.claims] = 0",
        "pass",
        ("tests/unit/udfs/gate/test_amendments.py",),
    ),
    Mutation(
        "law 5: an adjusted value is rounded once, at the end",
        "udfs/corporate_actions/adjust.py",
        "price * one.price, total_return",
        "Fraction(round(price * one.price * SCALE), SCALE), total_return",
        ("tests/property/test_adjust.py",),
    ),
    Mutation(
        "law 5: an adjusted record's version counts the closes behind it",
        "udfs/corporate_actions/adjust.py",
        "basis = closes.and_(reach.basis)",
        "basis = reach.basis",
        ("tests/unit/udfs/corporate_actions/test_adjust.py", "tests/property/test_adjust.py"),
    ),
    Mutation(
        "law 2: a contract's text is what its lock pinned",
        "schemas/trade.v1.avsc",
        '"name": "entity_seq", "type": "long"',
        '"name": "entity_seq", "type": "int"',
        ("tests/unit/schemas/test_check.py",),
    ),
    Mutation(
        "law 3: a late event is accepted up to the horizon, not dropped",
        "udfs/gate/topic_rules.py",
        "horizon=spec.horizon_ms * 1_000",
        "horizon=1_000_000",
        (MODEL,),
    ),
    Mutation(
        "law 3: what is rejected becomes a dead letter",
        "udfs/normalize/acceptance.py",
        "work.rejected[i] = reject.kept()",
        "work.not_normalized += 1",
        (MODEL,),
    ),
    Mutation(
        "law 3: a price is never rounded",
        "udfs/values/decimals.py",
        'raise Reject("too_precise", f"{field}: expected at most 12 decimals, got {shown(value)}")',
        "pass",
        ("tests/property/test_exact_numbers.py", MODEL),
    ),
    Mutation(
        "law 4: identity is content, not arrival",
        "collectors/block.py",
        "[one.event_id for one in found]",
        '[f"{one.event_id}:{at}" for one, at in zip(found, receive_us, strict=True)]',
        (MODEL,),
    ),
    Mutation(
        "law 4: an id is remembered as long as a copy can be accepted",
        "udfs/gate/topic_rules.py",
        "return self.horizon + self.max_skew",
        "return self.max_skew",
        (MODEL,),
    ),
    Mutation(
        "law 4: numbers go on after a restart where they were",
        "udfs/normalize/normalizer.py",
        "self._sequence.apply(entities, counts)",
        "pass",
        (MODEL,),
    ),
    Mutation(
        "law 4: numbers begin anew per ingest date, not per date of the event",
        "udfs/normalize/normalizer.py",
        "env.ingest_time[rows.rows] // DAY",
        "rows.time // DAY",
        (MODEL, FOLD),
    ),
    Mutation(
        "law 5: open is the first by event time, not the first to arrive in its second",
        "udfs/windows/kernels/reduce.py",
        "return time < rows[pick] or (time == rows[pick] and order < rows[pick + at.PICK_ORDER])",
        "return order < rows[pick + at.PICK_ORDER]",
        (MODEL,),
    ),
    Mutation(
        "law 5: the version is the number of events behind a bar",
        "udfs/windows/kernels/bars.py",
        "facts[f + B_VERSION] = rows[x + at.EVENTS]",
        "facts[f + B_VERSION] = rows[x + at.COUNT]",
        (BATCH_WINDOWS,),
    ),
    Mutation(
        "law 6: a late event is published at once",
        "udfs/windows/kernels/due.py",
        "        if _is_due(s, row, watermark):\n            _publish(s, row)\n        else:\n            push(",
        "        if _is_due(s, row, watermark) and s.rows[row * at.WIDTH + at.EVENTS] == 1:\n"
        "            _publish(s, row)\n        else:\n            push(",
        (MODEL,),
    ),
    Mutation(
        "law 6: no state expires by processing time",
        "flink_jobs/environment.py",
        '"pipeline.object-reuse": "true",',
        '"pipeline.object-reuse": "true",\n    "table.exec.state.ttl": "1 h",',
        (RULES,),
    ),
    Mutation(
        "law 6: windows wait as long as events are accepted",
        "udfs/windows/definition.py",
        "return self.horizon + 2 * self.max_skew",
        "return self.max_skew",
        (MODEL,),
    ),
    Mutation(
        "law 6: what no watermark publishes, the clock does",
        "flink_jobs/operators/fold.py",
        "if more or _waiting(shard):",
        "if more:",
        (MODEL,),
    ),
    Mutation(
        "law 6: a block says the watermark behind its last record",
        "udfs/wire/blocks.py",
        "min(LAST_WATERMARK, 1000 * watermark_ms)",
        "min(LAST_WATERMARK, watermark_ms)",
        (MODEL,),
    ),
    Mutation(
        "law 7: merges keep the highest version, not what came last",
        "sql/clickhouse/0001_bars.sql",
        "ENGINE = ReplacingMergeTree(version)",
        "ENGINE = ReplacingMergeTree",
        (VIEWS,),
    ),
    Mutation(
        "law 7: readers see the latest version before any merge",
        "sql/clickhouse/0002_quote_bars.sql",
        "SELECT * FROM quote_bars FINAL",
        "SELECT * FROM quote_bars",
        (VIEWS,),
    ),
    Mutation(
        "law 7: what was known at a time is the latest version known then",
        "sql/clickhouse/0003_adjusted_bars.sql",
        "as_of DESC, version DESC LIMIT 1",
        "as_of DESC, version LIMIT 1",
        (VIEWS,),
    ),
    Mutation(
        "law 7: a replay folds each shard by itself, as the stream does",
        "batch/replaying/normalize_workers.py",
        "normalizers[key].process(",
        "normalizers[min(normalizers)].process(",
        (REPLAY,),
    ),
    Mutation(
        "law 7: a replay reads records in order of the log, in whatever order files hold them",
        "batch/replaying/bronze_files.py",
        "if step.sort else (codes[chosen],)",
        "if False else (codes[chosen],)",
        (LOG_ORDER,),
    ),
    Mutation(
        "law 7: a replay reads files in order of the log",
        "batch/replaying/steps.py",
        "if piece.low > high:",
        "if True:",
        (LOG_ORDER,),
    ),
    Mutation(
        "law 7: a replay goes by the rules that the stream goes by",
        "batch/replaying/normalize_workers.py",
        "Normalizer(key[0], quality, Verdicts",
        "Normalizer(key[0], None, Verdicts",
        (REPLAY,),
    ),
    Mutation(
        "law 8: a quotient is rounded once, half to even",
        "udfs/values/decimals.py",
        "if 2 * rest > denominator or (2 * rest == denominator and quotient & 1):",
        "if 2 * rest >= denominator:",
        ("tests/property/test_adjust.py", "tests/property/test_exact_numbers.py"),
    ),
    Mutation(
        "law 8: kernels have no clock",
        "udfs/normalize/sequence.py",
        "import numpy as np",
        "import time\n\nimport numpy as np",
        ("tests/unit/udfs/test_purity.py",),
    ),
    *NOTICED,
    *OF_REPLAYS,
    *OF_RETENTION,
    *OF_THE_LAKE,
    *OF_VERSIONS,
    *(Mutation(*each) for each in OF_WINDOWS),
)


@dataclass(frozen=True)
class Outcome:
    """What pytest says: how many tests passed, the first that failed (name and reason), and any trouble besides."""

    passed: int
    failed: str
    trouble: str


def run(copy: Path, tests: Sequence[str]) -> Outcome:
    """Run tests in the copy up to the first failure: Java's by Maven, all others by pytest."""
    if any(name.endswith(".java") for name in tests):
        return run_java(copy, [name for name in tests if name.endswith(".java")])
    report = copy / "report.xml"
    report.unlink(missing_ok=True)
    command = [
        sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--hypothesis-profile=mutations",
        f"--junit-xml={report}", *tests,
    ]  # fmt: skip
    # Bytecode is found by time and size of its source: two mutations in one second may agree in both.
    environment = {"POLYGLOT_CACHE_DIR": str(ROOT / ".cache"), **os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    environment.setdefault("POLYGLOT_CAPTURES", str(ROOT.parent / "shared" / "captures"))
    done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
    return outcome(done, [report] if report.exists() else [])


def run_java(copy: Path, tests: Sequence[str]) -> Outcome:
    """Run classes of tests of one module of the connectors, without the network."""
    module = copy / "connectors" / tests[0].split("/")[1]
    reports = module / "target" / "surefire-reports"
    shutil.rmtree(reports, ignore_errors=True)
    names = ",".join(Path(name).stem for name in tests)
    command = ["mvn", "-o", "-q", "-f", "connectors/pom.xml", "-pl", module.name, "test", f"-Dtest={names}"]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    return outcome(done, sorted(reports.glob("TEST-*.xml")), java=True)


def outcome(done: subprocess.CompletedProcess[str], reports: Sequence[Path], *, java: bool = False) -> Outcome:
    """Read JUnit's reports; an exception in a test of Java's is an ``error`` there, and what pytest calls a failure."""
    cases = [case for report in reports for case in ET.parse(report).iter("testcase")]  # noqa: S314 - our own
    passed, failed, trouble = 0, "", ""
    for case in cases:
        failure, error = case.find("failure"), case.find("error")
        if java and error is not None:
            failure = error
        if failure is not None:
            reason = (failure.get("message") or failure.get("type") or "").strip().splitlines() or [""]
            failed = failed or f"{case.get('classname')}::{case.get('name')}: {reason[0]}"
        elif error is not None:
            trouble = trouble or f"{case.get('name')}: {error.get('message')}"
        elif case.find("skipped") is None:
            passed += 1
    if not cases or (done.returncode and not failed):
        trouble = trouble or f"it ended with {done.returncode}: {(done.stdout + done.stderr)[-1500:]}"
    return Outcome(passed, failed, trouble)


def broken(mutation: Mutation, copy: Path) -> Outcome:
    """Break the law in the copy, run its tests, and mend it.

    Raises:
        SystemExit: the text that keeps the law is not in the file, or not once.
    """
    target = copy / mutation.path
    text = target.read_text()
    if text.count(mutation.keeps) != 1:
        raise SystemExit(f"{mutation.path} no longer has exactly one {mutation.keeps!r}: {mutation.law}")
    target.write_text(text.replace(mutation.keeps, mutation.breaks))
    try:
        return run(copy, mutation.tests)
    finally:
        target.write_text(text)


def copied(folder: Path) -> Path:
    """Copy the source, with the kernels' machine code but without bytecode; contracts are checked against a commit."""
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("*.pyc"))
    for name in FILES:
        shutil.copy(ROOT / name, folder / name)
    shutil.copytree(ROOT / "connectors", folder / "connectors", ignore=shutil.ignore_patterns("target"))
    for jar in (ROOT / "connectors").glob("*/target/polyglot-*.jar"):  # what is built, so that jobs can be
        (folder / jar.relative_to(ROOT)).parent.mkdir(exist_ok=True)
        (folder / jar.relative_to(ROOT)).symlink_to(jar)
    author = ["-c", "user.name=mutations", "-c", "user.email=mutations@localhost"]
    for command in (["init", "--quiet"], ["add", "schemas"], ["commit", "--quiet", "--message", "unbroken"]):
        subprocess.run(["git", *author, *command], cwd=folder, check=True)
    return folder


def main(words: Sequence[str]) -> int:
    """Try the mutations; print a line or two each."""
    chosen = [one for one in MUTATIONS if " ".join(words) in one.law]
    missed, began = 0, time.monotonic()
    with tempfile.TemporaryDirectory(prefix="polyglot-mutations-") as folder:
        copy = copied(Path(folder))
        tests = sorted({name for one in chosen for name in one.tests})
        java = [name for name in tests if name.endswith(".java")]
        for part in filter(None, ([name for name in tests if name not in java], java)):
            whole = run(copy, part)
            if whole.failed or whole.trouble:
                print(f"not green without any mutation: {whole.failed or whole.trouble}")  # noqa: T201
                return 1
            print(f"green  {whole.passed} tests without any mutation", flush=True)  # noqa: T201
        for mutation in chosen:
            found = broken(mutation, copy)
            red = found.failed and not found.trouble
            missed += not red
            print(f"{'red  ' if red else 'GREEN'}  {mutation.law}  ({mutation.path})")  # noqa: T201
            print(f"         {found.failed or found.trouble or 'all tests passed'}", flush=True)  # noqa: T201
    print(f"{len(chosen) - missed} of {len(chosen)} noticed in {time.monotonic() - began:.0f} s")  # noqa: T201
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
