"""The demo's balance: every raw record is counted once, also one that is a duplicate and a dead letter."""

import pytest

from devstack.demo import reconciliation as module
from runtime.config import Settings


@pytest.fixture(autouse=True)
def no_rules(monkeypatch):
    monkeypatch.setattr(module, "counts", lambda *_: [])


def verified(trades=70, frames=None):
    """Return a verification's report; the topic of trades has so many, of so many frames (as many)."""
    tables = {"normalized.trade.v1": trades, "normalized.quote.v1": 20, "normalized.gaps.v1": 2}
    of_frames = {"trade": trades if frames is None else frames, "quote": 20}
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
        "checks": [
            {"name": "raw distinct event ids = Bronze rows", **raw},
            *(
                {"name": f"entity_seq is dense in normalized.{kind}.v1", "frames": count}
                for kind, count in of_frames.items()
            ),
        ],
        "replay": {"balance": balance},
        "records": 1, "differences": 0, "passed": True,
    }  # fmt: skip


@pytest.mark.parametrize("conflicts", [0, 3])
def test_a_conflict_is_counted_once(monkeypatch, conflicts):
    reasons = {"late": 6} | ({"conflict": conflicts} if conflicts else {})
    monkeypatch.setattr(module, "_dead_letters", lambda _: (reasons, conflicts))
    found = module.reconcile(Settings(), verified())
    assert (found["conflicts"], found["dead_letters"], found["gaps"]) == (conflicts, 6 + conflicts, 2)
    assert all(found["balance"].values())
    assert found["not_normalized"] == 6  # four that the kernels know, two of topics that none reads


def test_a_dead_letter_that_is_lost_breaks_the_balance(monkeypatch):
    monkeypatch.setattr(module, "_dead_letters", lambda _: ({"late": 5, "conflict": 1}, 1))
    assert not all(module.reconcile(Settings(), verified())["balance"].values())


SECOND = "raw = normalized + duplicates + dead letters + kinds not normalized yet"


@pytest.mark.parametrize(
    ("trades", "frames", "holds"),
    [
        (70, 70, True),
        (0, 0, False),
        (69, 69, False),
        (71, 71, False),
        (5000, 5000, False),
        (94, 70, True),  # Kraken: 24 trades more than frames
        (93, 69, False),  # a frame is lost with all of its trades
        (60, 70, False),  # more frames than records
    ],
)
def test_what_the_topic_of_trades_lacks_or_has_too_many_breaks_the_balance(monkeypatch, trades, frames, holds):
    """The replay's figures are the same each time: they must not stand for what the topic has."""
    monkeypatch.setattr(module, "_dead_letters", lambda _: ({"late": 6}, 0))
    found = module.reconcile(Settings(), verified(trades, frames))
    assert found["balance"][SECOND] is holds
    assert (found["normalized"], found["normalized_frames"]) == (trades + 20, frames + 20)
    assert found["trades_beyond_one_per_frame"] == trades - frames


def test_a_topic_of_which_nothing_was_counted_breaks_the_balance(monkeypatch):
    monkeypatch.setattr(module, "_dead_letters", lambda _: ({"late": 6}, 0))
    document = verified()
    document["checks"] = document["checks"][:1]
    assert not module.reconcile(Settings(), document)["balance"][SECOND]
