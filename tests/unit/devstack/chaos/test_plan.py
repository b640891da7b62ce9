"""The plan: the same from the same seed, and no fault is forgotten."""

from itertools import pairwise

from devstack.chaos.faults import FAULTS
from devstack.chaos.plan import plan

NAMES = tuple(FAULTS)


def test_a_seed_gives_one_plan_in_any_order_of_names():
    assert plan(7, 6, NAMES) == plan(7, 6, tuple(reversed(NAMES)))
    assert plan(7, 6, NAMES) != plan(8, 6, NAMES)


def test_rounds_in_a_row_deal_whole_decks():
    dealt = [strike.fault for seed in range(7) for strike in plan(seed, 6, NAMES)]
    decks = [set(dealt[i : i + len(NAMES)]) for i in range(0, len(dealt), len(NAMES))]
    assert decks == [set(NAMES)] * 3


def test_each_fault_counts_its_turns_over_the_rounds():
    turns = {}
    for seed in range(14):
        for strike in plan(seed, 5, NAMES):
            turns.setdefault(strike.fault, []).append(strike.turn)
    assert turns == {name: [0, 1, 2, 3, 4] for name in NAMES}
    assert [strike.turn for seed in (2, 3) for strike in plan(seed, 2, ["rescale"])] == [4, 5, 6, 7]


def test_strikes_come_in_order_while_there_is_load():
    for seed in range(20):
        moments = [strike.at for strike in plan(seed, 5, NAMES)]
        assert all(a <= b for a, b in pairwise(moments))
        assert moments[0] > 0 and moments[-1] < 0.75


def test_the_faults_of_the_issue_are_there():
    assert {
        "kill-taskmanager", "kill-jobmanager", "kill-python-worker", "kill-broker", "kill-clickhouse", "kill-collector",
        "restart-broker-in-transaction", "stall", "disk-full", "clock-jump", "pause-venue", "pause-collector",
        "stop-past-horizon", "rescale",
    } == set(FAULTS)  # fmt: skip
