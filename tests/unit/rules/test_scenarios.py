"""The machinery of scenarios: what belongs together runs in one worker, and versions do not contradict themselves."""

from types import SimpleNamespace

import pytest
from support.scenario import Outcome, latest
from support.scheduling import LoadFolderScheduling


def test_what_shares_a_stack_is_one_workers():
    split = object.__new__(LoadFolderScheduling)._split_scope
    scenarios = {split(f"tests/integration/scenarios/test_{name}.py::TestX::test_y[a]") for name in ("faults", "rules")}
    assert len(scenarios) == 1
    assert split("tests/integration/batch/test_amend.py::test_x") == "tests/integration/batch/test_amend.py"


def bar(version, close, start=0):
    return {"entity_id": "sim:A", "interval": "1s", "window_start": start, "version": version, "close": close}


def test_the_highest_version_counts_however_versions_came():
    rows = [bar(1, 5), bar(3, 7), bar(2, 6), bar(3, 7), bar(1, 4, start=1)]
    found = latest(rows, lambda one: one["window_start"])
    assert {start: one["close"] for start, one in found.items()} == {0: 7, 1: 4}


def test_one_version_with_two_contents_is_told():
    with pytest.raises(AssertionError):
        latest([bar(1, 5), bar(1, 6)], lambda one: one["window_start"])


def test_an_outcome_has_what_is_of_an_entity_and_reads_a_topic_once(monkeypatch):
    asked = []

    def records(bootstrap, topic, contract):
        asked.append(topic)
        return [bar(1, 5), {**bar(1, 9), "entity_id": "sim:B"}]

    monkeypatch.setattr("support.scenario.records", records)
    stack = SimpleNamespace(settings=SimpleNamespace(kafka=SimpleNamespace(bootstrap_servers="x")))
    outcome = Outcome(stack, {}, {}, passed=True)
    assert outcome.bars("sim:A") == {("1s", 0): bar(1, 5)}
    assert len(outcome.records("analytics.bar.v1", "bar")) == 2
    assert asked == ["analytics.bar.v1"]
