"""The Makefile's own promises: its comments are its help, and arguments reach the command."""

import os
import re
import shutil
import stat
import subprocess

import pytest

from runtime.config import ROOT

pytestmark = pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
TARGETS = {
    "help", "setup", "env", "demo", "down", "test", "test-unit", "test-java", "test-long", "mutations", "coverage",
    "lint", "docs", "lock", "bench",
}  # fmt: skip


def make(*arguments, **env):
    return subprocess.run(
        ["make", *arguments], cwd=ROOT, capture_output=True, text=True, check=True, env={**os.environ, **env}
    ).stdout


def test_make_alone_lists_every_target():
    lines = make().splitlines()
    assert {re.match(r"  make (\S+)", line)[1] for line in lines} == TARGETS
    assert all(len(line.split(maxsplit=2)) == 3 for line in lines), "a target without a comment"


def test_every_target_is_phony():
    text = (ROOT / "Makefile").read_text()
    assert set(re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)[1].split()) == TARGETS


def test_captures_reach_the_demo():
    assert "polyglot demo --capture a.gz --capture b.gz" in make("--dry-run", "demo", "CAPTURE=a.gz b.gz")
    assert "--capture" not in make("--dry-run", "demo")


def test_coverage_is_measured_when_asked_for():
    assert "coverage run -m pytest" in make("--dry-run", "test-unit", COVERAGE="1")
    assert "coverage" not in make("--dry-run", "test-unit", COVERAGE="")


def test_a_stage_leaves_its_time_and_its_exit_code(tmp_path):
    stage = [str(ROOT / ".ci" / "stage"), "lint"]
    assert subprocess.run([*stage, "true"], cwd=tmp_path, check=False).returncode == 0
    assert subprocess.run([*stage, "sh", "-c", "exit 3"], cwd=tmp_path, check=False).returncode == 3
    lines = [line.split("\t") for line in (tmp_path / "ci-artifacts" / "stages.tsv").read_text().splitlines()]
    assert [(line[0], line[2]) for line in lines] == [("lint", "0"), ("lint", "3")]
    assert all(float(line[1]) >= 0 for line in lines)


def test_ci_demands_the_history_of_the_contracts():
    assert "contracts check --strict" in make("--dry-run", "lint", CI="1")
    assert "contracts check --strict" not in make("--dry-run", "lint", CI="")


def test_passwords_for_compose_are_made_once_and_only_their_owner_reads_them(tmp_path):
    def env():
        subprocess.run(["make", "-f", str(ROOT / "Makefile"), "env"], cwd=tmp_path, check=True, capture_output=True)
        return dict(line.split("=") for line in (tmp_path / ".env").read_text().splitlines())

    made = env()
    assert made.keys() == {"CLICKHOUSE_PASSWORD", "S3_SECRET_KEY"}
    assert all(len(value) >= 32 for value in made.values())
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600
    (tmp_path / ".env").write_text("S3_SECRET_KEY=mine\nOTHER=1\n")
    added = env()
    assert (added["S3_SECRET_KEY"], added["OTHER"]) == ("mine", "1")
    assert added["CLICKHOUSE_PASSWORD"] != made["CLICKHOUSE_PASSWORD"]


def test_packages_are_installed_by_hash_only():
    assert "--require-hashes -r requirements.lock" in (ROOT / "Makefile").read_text()
