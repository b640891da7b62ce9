"""clickhouse-connect's own integration tests, pinned, against the gateway: what of it fails is listed, with the reason.

The list is tests/drivers/clickhouse_connect_expected_failures.toml. The tests are in no package, only in the project's
repository. They come from a clone that POLYGLOT_CLICKHOUSE_CONNECT names, or else by git from where it is published;
where neither has them, this is skipped with the reason, also in CI, which may reach no repository.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from support import drivers

from .gateway_process import USERS, Gateway

LIST = tomllib.loads((drivers.SOURCES / "clickhouse_connect_expected_failures.toml").read_text())
SUITE = LIST["suite"]
#: Tests by their pattern: (pattern, reason, whether it may pass).
EXPECTED = [
    (re.compile(".*".join(re.escape(part) for part in name.split("*"))), each["reason"], each.get("may_pass", False))
    for each in LIST["failures"]
    for name in each["tests"]
]
FOLDER = "tests/integration_tests"
#: The tests create databases.
USER = "root"


@pytest.fixture(scope="module")
def suite() -> Path:
    return drivers.prepared("clickhouse-connect", SUITE["commit"], _unpack)


@pytest.fixture(scope="module")
def python() -> Path:
    return drivers.python("suite", drivers.SOURCES / "clickhouse_connect" / "requirements.lock")


def test_quick_part(gateway: Gateway, suite: Path, python: Path, tmp_path: Path) -> None:
    compare(outcomes(gateway, suite, python, tmp_path, SUITE["quick"]), SUITE["quick"])


@pytest.mark.long
def test_all(gateway: Gateway, suite: Path, python: Path, tmp_path: Path) -> None:
    compare(outcomes(gateway, suite, python, tmp_path, [""]), [""])


def outcomes(gateway: Gateway, suite: Path, python: Path, tmp_path: Path, parts: Sequence[str]) -> dict[str, str]:
    """Run files of the suite; return by test what made it fail, or nothing."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "PYTHON", "POLYGLOT"))
    } | {
        "CLICKHOUSE_CONNECT_TEST_HOST": "127.0.0.1",
        "CLICKHOUSE_CONNECT_TEST_PORT": str(gateway.port),
        "CLICKHOUSE_CONNECT_TEST_USER": USER,
        "CLICKHOUSE_CONNECT_TEST_PASSWORD": str(USERS[USER]["password"]),
    }
    report = tmp_path / "report.xml"
    options = ["-q", "-n", "2", "-p", "no:cacheprovider", "-o", "junit_family=xunit1", f"--junitxml={report}"]
    run = subprocess.run(
        [python, "-m", "pytest", *options, *(f"{FOLDER}/{part}" for part in parts)],
        cwd=suite,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
    )
    assert run.returncode in {0, 1}, run.stdout[-4000:]  # 1: tests failed
    sys.stdout.write(run.stdout.splitlines()[-1] + "\n")
    found: dict[str, str] = {}
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 (pytest has just written it)
        name = f"{case.attrib['file'].removeprefix(FOLDER + '/')}::{case.attrib['name']}"
        problem = case.find("failure") if case.find("failure") is not None else case.find("error")
        if case.find("skipped") is None:
            found[name] = found.get(name, "") or (_first_line(problem) if problem is not None else "")
    return found


def compare(found: dict[str, str], parts: Sequence[str]) -> None:
    """Fail for each test that failed without being listed, or passed though it is listed; say what failed for what."""
    assert len(found) > 100, "the suite did not run"
    reasons: dict[str, int] = {}
    unexpected = []
    for name, problem in found.items():
        listed = [(reason, may_pass) for pattern, reason, may_pass in EXPECTED if pattern.fullmatch(name)]
        if problem and listed:
            reasons[listed[0][0]] = reasons.get(listed[0][0], 0) + 1
        elif problem:
            unexpected.append(f"{name} failed: {problem}")
        elif listed and not listed[0][1]:
            unexpected.append(f"{name} passed, but is listed: {listed[0][0]}")
    for pattern, reason, _ in EXPECTED:
        concerned = any(pattern.pattern.startswith(re.escape(part)) for part in parts)
        if concerned and not any(pattern.fullmatch(name) for name in found):
            unexpected.append(f"{pattern.pattern} is listed, but there is no such test: {reason}")
    failed = sum(reasons.values())
    sys.stdout.write(f"{len(found)} tests, {failed} failures that are expected\n")
    sys.stdout.writelines(f"{count:4} {reason}\n" for reason, count in sorted(reasons.items()))
    if unexpected:
        pytest.fail("\n".join(sorted(unexpected)), pytrace=False)


def _first_line(problem: Any) -> str:
    said = re.findall(r"Code: \d+\. DB::Exception: [^\n]*", problem.text or "")
    return str(said[-1] if said else (problem.get("message") or "").split("\n")[0])[:300]


def _unpack(folder: Path) -> None:
    clone = os.environ.get("POLYGLOT_CLICKHOUSE_CONNECT")
    git = ["git", "-c", "safe.directory=*", "-C"]
    if not clone:
        clone = str(folder / "repository")
        subprocess.run(["git", "init", "--quiet", "--bare", clone], check=True)
        fetch = [*git, clone, "fetch", "--quiet", "--depth=1", SUITE["repository"], SUITE["commit"]]
        drivers.fetch(fetch, folder, {"GIT_TERMINAL_PROMPT": "0"}, needed=False)
    packed = subprocess.run([*git, clone, "archive", SUITE["commit"], "tests"], check=True, capture_output=True).stdout
    with tarfile.open(fileobj=BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    (folder / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = session\n")
