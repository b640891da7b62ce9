"""Bars by SQL, for any engine: other words for what the window fold computes, as an oracle of it."""

from __future__ import annotations

from pathlib import Path
from string import Template
from typing import Literal

from udfs.bars import INTERVALS

FOLDER = Path(__file__).resolve().parent
Kind = Literal["bar", "quote_bar"]
_FILES = {"bar": ("trades_keyed", "bars"), "quote_bar": ("quotes_keyed", "quote_bars")}
PARTS = [f"{name}_l{k}" for name, count in (("size", 3), ("notional", 4)) for k in range(count)]
#: The sums of `aggregate`, as `support.finishing` takes them.
SUMS = [*PARTS, *(f"buy_{part}" for part in PARTS)]


def keyed(kind: Kind, source: str) -> str:
    """Return the SELECT of the exact columns and the sort key; register it as ``trades_keyed``/``quotes_keyed``."""
    return Template((FOLDER / f"{_FILES[kind][0]}.sql").read_text()).substitute(source=source)


def aggregate(kind: Kind, interval: str) -> str:
    """Return the aggregation of one interval over the keyed view."""
    window = f"event_time - event_time % {INTERVALS[interval]}"
    return Template((FOLDER / f"{_FILES[kind][1]}.sql").read_text()).substitute(interval=interval, window=window)
