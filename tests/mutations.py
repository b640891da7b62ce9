"""Break each law on purpose, in a copy of the source, and see that a test turns red: ``python tests/mutations.py``.

Exits with 1 if a broken law goes unnoticed, or if a mutation no longer applies to the source.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("udfs", "sql", "schemas", "flink_jobs", "batch", "polyglot", "tests", "benchmarks", "connectors/src")


@dataclass(frozen=True)
class Mutation:
    """A law, the text in a file that keeps it, what breaks it, and the tests that must notice."""

    law: str
    path: str
    keeps: str
    breaks: str
    tests: tuple[str, ...]


MUTATIONS = (
    Mutation(
        "law 3: a late event is accepted up to the horizon, not dropped",
        "udfs/rules.py",
        "horizon=spec.horizon_ms * 1_000",
        "horizon=0",
        ("tests/property/test_fold.py", "tests/unit/udfs"),
    ),
    Mutation(
        "law 6: an accepted late event meets its window",
        "flink_jobs/late_firing.py",
        '"table.exec.emit.late-fire.enabled": "true"',
        '"table.exec.emit.late-fire.enabled": "false"',
        ("tests/unit/rules/test_jobs.py",),
    ),
    Mutation(
        "law 6: no state expires by processing time",
        "flink_jobs/late_firing.py",
        '"table.exec.emit.early-fire.enabled": "true",',
        '"table.exec.emit.early-fire.enabled": "true",\n        "table.exec.state.ttl": "1 h",',
        ("tests/unit/rules/test_jobs.py",),
    ),
    Mutation(
        "law 5: open is the first by event time, not by arrival",
        "sql/bars.sql",
        "MIN(sort_key) AS open_key",
        "FIRST_VALUE(sort_key) AS open_key",
        ("tests/unit/rules/test_sql.py",),
    ),
    Mutation(
        "law 4: identity is content, not arrival",
        "polyglot/collect/block.py",
        "[one.event_id for one in found]",
        '[f"{one.event_id}:{at}" for one, at in zip(found, receive_us, strict=True)]',
        ("tests/unit/collect",),
    ),
    Mutation(
        "law 4: sequences are dense",
        "udfs/codec/admitting.py",
        "counts[place] += 1",
        "counts[place] += 2",
        ("tests/property/test_fold.py",),
    ),
    Mutation(
        "law 4: a copy with other content is a conflict, not just a duplicate",
        "udfs/dedup.py",
        "differ = self._id_digest[entry] != digest[copies]",
        "differ = digest[copies] != digest[copies]",
        ("tests/property/test_fold.py", "tests/unit/udfs/test_conflicts.py"),
    ),
    Mutation(
        "law 4: a number that the venue gave and nobody has is a gap",
        "udfs/codec/following.py",
        "if low > seen + 1:",
        "if low > seen + 2:",
        ("tests/property/test_gaps.py",),
    ),
    Mutation(
        "law 4: each gap is given its grace",
        "udfs/codec/following.py",
        "if pieces[FOUND_AT, place] < edge:",
        "if pieces[FOUND_AT, place] < FOREVER:",
        ("tests/property/test_gaps.py",),
    ),
    Mutation(
        "law 3: a price is never rounded",
        "udfs/decimals.py",
        'raise Reject("too_precise", f"{field}: expected at most 12 decimals, got {shown(value)}")',
        "pass",
        ("tests/property/test_exact_numbers.py", "tests/unit/udfs"),
    ),
    Mutation(
        "law 5: the version is the number of events behind a bar",
        "udfs/bars.py",
        "version=version",
        "version=1",
        ("tests/property/test_bars.py",),
    ),
    Mutation(
        "law 5: the stream publishes no window with a revision",
        "flink_jobs/finish.py",
        "if revised_at is not None:",
        "if open_key is None:",
        ("tests/unit/flink_jobs",),
    ),
    Mutation(
        "law 6: an event is amended once, however much later it is sent again",
        "udfs/dedup.py",
        "time[amended] = FOREVER",
        "pass",
        ("tests/unit/udfs/test_amendments.py",),
    ),
    Mutation(
        "law 3: an amendment is judged by the gate, never waved through",
        "udfs/normalize.py",
        "todo[judged.claims] = 0",
        "pass",
        ("tests/unit/udfs/test_amendments.py",),
    ),
    Mutation(
        "law 5: an adjusted value is rounded once, at the end",
        "udfs/adjust.py",
        "price * one.price, total_return",
        "Fraction(round(price * one.price * SCALE), SCALE), total_return",
        ("tests/property/test_adjust.py",),
    ),
    Mutation(
        "law 5: an adjusted record's version counts the closes behind it",
        "udfs/adjust.py",
        "basis = closes.and_(reach.basis)",
        "basis = reach.basis",
        ("tests/property/test_adjust.py",),
    ),
    Mutation(
        "law 2: a contract's text is what its lock pinned",
        "schemas/trade.v1.avsc",
        '"name": "entity_seq", "type": "long"',
        '"name": "entity_seq", "type": "int"',
        ("tests/unit/schemas",),
    ),
)


def noticed(mutation: Mutation, copy: Path) -> bool:
    """Break the law in a copy of the source; return whether a test fails there."""
    target = copy / mutation.path
    text = target.read_text()
    if text.count(mutation.keeps) != 1:
        raise SystemExit(f"{mutation.path} no longer has exactly one {mutation.keeps!r}: {mutation.law}")
    target.write_text(text.replace(mutation.keeps, mutation.breaks))
    try:
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *mutation.tests]
        done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
        return done.returncode not in (0, 5)  # 5: no tests were found, which notices nothing
    finally:
        target.write_text(text)


def main() -> int:
    """Try every mutation; print one line each."""
    missed = 0
    with tempfile.TemporaryDirectory(prefix="polyglot-mutations-") as folder:
        copy = Path(folder)
        for name in FOLDERS:
            shutil.copytree(ROOT / name, copy / name)
        for name in ("pyproject.toml", "requirements.in", "requirements.lock", "Makefile", "README.md"):
            shutil.copy(ROOT / name, copy / name)
        for mutation in MUTATIONS:
            red = noticed(mutation, copy)
            missed += not red
            print(f"{'red  ' if red else 'GREEN'}  {mutation.law}  ({mutation.path})", flush=True)  # noqa: T201
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
