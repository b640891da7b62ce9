"""A snapshot is of one version: a stack elsewhere computes all of it by the same."""

from __future__ import annotations

import pytest

from batch.snapshots.snapshot_manifest import SnapshotError
from operations.snapshots import demand_one_version, partitions
from schemas.versions import Held, Schedule, families

ENDS = {("raw.sim.trade.v1", 0): 100, ("raw.sim.trade.v1", 1): 0, ("raw.sim.quote.v1", 0): 7}


def of(by):
    return next(one for one in families().values() if one.by == by)


def test_no_schedule_and_the_current_version_from_the_beginning_will_do():
    demand_one_version(Schedule(), ENDS)
    for family in families().values():
        demand_one_version(Schedule((Held(family.name, family.current),)), ENDS)


def test_another_version_of_windows_will_not():
    family = of("window")
    with pytest.raises(SnapshotError, match=family.name):
        demand_one_version(Schedule((Held(family.name, family.current + 1, start=5),)), ENDS)


def test_restated_results_will_not():
    family = of("window")
    with pytest.raises(SnapshotError, match="restated"):
        demand_one_version(Schedule((Held(family.name, family.current, 0, 10, restated=True),)), ENDS)


def test_a_change_of_rules_in_the_middle_will_not():
    family = of("offset")
    held = Held(family.name, family.current, offsets={("raw.sim.trade.v1", 0): 50}, rules="stricter")
    with pytest.raises(SnapshotError, match="of one version"):
        demand_one_version(Schedule((held,)), ENDS)


def test_partitions_are_counted():
    assert partitions(ENDS) == {"raw.sim.quote.v1": 1, "raw.sim.trade.v1": 2}
