"""`polyglot chaos` over many nights: where it goes on, what it adds to the report, and when it fails."""

import json

import pytest

from devstack.chaos import campaign
from polyglot.cli import run
from runtime.console import Exit


def played(seed, *, passed=True):
    topics = {"missing_sequence_numbers": 0, "conflicting_copies": 0}
    hits = [{"fault": "stall", "at": 0.2, "detail": ""}, {"fault": "rescale", "at": 0.4, "detail": ""}]
    return {
        "seed": seed, "input": "simulated", "faults": hits, "passed": passed, "seconds": 60, "counts": {"raw": 10},
        "verified": 20, "repair_requests": {}, "differences": int(not passed), "lost": 0, "topics": topics,
    }  # fmt: skip


@pytest.fixture
def nights(tmp_path, monkeypatch):
    """Each night plays the rounds in ``verdicts``, from the seed that was ordered; ``orders`` are the orders."""
    orders, verdicts = [], [True, True]

    def play(settings, console, order, *, survived, tell):
        orders.append((order, survived))
        done = []
        for number, passed in enumerate(verdicts):
            done.append(played(order.seed + number, passed=passed))
            tell(done)
            assert len(json.loads(report.read_text())["rounds"]) >= len(done), "written after each round"
        return done

    report = tmp_path / "report" / "chaos.json"
    monkeypatch.setenv("POLYGLOT_VAR_DIR", str(tmp_path))
    monkeypatch.setattr(campaign, "run", play)

    def night(*options):
        code = run(["chaos", "--json", *options])
        return code, json.loads(report.read_text())

    night.orders, night.verdicts = orders, verdicts
    return night


def test_a_campaign_goes_on_where_the_last_night_ended(nights, capsys):
    code, report = nights("--campaign", "9", "--seed", "5")
    assert (code, report["faults_survived"]) == (Exit.OK, 4)
    assert "5 more to survive" in capsys.readouterr().err
    code, report = nights("--campaign", "9", "--resume", "--minutes", "480")
    assert (code, report["faults_survived"], report["rounds_run"]) == (Exit.OK, 8, 4)
    assert [one["seed"] for one in report["rounds"]] == [5, 6, 7, 8]
    first, second = nights.orders
    assert (first[0].seed, first[0].minutes, first[0].survive, first[1]) == (5, float("inf"), 9, 0)
    assert (second[0].seed, second[0].minutes, second[1]) == (7, 480.0, 4)
    assert [one["seeds"] for one in report["runs"]] == [[5, 6], [7, 8]]


def test_a_round_that_broke_fails_its_night_and_its_faults_were_not_survived(nights):
    nights.verdicts[:] = [True, False]
    code, report = nights("--campaign", "9")
    assert (code, report["faults_survived"], report["passed"]) == (Exit.FAILED, 2, False)
    nights.verdicts[:] = [True]
    code, report = nights("--campaign", "9", "--resume")
    assert (code, report["faults_survived"]) == (Exit.OK, 4)
    assert not report["passed"], "the report does not forget"


def test_without_a_campaign_ten_minutes_are_enough_and_the_report_begins_anew(nights):
    nights()
    code, report = nights("--seed", "3")
    assert (code, report["rounds_run"]) == (Exit.OK, 2)
    assert [order.minutes for order, _ in nights.orders] == [10.0, 10.0]
    assert [order.seed for order, _ in nights.orders] == [1, 3]
