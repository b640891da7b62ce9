"""The plan: the same from the same seed, and no fault is forgotten."""

from collections import Counter
from itertools import pairwise

from devstack.chaos.faults import FAULTS
from devstack.chaos.plan import Strike, limit, plan

NAMES = tuple(FAULTS)


def test_a_seed_gives_one_plan_in_any_order_of_names():
    assert plan(7, 6, NAMES) == plan(7, 6, tuple(reversed(NAMES)))
    assert plan(7, 6, NAMES) != plan(8, 6, NAMES)


def test_rounds_in_a_row_deal_whole_decks():
    for rounds, size, decks in ((7, 2, 1), (7, 6, 3), (2, 7, 1)):
        dealt = Counter(strike.fault for seed in range(rounds) for strike in plan(seed, size, NAMES))
        assert dealt == dict.fromkeys(NAMES, decks)


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


def test_what_needs_most_of_the_feed_comes_last_in_its_round():
    for seed in range(20):
        order = [strike.fault in ("stop-past-horizon", "pause-venue") for strike in plan(seed, 6, NAMES)]
        assert order == sorted(order)


def test_a_fault_leaves_feed_for_those_behind_it():
    strikes = [Strike("kill-jobmanager", 0.1), Strike("stall", 0.2), Strike("kill-broker", 0.5)]
    first, second, last = (limit(strikes, number, 0.9) for number in range(3))
    assert 0.2 < first < second < last == 0.9
    strikes.append(Strike("stop-past-horizon", 0.55))
    assert limit(strikes, 2, 0.9) < 0.7
    assert limit(strikes, 3, 0.9) == 1.0  # it measures how the feed gets on
    crowded = [Strike("stall", 0.5), *[Strike("pause-venue", 0.6)] * 3]
    assert limit(crowded, 0, 0.9) > 0.5  # at work, it meets some load all the same


def test_the_faults_of_the_issue_are_there():
    assert {
        "kill-taskmanager", "kill-jobmanager", "kill-python-worker", "kill-broker", "kill-clickhouse", "kill-collector",
        "restart-broker-in-transaction", "stall", "disk-full", "clock-jump", "pause-venue", "pause-collector",
        "stop-past-horizon", "rescale",
    } == set(FAULTS)  # fmt: skip
