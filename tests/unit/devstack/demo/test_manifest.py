"""What the simulator made is what came out, or the demo names what differs."""

import pytest

from collectors.sim import SimSpec, Simulator
from collectors.sim.faults import FAULTS
from devstack.demo.manifest import compared, differences
from devstack.demo.run import passed


@pytest.fixture(scope="module")
def manifest():
    sim = Simulator(SimSpec(malformed_share=0.01, cancel_share=0.01, correct_share=0.01), 20_000)
    for _ in sim.blocks(0):
        pass
    return sim.manifest.document()


@pytest.fixture
def figures(manifest):
    """The figures of a run in which everything came out as it was made."""
    made = manifest["normalized"]
    return {
        "raw": manifest["frames"],
        "duplicates": manifest["duplicates"],
        "not_normalized": manifest["not_normalized"],
        "trades": made["trade"],
        "quotes": made["quote"],
        "revisions": made["trade_cancel"] + made["trade_correct"],
        "normalized": sum(made.values()),
        "dead_letters": sum(manifest["dead_letters"].values()),
        "dead_letters_by_reason": dict(manifest["dead_letters"]),
    }


def test_all_that_was_made_came_out(manifest, figures):
    lines = compared(manifest, figures)
    assert differences(lines) == []
    assert {f"dead letters: {reason}" for reason, _ in FAULTS.values()} <= lines.keys()
    assert all(made > 0 for name, (made, _) in lines.items() if name != "dead letters: conflict")


@pytest.mark.parametrize("name", ["raw", "duplicates", "not_normalized", "trades", "quotes", "revisions"])
def test_a_record_too_many_or_too_few_is_named(manifest, figures, name):
    for step in (-1, 1):
        (line,) = differences(compared(manifest, {**figures, name: figures[name] + step}))
        assert f"{figures[name]:,} made, {figures[name] + step:,} came out" in line


@pytest.mark.parametrize("fault", FAULTS)
def test_each_bad_input_must_come_out_under_its_reason(manifest, figures, fault):
    reason = FAULTS[fault][0]
    dead_letters = figures["dead_letters_by_reason"]
    dead_letters[reason] -= 1
    dead_letters["other"] = 1  # the sum is what it was
    found = differences(compared(manifest, figures))
    assert len(found) == 2
    assert f"dead letters: {reason}: " in " ".join(found)
    assert "dead letters: other: 0 made, 1 came out" in found


def test_a_conflict_is_none_of_its_making(manifest, figures):
    figures["dead_letters_by_reason"]["conflict"] = 1
    figures["dead_letters"] += 1
    assert differences(compared(manifest, figures)) == ["dead letters: conflict: 0 made, 1 came out"]


def test_what_rules_reject_was_made_as_a_good_frame(manifest, figures):
    figures["dead_letters_by_reason"]["quality.too_dear"] = 30
    figures |= {"dead_letters": figures["dead_letters"] + 30, "normalized": figures["normalized"] - 30, "trades": 1}
    assert differences(compared(manifest, figures)) == []
    figures["normalized"] += 1
    assert len(differences(compared(manifest, figures))) == 1


@pytest.mark.parametrize(
    ("verified", "balance", "unexpected", "verdict"),
    [(True, True, [], True), (False, True, [], False), (True, False, [], False), (True, True, ["frames: …"], False)],
)
def test_a_demo_passes_only_if_everything_does(verified, balance, unexpected, verdict):
    report = {"verify": {"passed": verified}, "balance": {"one": True, "two": balance}, "unexpected": unexpected}
    assert passed(report) is verdict
