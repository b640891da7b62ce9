"""The report: several runs in one, skipped faults never counted, a failed round seen."""

import subprocess
from datetime import UTC, date, datetime

import pytest

from devstack.chaos import report

RUN = {"command": "polyglot chaos --seed 1", "commit": "048dea1", "date": "2026-11-27", "seeds": [1, 2]}


def one(seed, *, passed=True, **more):
    hits = [
        {"fault": "kill-broker", "at": 0.2, "detail": ""},
        {"fault": "disk-full", "at": 0.4, "detail": "", "skipped": "mount: permission denied"},
    ]
    found = {"seed": seed, "input": "simulated", "faults": hits, "passed": passed, "seconds": 60, **more}
    if passed:
        topics = {"missing_sequence_numbers": 0, "conflicting_copies": 0}
        found |= {"counts": {"raw": 10}, "verified": 20, "repair_requests": {"behind_watermark": 3}}
        found |= {"differences": 0, "lost": 0, "topics": topics}
    return found


def test_runs_add_up_and_what_was_skipped_does_not_count(tmp_path):
    path = tmp_path / "report" / "chaos.json"
    assert report.load(path) == ([], [])
    report.write(path, report.summary([one(1), one(2)], [RUN]))
    rounds, runs = report.load(path)
    assert runs == [RUN]
    found = report.summary([*rounds, one(3)], [*runs, report.run("polyglot chaos --seed 3", [one(3)])])
    assert found["passed"]
    assert (found["seeds"], found["faults"], found["faults_skipped"]) == ([1, 2, 3], 3, 3)
    assert (found["faults_by_kind"], found["repair_requests"]) == ({"kill-broker": 3}, {"behind_watermark": 9})
    assert [(run["command"], run["seeds"]) for run in found["runs"]] == [
        (RUN["command"], [1, 2]),
        ("polyglot chaos --seed 3", [3]),
    ]
    assert len(path.read_text().splitlines()) < 40  # a line per round


def test_a_round_that_broke_fails_the_campaign():
    found = report.summary([one(1), one(2, passed=False, error="not drained in time")], [RUN])
    assert not found["passed"]
    assert report.row(found["rounds"][1])[-1] == "BROKEN"
    assert report.row(found["rounds"][0])[-1] == "holds"


def test_a_round_that_met_no_fault_is_no_seed():
    idle = one(2, faults=[{"fault": "kill-broker", "at": 1.0, "detail": "", "skipped": "no load: 100% are fed"}])
    found = report.summary([one(1), idle], [RUN])
    assert (found["seeds"], found["rounds_run"], found["faults"]) == ([1], 2, 1)
    assert report.row(idle)[-1] == "no fault"


def test_nothing_run_proves_nothing():
    assert not report.summary([], [])["passed"]


@pytest.fixture
def repository(tmp_path):
    def git(*arguments):
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
        subprocess.run(["git", *identity, "-C", str(tmp_path), *arguments], check=True, capture_output=True)

    git("init", "--quiet")
    (tmp_path / "docs").mkdir()
    for name in ("code.py", "docs/chaos.json"):
        (tmp_path / name).write_text("1")
    git("add", ".")
    git("commit", "--quiet", "-m", "one")
    return tmp_path


def test_a_run_is_tied_to_its_code_and_day(repository):
    clean = report.run("polyglot chaos", [one(7)], repository)
    assert len(clean["commit"]) == 10 and int(clean["commit"], 16) >= 0
    assert clean["seeds"] == [7]
    assert 0 <= (datetime.now(UTC).date() - date.fromisoformat(clean["date"])).days <= 1
    (repository / "docs" / "chaos.json").write_text("2")
    assert report.commit(repository) == clean["commit"]  # the report itself is no code
    (repository / "code.py").write_text("2")
    assert report.commit(repository) == f"{clean['commit']}-dirty"


def test_without_git_no_commit_is_claimed(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert report.commit(tmp_path) is None
