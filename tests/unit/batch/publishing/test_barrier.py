"""Bars with revisions wait for the stream, however little it is behind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.finishing import encode

from batch.publishing.barrier import GROUPS, Offsets, PublishBarrierError, await_taken_in, read_bar
from operations.jobs import STAGES
from udfs.windows.bar_objects import Bar

ENDS = {("t", 0): 5, ("t", 1): 2, ("t", 2): 0}


def test_it_waits_until_everything_that_was_there_is_committed() -> None:
    steps: Iterator[Offsets] = iter([{}, {("t", 0): 5}, {("t", 0): 9, ("t", 1): 1}, {("t", 0): 5, ("t", 1): 2}])
    await_taken_in("g", ENDS, lambda: next(steps), timeout_s=10, poll_s=0)
    assert next(steps, None) is None


def test_a_group_that_does_not_come_is_said_with_what_is_missing() -> None:
    with pytest.raises(PublishBarrierError, match="g has not taken in 3 revisions"):
        await_taken_in("g", ENDS, lambda: {("t", 0): 4}, timeout_s=0, poll_s=0)


def test_the_groups_are_the_jobs() -> None:
    stages = {stage.group: set(stage.reads) for step in STAGES for stage in step}
    for group, topics in GROUPS:
        assert topics
        assert set(topics) <= stages[group]
    assert {topic for _, topics in GROUPS for topic in topics} >= {
        "raw.sim.trade_cancel.v1", "raw.sim.trade_correct.v1", "normalized.trade_cancel.v1",
        "normalized.trade_correct.v1",
    }  # fmt: skip


def test_only_what_names_a_bar_is_read() -> None:
    bar = Bar("sim:X", "1m", 60_000_000, 120_000_000, 1, 2, 1, 2, 3, "4", 5, 6, "7", "8", 9, "10", 11)
    assert read_bar(encode(bar)) == {
        "entity_id": "sim:X", "interval": "1m", "window_start": 60_000_000, "version": 11
    }  # fmt: skip
