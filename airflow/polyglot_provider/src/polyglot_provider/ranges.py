"""Ranges of event time that people type into a DAG's form: refused before anything starts."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from airflow.sdk.exceptions import AirflowFailException


def instant(name: str, text: str) -> datetime:
    """Return an ISO date or instant as UTC.

    Raises:
        AirflowFailException: it is neither.
    """
    try:
        if len(text) == len("2024-08-08"):
            return datetime.combine(date.fromisoformat(text), time(), UTC)
        found = datetime.fromisoformat(text)
    except ValueError:
        raise AirflowFailException(f"{name}: {text!r} is no ISO date or instant, such as 2024-08-08") from None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def checked(start: str, end: str, now: datetime | None = None) -> dict[str, str]:
    """Return the options ``from`` and ``to`` of a range; an empty text leaves that side open.

    Raises:
        AirflowFailException: it ends before it begins, or begins in the future.
    """
    first, last = (instant(name, text) if text else None for name, text in (("from", start), ("to", end)))
    if first and last and first >= last:
        raise AirflowFailException(
            f"from {start} is not before to {end}: `to` is excluded, so a day ends on the next one"
        )
    if first and first > (now or datetime.now(UTC)):
        raise AirflowFailException(f"from {start} is in the future")
    return {"from": start, "to": end}


def day_of(context: Any) -> dict[str, str]:
    """Return a run's day: the one asked for, that of its data interval, else yesterday (the API's runs have none)."""
    asked = (context["params"].get("day") or "").strip()
    if asked:
        first = instant("day", asked).date()
    elif start := context.get("data_interval_start"):
        first = start.astimezone(UTC).date()
    else:
        first = datetime.now(UTC).date() - timedelta(days=1)
    return checked(first.isoformat(), (first + timedelta(days=1)).isoformat())
