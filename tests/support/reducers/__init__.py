"""Bars by SQL, for any engine: other words for what the window fold computes, as an oracle of it."""

from __future__ import annotations

from pathlib import Path
from string import Template
from typing import Literal

from schemas.catalog import INTERVALS

FOLDER = Path(__file__).resolve().parent
Kind = Literal["bar", "quote_bar"]
Engine = Literal["spark", "sqlite"]
_FILES = {"bar": ("trades_keyed", "bars"), "quote_bar": ("quotes_keyed", "quote_bars")}
#: How an engine multiplies price and size exactly, and how it sums decimals up. Spark's are wide enough for small
#: tests; SQLite has no decimals, so whoever opens a database gives it functions of these names.
PRODUCT = {"spark": "CAST(price AS DECIMAL(19, 12)) * CAST(size AS DECIMAL(18, 12))", "sqlite": "PRODUCT(price, size)"}
TOTAL = {"spark": "SUM", "sqlite": "TOTAL_OF"}
#: The sums of `aggregate`, as `support.finishing` takes them, and how many decimals they have.
SUMS = {"volume": 12, "notional": 24, "buy_volume": 12, "buy_notional": 24}


def keyed(kind: Kind, source: str, engine: Engine) -> str:
    """Return the SELECT of the exact columns and the sort key; register it as ``trades_keyed``/``quotes_keyed``."""
    text = Template((FOLDER / f"{_FILES[kind][0]}.sql").read_text())
    return text.substitute(source=source, product=PRODUCT[engine])


def aggregate(kind: Kind, interval: str, engine: Engine) -> str:
    """Return the aggregation of one interval over the keyed view."""
    window = f"event_time - event_time % {INTERVALS[interval]}"
    text = Template((FOLDER / f"{_FILES[kind][1]}.sql").read_text())
    return text.substitute(window=window, total=TOTAL[engine])
