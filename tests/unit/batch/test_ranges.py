from __future__ import annotations

import pytest

from batch.ranges import Days, RangeError, Span, format_instant, parse_instant, warm_up_days
from schemas.catalog import DAY
from schemas.domains import Topic, domains

MIDNIGHT = 1_723_161_600_000_000  # 2024-08-09T00:00:00Z


def topic(skew_ms: int = 5_000, horizon_ms: int = 120_000) -> Topic:
    return Topic("raw.sim.trade.v1", "ingestion", "raw_envelope", "entity_id", 4, 1, -1, skew_ms, horizon_ms)


@pytest.mark.parametrize(
    ("text", "us"),
    [
        ("2024-08-09", MIDNIGHT),
        ("2024-08-09T00:00:00Z", MIDNIGHT),
        ("2024-08-09T00:00:00", MIDNIGHT),
        ("2024-08-09T02:00:00+02:00", MIDNIGHT),
        ("2024-08-09T00:00:00.000001Z", MIDNIGHT + 1),
        ("2100-01-01T00:00:00.123457Z", 4_102_444_800_123_457),
        ("1970-01-01", 0),
    ],
)
def test_instants_are_exact_microseconds(text: str, us: int) -> None:
    assert parse_instant(text) == us
    assert parse_instant(format_instant(us)) == us


@pytest.mark.parametrize("text", ["", "yesterday", "1723161600", "2024-13-01", "2024-08-09T25:00:00"])
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(RangeError, match="not an ISO date"):
        parse_instant(text)


@pytest.mark.parametrize("end", ["2024-08-08", "2024-08-09"])
def test_an_empty_range_is_refused(end: str) -> None:
    with pytest.raises(RangeError, match="empty"):
        Span.parse("2024-08-09", end)


def test_arrivals_of_a_day_reach_into_its_neighbours() -> None:
    """The first event of a day may be stamped by a slow clock on the day before, the last arrive on the day after."""
    day = MIDNIGHT // DAY
    span = Span(MIDNIGHT, MIDNIGHT + DAY)
    assert span.ingest_days([topic()]) == Days(day - 1, day + 1)
    assert span.ingest_days([topic(skew_ms=0, horizon_ms=0)]) == Days(day, day)
    assert span.event_days() == Days(day, day)


def test_the_widest_gate_of_all_topics_counts() -> None:
    span = Span(MIDNIGHT + 10_000_000, MIDNIGHT + 20_000_000)
    day = MIDNIGHT // DAY
    assert span.ingest_days([topic()]) == Days(day, day)
    assert span.ingest_days([topic(), topic(skew_ms=10_001)]) == Days(day - 1, day)
    assert span.ingest_days([topic(horizon_ms=2 * 86_400_000), topic()]) == Days(day, day + 2)


@pytest.mark.parametrize(("horizon_ms", "days"), [(120_000, 1), (86_395_000, 1), (86_395_001, 2), (3 * 86_400_000, 4)])
def test_warm_up_covers_the_window_of_identities(horizon_ms: int, days: int) -> None:
    assert warm_up_days([topic(horizon_ms=horizon_ms)]) == days


def test_an_open_range_has_no_bounds() -> None:
    assert Span().ingest_days(list(domains().topics.values())) == Days(None, None)
    assert Span().sql_event() == Span().sql_window() == Days(None, None).sql("d") == "true"
    assert not Span().bounded


def test_a_range_that_has_not_begun_is_none() -> None:
    Span(5, None).demand_begun(5)
    Span(None, 9).demand_begun(5)
    with pytest.raises(RangeError, match=r"in the future, at 1970-01-01T00:00:00\.000006Z"):
        Span(6, 9).demand_begun(5)


def test_predicates_take_the_start_and_leave_the_end() -> None:
    span = Span(5, 9)
    assert span.sql_event() == "event_time >= 5L AND event_time < 9L"
    assert span.sql_window() == "window_start >= 5L AND window_end <= 9L"
    assert Days(0, 1).sql("d") == "d >= '1970-01-01' AND d <= '1970-01-02'"
