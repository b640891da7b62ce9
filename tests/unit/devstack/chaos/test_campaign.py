"""A round follows from its seed and the options, never from which round of a run it is."""

from itertools import pairwise
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

    def rounds(order):
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
        for name in ("up", "submit", "Proof"):
            monkeypatch.setattr(campaign, name, lambda *_: None)
        monkeypatch.setattr(campaign, "_round", lambda *_: {"faults": [], "passed": True})
        campaign._rounds(Target(Settings(var_dir=tmp_path), Random(0)), Console(json_output=True), order)
        return found

    return rounds


def test_round_seven_again(prepared):
    run = prepared(Order(5, 60, 4, 6, 20_000))
    assert [seed for seed, *_ in run] == [5, 6, 7, 8]
    assert prepared(Order(7, 60, 1, 6, 20_000)) == [run[2]]


def test_a_seed_has_its_slice_of_the_captures(prepared):
    path = (Path("x.gz"),)
    assert prepared(Order(3, 60, 9, 6, 20_000, path)) == [(0, 20_000), (20_000, 20_000), (40_000, 20_000)]
    assert prepared(Order(4, 60, 1, 6, 20_000, path)) == [(20_000, 20_000)]


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
