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
    "help", "setup", "env", "demo", "down", "test", "test-unit", "test-integration", "test-java", "test-long",
    "test-stacks", "test-search", "mutations", "coverage", "lint", "docs", "lock", "bench", "airflow", "airflow-setup",
    "test-airflow",
}  # fmt: skip
#: Parts of others, which `make` does not list.
INTERNAL = {"test-airflow-or-say"}


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
    assert set(re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)[1].split()) == TARGETS | INTERNAL


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


def red_and_green(tmp_path, *red):
    """Copy the Makefile into a folder where everything is installed, and every command but the red ones succeeds."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    for name in (".created", ".uv", ".packages", ".project"):
        (tmp_path / ".venv" / name).parent.mkdir(exist_ok=True)
        (tmp_path / ".venv" / name).touch()
    for name in ("requirements.lock", "pyproject.toml"):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (0, 0))
    os.utime(tmp_path / "Makefile", (0, 0))
    commands = tmp_path / ".venv" / "bin"
    commands.mkdir()
    for name in ("python", "ruff", "mypy", "lint-imports", "polyglot", "mkdocs"):
        (commands / name).write_text(f"#!/bin/sh\nexit {int(name in red)}\n")
        (commands / name).chmod(0o755)
    (tmp_path / ".ci" / "java-tests").write_text(f"#!/bin/sh\nexit {int('java' in red)}\n")
    # It would install Airflow.
    (tmp_path / ".ci" / "airflow").write_text(f"#!/bin/sh\n.ci/stage airflow sh -c 'exit {int('airflow' in red)}'\n")
    env = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    done = subprocess.run(["make", "test"], cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    lines = (tmp_path / "ci-artifacts" / "stages.tsv").read_text().splitlines()
    return done, [(line[0], line[3].split()[0], line[2] == "0") for line in (line.split("\t") for line in lines)]


ALL_STAGES = {
    ("lint", "ruff"), ("lint", "mypy"), ("lint", "lint-imports"), ("lint", "polyglot"), ("lint", "mkdocs"),
    ("test-java", "java-tests"), ("test-unit", "python"), ("test-integration", "python"),
    ("airflow", "sh"),
}  # fmt: skip


@pytest.mark.parametrize("red", ["ruff", "java", "airflow", ""])
def test_what_is_red_hides_nothing(tmp_path, red):
    failed = {"java": "java-tests", "airflow": "sh"}.get(red, red)
    done, stages = red_and_green(tmp_path, red)
    assert (done.returncode == 0) == (not red), done.stderr
    assert {stage[:2] for stage in stages} == ALL_STAGES
    assert {command for _, command, green in stages if not green} == {failed} - {""}


@pytest.fixture
def java(tmp_path, monkeypatch):
    """Run the Java tests with an `mvn` that says whether it ran; ``write`` changes a file first."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "mvn").write_text(
        '#!/bin/sh\n[ "$1" = --version ] && echo 3.8 && exit\necho ran >>ran\nexit $RED\n'
    )
    (tmp_path / "bin" / "mvn").chmod(0o755)

    def run(red=0, **files):
        for name, text in {"connectors/a.java": "a", "schemas/a.avsc": "{}", **files}.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        (tmp_path / "ran").unlink(missing_ok=True)
        path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
        env = {**os.environ, "PATH": path, "RED": str(red)}
        done = subprocess.run([str(ROOT / ".ci" / "java-tests")], cwd=tmp_path, env=env, check=False)
        return done.returncode, (tmp_path / "ran").exists()

    return run


def test_java_tests_run_unless_nothing_has_changed_since_they_were_green(java):
    assert java(red=1) == (1, True)
    assert java() == (0, True)  # red is no reason to skip
    assert java(red=1) == (0, False)
    assert java(**{"connectors/x/src/test/b.java": "b"}) == (0, True)
    assert java(**{"connectors/x/target/b.class": "b"}) == (0, False)
    assert java(**{"schemas/a.avsc": "[]"}, red=1) == (1, True)
    assert java(**{"schemas/a.avsc": "[]"}) == (0, True)
