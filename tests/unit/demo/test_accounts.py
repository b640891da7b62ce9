"""The demo's balance: every raw record is counted once, also one that is a duplicate and a dead letter."""

import pytest

from polyglot.config import Settings
from polyglot.demo import accounts as module


@pytest.fixture(autouse=True)
def no_rules(monkeypatch):
    monkeypatch.setattr(module, "counts", lambda *_: [])


def verified():
    tables = {"normalized.trade.v1": 70, "normalized.quote.v1": 20, "normalized.gaps.v1": 2}
    raw = {
        "raw_records": 107,
        "raw_distinct_event_ids": 102,
        "bronze_rows": 102,
        "raw_duplicates": 5,
        "bronze_let_in_again": 0,
    }
    balance = {
        "trade": {"envelopes": 80, "frames": 70, "duplicates": 0, "dead_letters": 6, "not_normalized": 4},
        "quote": {"envelopes": 20, "frames": 20, "duplicates": 0, "dead_letters": 0, "not_normalized": 0},
    }
    return {
        "tables": [{"table": name, "found": found, "status": "equal"} for name, found in tables.items()],
        "checks": [{"name": "raw distinct event ids = Bronze rows", **raw}],
        "replay": {"balance": balance},
        "records": 1, "differences": 0, "passed": True,
    }  # fmt: skip


@pytest.mark.parametrize("conflicts", [0, 3])
def test_a_conflict_is_counted_once(monkeypatch, conflicts):
    reasons = {"late": 6} | ({"conflict": conflicts} if conflicts else {})
    monkeypatch.setattr(module, "_letters", lambda _: (reasons, conflicts))
    found = module.accounts(Settings(), verified())
    assert (found["conflicts"], found["dead_letters"], found["gaps"]) == (conflicts, 6 + conflicts, 2)
    assert all(found["balance"].values())
    assert found["not_normalized"] == 6  # four that the kernels know, two of topics that none reads


def test_a_record_that_is_lost_breaks_the_balance(monkeypatch):
    monkeypatch.setattr(module, "_letters", lambda _: ({"late": 5, "conflict": 1}, 1))
    assert not all(module.accounts(Settings(), verified())["balance"].values())
