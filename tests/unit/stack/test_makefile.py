"""The Makefile's own promises: its comments are its help, and arguments reach the command."""

import os
import re
import shutil
import subprocess

import pytest

from polyglot.config import ROOT

pytestmark = pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
TARGETS = {
    "help", "setup", "demo", "down", "test", "test-unit", "test-java", "test-long", "mutations", "lint", "lock", "bench"
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


def test_ci_demands_the_history_of_the_contracts():
    assert "contracts check --strict" in make("--dry-run", "lint", CI="1")
    assert "--strict" not in make("--dry-run", "lint", CI="")


def test_packages_are_installed_by_hash_only():
    assert "--require-hashes -r requirements.lock" in (ROOT / "Makefile").read_text()
