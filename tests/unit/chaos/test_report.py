"""The report: several runs in one, skipped faults never counted, a failed round seen."""

from polyglot.chaos import report


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
    assert report.load(path) == []
    report.write(path, report.summary([one(1), one(2)]))
    found = report.summary([*report.load(path), one(3)])
    assert found["passed"]
    assert (found["seeds"], found["faults"], found["faults_skipped"]) == ([1, 2, 3], 3, 3)
    assert (found["faults_by_kind"], found["repair_requests"]) == ({"kill-broker": 3}, 9)
    assert len(path.read_text().splitlines()) < 40  # a line per round


def test_a_round_that_broke_fails_the_campaign():
    found = report.summary([one(1), one(2, passed=False, error="not drained in time")])
    assert not found["passed"]
    assert report.row(found["rounds"][1])[-1] == "BROKEN"
    assert report.row(found["rounds"][0])[-1] == "holds"


def test_nothing_run_proves_nothing():
    assert not report.summary([])["passed"]
