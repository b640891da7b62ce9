"""Repair requests: what is read of them, and how they become replays."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.ranges import Span
from batch.repair.requests import KINDS, Request, Task, coalesce
from schemas.catalog import DAY as DAY_US

DAY = 19_944 * DAY_US  # 2024-08-09
SECOND = 1_000_000


def record(**changes: Any) -> dict[str, Any]:
    at = {"window_start": DAY, "window_end": DAY + SECOND, "event_time": DAY}
    return {"entity_id": "sim:A", "kind": "trade", "reason": "behind_watermark", **at, **changes}


def second(entity: str, at: int, kind: Any = "trade", reason: str = "behind_watermark") -> Request:
    return Request(entity, kind, at, at + SECOND, reason)


def test_a_request_is_read() -> None:
    assert Request.of(record()) == Request("sim:A", "trade", DAY, DAY + SECOND, "behind_watermark")


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "book"},
        {"entity_id": ""},
        {"window_end": DAY},
        {"window_start": DAY + 2 * SECOND},
        {"window_start": -5},
        {"window_start": 0, "window_end": SECOND},
        {"window_end": DAY + 500 * DAY_US},
        {"window_end": 2**63 - 1},
    ],
)
def test_a_request_that_cannot_be_answered_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Request.of(record(**changes))


def test_requests_of_a_day_are_one_replay() -> None:
    log = [second("A", DAY + 5 * SECOND), second("A", DAY + 6 * SECOND), second("A", DAY + 5 * SECOND)]
    log += [second("A", DAY + 9 * SECOND), second("B", DAY + 9 * SECOND)]
    assert coalesce(log) == [
        Task(
            "trade",
            Span(DAY, DAY + DAY_US),
            (
                ("A", DAY + 5 * SECOND, DAY + 7 * SECOND),
                ("A", DAY + 9 * SECOND, DAY + 10 * SECOND),
                ("B", DAY + 9 * SECOND, DAY + 10 * SECOND),
            ),
        )
    ]


def test_kinds_and_days_apart_are_replays_of_their_own_and_days_side_by_side_are_one() -> None:
    log = [second("A", DAY), second("A", DAY + DAY_US), second("A", DAY + 5 * DAY_US), second("A", DAY, "quote")]
    assert [(task.kind, task.span) for task in coalesce(log)] == [
        ("quote", Span(DAY, DAY + DAY_US)),
        ("trade", Span(DAY, DAY + 2 * DAY_US)),
        ("trade", Span(DAY + 5 * DAY_US, DAY + 6 * DAY_US)),
    ]


def test_missing_numbers_restate_whole_days_and_publish_what_was_lost() -> None:
    early = second("A", DAY + SECOND, reason="sequence_gap")
    (task,) = coalesce([early, second("B", DAY)])[:1]
    assert task == Task("trade", Span(DAY - DAY_US, DAY + DAY_US), (("A", DAY - DAY_US, DAY + DAY_US),), ("A",))


def test_a_revised_window_is_published_itself_and_once_however_often_it_asked() -> None:
    day, hour = (Request("A", "trade", DAY, DAY + length, "revised") for length in (DAY_US, 3_600 * SECOND))
    flood = [day, hour] * 500
    late = second("A", DAY + 9 * SECOND)
    whole = Span(DAY, DAY + DAY_US)
    assert coalesce(flood) == [Task("trade", whole, (), (), (("A", hour.start, hour.end), ("A", day.start, day.end)))]
    (both,) = coalesce([*flood, late])
    assert both.windows == (("A", late.start, late.end),)
    assert both.exact == (("A", hour.start, hour.end), ("A", day.start, day.end))
    assert both.entities == ("A",)


def test_nothing_asks_for_nothing() -> None:
    assert coalesce([]) == []


REQUESTS = st.builds(
    lambda entity, kind, start, length, reason: Request(entity, kind, DAY + start, DAY + start + length, reason),
    st.sampled_from("AB"), st.sampled_from(KINDS), st.integers(0, 6 * DAY_US), st.integers(1, 2 * DAY_US),
    st.sampled_from(["sequence_gap", "behind_watermark", "revised"]),
)  # fmt: skip


@given(st.lists(REQUESTS, max_size=12))
def test_every_window_is_in_exactly_one_replay_that_has_its_whole_days(log: list[Request]) -> None:
    tasks = coalesce(log)
    assert tasks == coalesce(log[::-1])
    for one in log:
        found = [
            (task, window)
            for task in tasks
            for window in (task.exact if one.reason == "revised" else task.windows)
            if task.kind == one.kind
            and window[0] == one.entity_id
            and window[1] <= one.start
            and one.end <= window[2]
            and (one.reason != "revised" or window[1:] == (one.start, one.end))
        ]
        ((task, _),) = found
        assert task.span.start is not None
        assert task.span.end is not None
        assert task.span.start <= one.start // DAY_US * DAY_US
        assert task.span.end >= -(-one.end // DAY_US) * DAY_US
        assert (one.entity_id in task.lost) or one.reason != "sequence_gap"
    owned = [(task.kind, entity, day) for task in tasks for entity in task.entities for day in days(task)]
    assert len(owned) == len(set(owned))


def days(task: Task) -> range:
    assert task.span.start is not None
    assert task.span.end is not None
    return range(task.span.start // DAY_US, task.span.end // DAY_US)
