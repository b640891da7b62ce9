"""Break each law on purpose, in a copy of the source, and see that a test turns red: ``make mutations``.

What is broken is listed in ``mutants.py``, ``*_mutants.py`` and ``window_mutations.py``.

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
from law_mutants import OF_LAWS
from mutants import NOTICED, Mutation
from replay_mutants import OF_REPLAYS
from retention_mutants import OF_RETENTION
from version_mutants import OF_VERSIONS
from window_mutations import OF_WINDOWS

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
MUTATIONS = (
    *OF_LAWS,
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
