"""SQL shared by Flink and Spark: what is aggregated is written once; only how an engine names a window differs."""

from __future__ import annotations

from pathlib import Path
from string import Template
from typing import Literal

FOLDER = Path(__file__).resolve().parent

Engine = Literal["flink", "spark"]
Kind = Literal["bar", "quote_bar"]

#: Length of each bar interval, µs.
INTERVALS = {
    "1s": 1_000_000,
    "1m": 60_000_000,
    "5m": 300_000_000,
    "1h": 3_600_000_000,
    "1d": 86_400_000_000,
}
_FLINK_INTERVAL = {
    "1s": "INTERVAL '1' SECOND",
    "1m": "INTERVAL '1' MINUTE",
    "5m": "INTERVAL '5' MINUTE",
    "1h": "INTERVAL '1' HOUR",
    "1d": "INTERVAL '1' DAY",
}
_FILES = {"bar": ("trades_keyed", "bars"), "quote_bar": ("quotes_keyed", "quote_bars")}


def render(name: str, **values: str) -> str:
    """Return ``sql/<name>.sql`` with its ``${…}`` filled in.

    Raises:
        KeyError: a placeholder has no value.

    """
    return Template((FOLDER / f"{name}.sql").read_text()).substitute(values)


def keyed(kind: Kind, engine: Engine, source: str) -> str:
    """Return the SELECT of the exact columns and the sort key; register it as ``trades_keyed``/``quotes_keyed``."""
    # Flink's windows need the time attribute itself; Spark computes the window from the µs.
    time = "rowtime, " if engine == "flink" else "event_time, "
    return render(_FILES[kind][0], source=source, time=time)


def keyed_revisions(engine: Engine, source: str) -> str:
    """Return the SELECT of a revision topic's rows, to be added to ``trades_keyed`` by UNION ALL."""
    time = "rowtime, " if engine == "flink" else "trade_time AS event_time, "
    return render("revisions_keyed", source=source, time=time)


def aggregate(kind: Kind, engine: Engine, interval: str) -> str:
    """Return the aggregation of one interval over the keyed view.

    Flink uses the group window, not the table function: that one drops late rows (docs/architecture.md, "Late events").
    """
    if engine == "flink":
        window = f"TUMBLE(rowtime, {_FLINK_INTERVAL[interval]})"
    else:
        window = f"event_time - event_time % {INTERVALS[interval]}"
    return render(_FILES[kind][1], interval=interval, window=window)
