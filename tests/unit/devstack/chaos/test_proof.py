"""What must hold after a round, and that each part of it alone breaks the round."""

from random import Random

import pytest

from devstack.chaos import proof as module
from devstack.chaos.proof import Proof
from devstack.chaos.target import Target
from runtime.config import Settings
from runtime.console import Console

WHOLE = {
    "verified": {"passed": True, "records": 900, "differences": 0},
    "counts": {
        "raw": 110, "raw_distinct": 100, "bronze": 100, "normalized": 90, "duplicates": 10,
        "dead_letters_by_reason": {}, "bars": 5, "quote_bars": 5,
        "balance": {"raw = bronze": True, "raw = everything": True},
    },
    "topics": {"missing_sequence_numbers": 0, "conflicting_copies": 0, "transport_copies": 7, "rewound_versions": 3},
}  # fmt: skip


@pytest.fixture
def prove(tmp_path, monkeypatch):
    """Run a proof over a round that had 100 distinct frames; ``drains`` counts how often was drained."""
    drained = []

    def run(requests=(), **changes):
        found = {name: changes.get(name, value) for name, value in WHOLE.items()}
        monkeypatch.setattr(module, "drain", lambda *_: drained.append(1) or 2.0)
        monkeypatch.setattr(module, "Repairs", lambda _: type("Fake", (), {"answer": lambda _: dict(requests)})())
        monkeypatch.setattr(module, "Audit", lambda _: type("Fake", (), {"run": lambda _: found["topics"]})())
        monkeypatch.setattr(module, "verify", lambda: found["verified"])
        monkeypatch.setattr(module, "reconcile", lambda *_: found["counts"])
        proof = Proof(Target(Settings(var_dir=tmp_path), Random(1)))
        proof.identities = {("sim", "trade", str(n)) for n in range(100)}
        return proof.run(Console(quiet=True))

    run.drained = drained
    return run


def test_copies_of_a_delivery_are_no_harm(prove):
    found = prove()
    assert (found["passed"], found["lost"], found["balanced"]) == (True, 0, True)
    assert found["topics"]["transport_copies"] == 7
    assert len(prove.drained) == 1


def test_repairs_are_answered_and_drained_as_well(prove):
    found = prove(requests={"revised": 2})
    assert (found["passed"], found["repair_requests"], found["drain_s"]) == (True, {"revised": 2}, 4.0)


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("verified", {"passed": False}),
        ("counts", {"raw_distinct": 99}),  # lost
        ("counts", {"raw_distinct": 101}),  # invented
        ("counts", {"balance": {"raw = bronze": True, "raw = everything": False}}),
        ("topics", {"missing_sequence_numbers": 1}),
        ("topics", {"conflicting_copies": 1}),
    ],
)
def test_each_part_alone_breaks_the_round(prove, part, change):
    assert not prove(**{part: WHOLE[part] | change})["passed"]
