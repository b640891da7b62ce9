"""Upgrades in mid-feed: a good version is kept, a broken one makes room for the one before, and lost state is refused.

That nothing is missing behind them, and nothing is there twice, is what test_everything.py asserts. The other ways to
be broken, rescaling and going back are in the long tier (tests/integration/pipeline/test_upgrade.py).
"""

from __future__ import annotations

import pytest
from support.checkout import checkout
from support.scenario import Scenario
from support.upgrades import BLOCKS, BROKEN, GOOD, LOST, WATCH, feeding, releases, running, upgrade

pytestmark = pytest.mark.timeout(1800)


@pytest.mark.usefixtures("outcome")
class TestUpgrades(Scenario):
    """All jobs are upgraded four times, while frames of a day of its own come."""

    order = 8  # what the others fed is still on its way
    START = "2026-01-08T00:00:00"
    HOW = "in the first record"

    def feed(self, stack, folder):
        cls = type(self)
        edits, _ = BROKEN[self.HOW]
        good, broken, lost = (
            checkout(folder / name, one) for name, one in (("good", GOOD), ("broken", edits), ("lost", LOST))
        )
        with feeding(stack, "--start", self.START):
            cls.first = releases(stack)
            cls.planned, _ = upgrade(stack, good, "plan")
            cls.done, _ = upgrade(stack, good, "apply", "--watch", WATCH)
            cls.second, cls.jobs = releases(stack), running(stack)
            cls.again, _ = upgrade(stack, good, "plan")
            _, cls.refused = upgrade(stack, lost, "apply", expect=1)
            cls.still = running(stack)
            _, cls.errors = upgrade(stack, broken, "apply", "--watch", WATCH, expect=1)
            cls.third, cls.history = releases(stack), stack.json("history")
            stack.json("apply", "--watch", WATCH)  # the other tests run this checkout's commands
            cls.last = releases(stack)

    def test_a_good_version_is_planned_and_kept(self):
        (before,) = set(self.first)
        assert self.planned["files"] == {"jobs": [BLOCKS]}
        assert (self.planned["before"], self.planned["refused"], self.planned["nothing"]) == (before, [], False)
        assert set(self.second) == {self.done["release"]} != {before}
        assert self.again["nothing"]

    def test_lost_state_is_refused_and_nothing_stops(self):
        assert "operator 'normalize (thread)'" in self.refused
        assert len(self.jobs) == 3
        assert self.still == self.jobs

    def test_a_broken_version_is_rolled_back(self):
        assert BROKEN[self.HOW][1] in self.errors
        assert f"rolled back to release {self.second[0]}" in self.errors
        assert self.third == self.second
        assert self.history[-1]["outcome"].startswith("rolled back: ")

    def test_the_version_before_is_applied_again(self):
        assert set(self.last) == set(self.first)
