"""What the Python smokes share: arguments, rows that come back exactly, steps with their seconds."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

COLUMNS = ("id", "price", "at", "name", "note", "tags", "sizes")
TABLE = (
    "(id UInt64, price Decimal(38, 12), at DateTime64(6, 'UTC'), name String, note Nullable(String), "
    "tags Array(String), sizes Array(Int32)) engine = MergeTree order by id"
)
MILLION = 1_000_000
#: Of numbers(1000000): rows, the sum of the numbers, the length of their texts.
TOTALS = (MILLION, MILLION * (MILLION - 1) // 2, 5_888_890)
#: Takes minutes, without work for the machine.
LONG = "select sum(sleep(1)) from numbers(20000000)"


class Server(NamedTuple):
    """Where the gateway is, and who asks."""

    port: int
    user: str
    password: str


def rows(count: int = 1000) -> list[tuple[Any, ...]]:
    """Return rows of TABLE; what is in them is what formats and drivers get wrong."""
    start = datetime(2024, 8, 8, 12, 0, 0, 123456, tzinfo=UTC)
    return [
        (
            i,
            Decimal(i * 1_000_000_000_007 - 500).scaleb(-12),
            start + timedelta(microseconds=i),
            f"näme {i}",
            None if i % 2 else "a note\twith 'quotes' and \\ backslash",
            [] if i % 2 else ["a", "", "☃"],
            [i, -1],
        )
        for i in range(count)
    ]


def utc(found: Iterable[Sequence[Any]]) -> list[tuple[Any, ...]]:
    """Give rows of TABLE their time zone, which clickhouse-connect leaves out where it is UTC."""
    return [(*row[:2], row[2].replace(tzinfo=UTC), *row[3:]) for row in found]


def check(found: Any, wanted: Any, what: str) -> None:
    """Fail with the first difference."""
    if found == wanted:
        return
    if isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        for i, (one, other) in enumerate(zip(found, wanted, strict=True)):
            if one != other:
                raise AssertionError(f"{what}: row {i} came back as {one!r}, not {other!r}")
    raise AssertionError(f"{what}: {str(found)[:500]}, not {str(wanted)[:500]}")


def gone(count: Callable[[], int]) -> None:
    """Wait until a query is no longer in system.processes."""
    end = time.monotonic() + 10
    while count():
        if time.monotonic() > end:
            raise AssertionError("the cancelled query still runs after 10 s")
        time.sleep(0.1)


def main(*steps: Callable[[Server], None]) -> None:
    """Run the steps; print one line of JSON with their seconds, or end with 1 and the first failure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("user")
    parser.add_argument("password")
    server = Server(**vars(parser.parse_args()))
    took = {}
    for step in steps:
        started = time.monotonic()
        try:
            step(server)
        except Exception as error:
            error.add_note(f"in {step.__name__}")
            raise
        took[step.__name__] = round(time.monotonic() - started, 3)
    sys.stdout.write(json.dumps(took) + "\n")
