"""A round follows from its seed and the options, never from which round of a run it is."""

from contextlib import contextmanager
from itertools import pairwise, repeat
from pathlib import Path
from random import Random

import pytest

from devstack.chaos import campaign, feeds
from devstack.chaos.campaign import Order, starts_us
from devstack.chaos.target import Target
from runtime.config import Settings
from runtime.console import Console


@pytest.fixture
def prepared(tmp_path, monkeypatch):
    """Run an order's rounds without a stack; return what each was prepared from."""

    def rounds(order, survived=0):
        found = []

        def simulator(folder, seed, frames, start_us, dice, jumps):
            found.append((seed, start_us, frames, dice.random(), tuple(jumps)))
            return feeds.Feed([], start_us, 1.0, 1.0)

        def cut(paths, skip, frames):
            found.append((skip, frames))
            return []

        monkeypatch.setattr(feeds, "from_simulator", simulator)
        monkeypatch.setattr(feeds, "from_captures", lambda *_: feeds.Feed([], 0, 1.0, 1.0))
        monkeypatch.setattr(feeds, "captured", cut)
        monkeypatch.setattr(feeds, "slices", lambda *_: 3)

        @contextmanager
        def fresh_stack(settings, console, order):
            rounds.stacks += 1
            yield Target(settings, Random(0))

        monkeypatch.setattr(campaign, "Proof", lambda *_: None)
        monkeypatch.setattr(campaign, "fresh_stack", fresh_stack)
        monkeypatch.setattr(campaign, "_round", lambda *_: next(rounds.results))
        settings, console = Settings(var_dir=tmp_path), Console(json_output=True)
        rounds.stacks, rounds.told = 0, []
        campaign._rounds(settings, console, order, survived, lambda done: rounds.told.append(len(done)))
        return found

    rounds.results = repeat(result())
    return rounds


def result(*faults, passed=True):
    return {"faults": [{"fault": name} for name in faults], "passed": passed}


def test_round_seven_again(prepared):
    run = prepared(Order(5, 60, 4, 6, 20_000))
    assert [seed for seed, *_ in run] == [5, 6, 7, 8]
    assert prepared(Order(7, 60, 1, 6, 20_000)) == [run[2]]


def test_a_seed_has_its_slice_of_the_captures(prepared):
    path = (Path("x.gz"),)
    assert prepared(Order(3, 60, 9, 6, 20_000, path)) == [(0, 20_000), (20_000, 20_000), (40_000, 20_000)]
    assert prepared(Order(4, 60, 1, 6, 20_000, path)) == [(20_000, 20_000)]


def test_a_campaign_goes_on_until_enough_faults_are_survived(prepared):
    order = Order(1, float("inf"), 1000, 3, 20_000, survive=10)
    prepared.results = repeat(result("kill-broker", "stall", "rescale"))
    assert len(prepared(order)) == 4
    assert prepared.told == [1, 2, 3, 4]  # the report is written after each round
    assert len(prepared(order, survived=5)) == 2
    assert prepared(order, survived=10) == []
    assert prepared.stacks == 0


def test_rounds_share_a_warm_stack_that_is_made_anew_now_and_then(prepared):
    assert len(prepared(Order(1, 60, 20, 1, 20_000, survive=9))) == 3  # in which no fault was applied
    prepared.results = repeat(result("stall"))
    assert len(prepared(Order(1, 60, 20, 1, 20_000))) == 20
    assert prepared.stacks == 3


def test_a_round_that_broke_is_the_last(prepared):
    prepared.results = iter([result("stall"), result("stall", passed=False)])
    assert len(prepared(Order(1, 60, 20, 1, 20_000, survive=100))) == 2


@pytest.mark.parametrize("frames", [5_000, 60_000, 200_000])
def test_rounds_never_meet_each_others_events(frames):
    seconds = frames * feeds.SPEED / feeds.PACE
    starts = [starts_us(seed, frames) / 1e6 for seed in range(50)]
    assert all(after - before > seconds + 300 for before, after in pairwise(starts))


def test_the_command_names_captures_without_their_folder():
    order = Order(9, 30, 1, 6, 90_000, (Path("/somewhere/usdm.gz"),), ("rescale",))
    assert order.command() == (
        "polyglot chaos --seed 9 --minutes 30 --rounds 1 --faults 6 --frames 90000 --capture usdm.gz --fault rescale"
    )
    assert "--fault " not in Order(9, 30, 1, 6, 90_000).command()
    assert Order(9, float("inf"), 9, 6, 90_000, survive=1000).command().endswith("--frames 90000 --campaign 1000")
