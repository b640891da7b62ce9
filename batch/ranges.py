"""Which instants a run is asked for, and which ingest dates it must therefore read. All times are µs UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from schemas.catalog import DAY
from schemas.domains import Topic

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(1970, 1, 1)


class RangeError(ValueError):
    """Not a usable range of time."""


def parse_instant(text: str) -> int:
    """Return µs UTC of an ISO date (its midnight) or instant; one without an offset is UTC.

    Raises:
        RangeError: it is neither.
    """
    try:
        instant = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise RangeError(f"not an ISO date or instant: {text!r} (2024-08-08 or 2024-08-08T12:30:00Z)") from error
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    # Integer arithmetic: a float of seconds would lose microseconds.
    return (instant - _EPOCH) // timedelta(microseconds=1)


def format_instant(us: int) -> str:
    """Return µs UTC as ISO text."""
    return (_EPOCH + timedelta(microseconds=us)).isoformat().replace("+00:00", "Z")


def day_text(day: int) -> str:
    """Return days since the epoch as ``YYYY-MM-DD``, as the tables' partitions are named."""
    return (_EPOCH_DAY + timedelta(days=day)).isoformat()


@dataclass(frozen=True)
class Days:
    """Ingest dates, days since the epoch, both ends included; None is unbounded."""

    first: int | None
    last: int | None

    def holds(self, date: str) -> bool:
        """Tell whether a date, ``YYYY-MM-DD``, is one of them; such texts sort as the dates do."""
        after = self.first is None or day_text(self.first) <= date
        return after and (self.last is None or date <= day_text(self.last))

    def sql(self, column: str) -> str:
        """Return a predicate on a ``YYYY-MM-DD`` column, which sorts as the dates do."""
        bounds = []
        if self.first is not None:
            bounds.append(f"{column} >= '{day_text(self.first)}'")
        if self.last is not None:
            bounds.append(f"{column} <= '{day_text(self.last)}'")
        return " AND ".join(bounds) or "true"


@dataclass(frozen=True)
class Span:
    """Event time from `start` (included) to `end` (excluded), µs UTC; None is unbounded."""

    start: int | None = None
    end: int | None = None

    def __post_init__(self) -> None:
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise RangeError(f"the range is empty: from {format_instant(self.start)} to {format_instant(self.end)}")

    @classmethod
    def parse(cls, start: str | None, end: str | None) -> Span:
        """Read ``--from`` and ``--to``.

        Raises:
            RangeError: not instants, or an empty range.
        """
        return cls(parse_instant(start) if start else None, parse_instant(end) if end else None)

    def demand_begun(self, now: int) -> None:
        """See that the range does not begin in the future; `now` is µs UTC.

        Raises:
            RangeError: it does.
        """
        if self.start is not None and self.start > now:
            raise RangeError(f"the range begins in the future, at {format_instant(self.start)}: nothing is there yet")

    @property
    def bounded(self) -> bool:
        return self.start is not None or self.end is not None

    def sql_event(self, column: str = "event_time") -> str:
        """Return a predicate: the event lies in the range."""
        bounds = []
        if self.start is not None:
            bounds.append(f"{column} >= {self.start}L")
        if self.end is not None:
            bounds.append(f"{column} < {self.end}L")
        return " AND ".join(bounds) or "true"

    def sql_window(self, start: str = "window_start", end: str = "window_end") -> str:
        """Return a predicate: the whole window lies in the range.

        A window that is cut by the range would be computed from a part of its events, so it is no result.
        """
        bounds = []
        if self.start is not None:
            bounds.append(f"{start} >= {self.start}L")
        if self.end is not None:
            bounds.append(f"{end} <= {self.end}L")
        return " AND ".join(bounds) or "true"

    def ingest_days(self, topics: list[Topic]) -> Days:
        """Return the ingest dates on which an accepted event of this range can have arrived.

        The gate accepts ``-max_skew <= ingest - event <= horizon``.
        """
        skew = 1_000 * max(topic.max_skew_ms for topic in topics)
        horizon = 1_000 * max(topic.horizon_ms for topic in topics)
        return Days(
            None if self.start is None else (self.start - skew) // DAY,
            None if self.end is None else (self.end - 1 + horizon) // DAY,
        )

    def event_days(self) -> Days:
        """Return the dates of event time that the range touches."""
        return Days(
            None if self.start is None else self.start // DAY,
            None if self.end is None else (self.end - 1) // DAY,
        )

    def as_json(self) -> dict[str, str | None]:
        return {
            "from": None if self.start is None else format_instant(self.start),
            "to": None if self.end is None else format_instant(self.end),
        }


def warm_up_days(topics: list[Topic]) -> int:
    """Return how many dates before the first one shape what is accepted on it.

    The window of identities reaches back by horizon + max_skew from the newest ingest time, which an earlier
    date may have set; and nothing earlier can matter.
    """
    reach = 1_000 * max(topic.horizon_ms + topic.max_skew_ms for topic in topics)
    return -(-reach // DAY)
