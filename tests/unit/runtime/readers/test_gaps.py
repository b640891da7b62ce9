"""What `polyglot gaps` lists: the latest version of each gap, in whatever order the topic has them."""

import json

import pytest
from property.oracle import avro

from polyglot.cli import run
from runtime.readers import gaps as module
from runtime.records import Record


def gap(name, version, remaining, entity="sim:A"):
    return {
        "gap_id": name, "entity_id": entity, "venue": "sim", "channel": "trade", "reason": "missing", "first_id": 5,
        "last_id": 8, "remaining": remaining, "missing": "5-8" if remaining else "", "event_time": 1, "found_at": 2,
        "version": version,
    }  # fmt: skip


@pytest.fixture
def topic(monkeypatch):
    held = [gap("a", 1, 4), gap("a", 5, 0), gap("a", 2, 3), gap("b", 2, 3), gap("b", 1, 4), gap("c", 1, 4, "sim:B")]
    records = [Record("gaps", 0, n, avro("gap", one)) for n, one in enumerate(held)]
    monkeypatch.setattr(module, "messages", lambda *_: records)


def listed(capsys, *arguments):
    assert run(["gaps", "--json", *arguments]) == 0
    found = json.loads(capsys.readouterr().out)
    return [(one["gap_id"], one["version"]) for one in found["gaps"]], found["open"], found["published"]


@pytest.mark.usefixtures("topic")
def test_the_latest_version_of_each_counts(capsys):
    assert listed(capsys) == ([("b", 2), ("c", 1)], 2, 3)
    assert listed(capsys, "--all") == ([("a", 5), ("b", 2), ("c", 1)], 2, 3)
    assert listed(capsys, "--entity", "sim:B") == ([("c", 1)], 1, 1)


@pytest.mark.usefixtures("topic")
def test_the_table_says_how_many_are_missing_and_which(capsys):
    assert run(["gaps"]) == 0
    out = capsys.readouterr().out
    assert "3 of 4" in out
    assert "5-8" in out
