"""A feed that waits while a fault is at work, and goes on where it was when it is done."""

import subprocess
import sys
from threading import Event

import pytest
from support.patience import patient, wait_for

from devstack.chaos.collectors import Collector
from devstack.chaos.holding import Holder


class Feeding:
    """A collector that is somewhere in its feed; ``held`` is set while it is held."""

    def __init__(self):
        self.held, self.released = Event(), 0

    def hold(self):
        self.held.set()

    def release(self):
        self.released += 1
        self.held.clear()


@pytest.fixture
def feed():
    collectors, share = [Feeding(), Feeding()], [0.1]
    holder = Holder(lambda: share[0], collectors)
    yield holder, collectors, share
    holder.close()


def test_collectors_are_held_from_the_limit_until_the_fault_is_done(feed):
    holder, collectors, share = feed
    with holder.up_to(0.5):
        share[0] = 0.49
        assert not collectors[0].held.wait(0.6)
        share[0] = 0.5
        assert all(one.held.wait(patient(10)) for one in collectors)
    assert not any(one.held.is_set() for one in collectors)


def test_nothing_is_held_without_a_limit_or_between_faults(feed):
    holder, collectors, share = feed
    share[0] = 0.99
    with holder.up_to(1.0):
        assert not collectors[0].held.wait(0.6)
    assert not collectors[0].held.wait(0.6)


def test_a_fault_that_fails_leaves_nobody_held(feed):
    holder, collectors, share = feed
    share[0] = 0.9

    def fault():
        with holder.up_to(0.5):
            assert collectors[1].held.wait(patient(10))
            raise OSError("the machine is gone")

    with pytest.raises(OSError, match="gone"):
        fault()
    assert not collectors[1].held.is_set()


@pytest.fixture
def collector(tmp_path, monkeypatch):
    """A collector whose process ends in order when it is asked to, and else never."""
    one = Collector("sim", tmp_path / "a.gz", 1.0)
    monkeypatch.setattr(one, "_command", [sys.executable, "-c", "import time; time.sleep(600)"])
    yield one
    one.held = True
    one.kill()


def test_a_held_collector_ends_stays_away_and_comes_back(collector):
    collector.start()
    wait_for(lambda: collector.running, 30)
    collector.hold()
    assert (collector.running, collector.held) == (False, True)
    collector.start()  # a fault that restarts it
    assert not collector.through()
    assert not collector.running
    collector.release()
    assert (collector.running, collector.held) == (True, False)
    assert collector.restarts == 0


def test_one_that_is_through_is_not_started_again(collector, monkeypatch):
    monkeypatch.setattr(collector, "_command", [sys.executable, "-c", ""])
    collector.start()
    process: subprocess.Popen = collector._process
    assert process.wait(patient(30)) == 0
    collector.hold()
    assert not collector.held
    collector.release()
    assert collector._process is process
    assert collector.through()
