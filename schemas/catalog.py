"""What there is, named once: kinds of records, their topics, tables, keys and columns, windows, and units of time.

A kind is a contract's name without its version. Owners, retention and horizons are in ``domains.toml``, the fields in
the contracts; this module says what belongs together. Engines that must spell out a schema of their own (ClickHouse's
migrations, the lake's Arrow schemas) are compared with it by ``tests/unit/schemas/test_catalog.py``.
"""

from __future__ import annotations

from functools import lru_cache

from schemas.contracts import contract
from schemas.domains import domains

#: Units of time, µs.
SECOND = 1_000_000
DAY = 86_400 * SECOND

#: Windows of bars: name → length in µs. They are aligned to 1970-01-01T00:00Z and never span a UTC day.
INTERVALS = {"1s": SECOND, "1m": 60 * SECOND, "5m": 300 * SECOND, "1h": 3_600 * SECOND, "1d": DAY}

#: What raw frames of the hot path become, and the bars that each is reduced to.
NORMALIZED = ("trade", "quote")
BARS = ("bar", "quote_bar")
#: What a venue says of trades that it takes back or corrects.
REVISIONS = CANCEL, CORRECT = ("trade_cancel", "trade_correct")
#: Facts of reference data, and the series that are computed from them.
FACTS = ACTION, CLOSE = ("corporate_action", "daily_close")
ADJUSTED = FACTOR, ADJUSTED_BAR = ("adjustment_factor", "adjusted_bar")

#: Table of raw frames, and what it keeps beside the envelope: where in Kafka a frame lay.
BRONZE = "bronze_raw"
OFFSET = "kafka_offset"
LOG = ("topic", "kafka_partition", OFFSET)
#: ClickHouse tables by kind: of the latest versions, and of every version.
CLICKHOUSE = {"bar": "bars", "quote_bar": "quote_bars", ADJUSTED_BAR: "adjusted_bars"}
CLICKHOUSE_HISTORY = {ADJUSTED_BAR: "adjusted_bars_history"}

#: The day of a derived record: a time in µs, or a date.
DATED_BY = {"bar": "window_start", "quote_bar": "window_start", FACTOR: "ex_date", ADJUSTED_BAR: "date"}
#: What identifies a record of a kind that no lake table holds.
_KEYS = {
    CANCEL: ("event_id",),
    CORRECT: ("event_id",),
    ACTION: ("event_id",),
    CLOSE: ("event_id",),
    "raw_envelope": ("event_id",),
    "dead_letter": ("dead_letter_id",),
    "gap": ("gap_id",),
    "quality_flag": ("topic", "rule", "event_id"),
    "proof": ("proof_id", "table", "day"),
}


@lru_cache(maxsize=1)
def _topics() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for topic in domains().topics.values():
        found.setdefault(topic.contract, []).append(topic.name)
    return found


@lru_cache(maxsize=64)
def topic(kind: str) -> str:
    """Return the topic of a kind.

    Raises:
        KeyError: it has none, or several: those of raw frames and of dead letters.
    """
    names = _topics()[kind]
    if len(names) > 1:
        raise KeyError(f"{kind} has {len(names)} topics")
    return names[0]


@lru_cache(maxsize=64)
def dead_letters(domain: str) -> str:
    """Return the topic of a domain's rejected records.

    Raises:
        KeyError: the domain has none.
    """
    (name,) = [name for name in _topics()["dead_letter"] if domains().topics[name].domain == domain] or [""]
    if not name:
        raise KeyError(f"{domain} has no dead letters")
    return name


@lru_cache(maxsize=64)
def lake_table(kind: str) -> str:
    """Return the Hudi table of a kind.

    Raises:
        KeyError: it has none.
    """
    return {table.contract: name for name, table in domains().tables.items() if table.contract}[kind]


@lru_cache(maxsize=64)
def key(kind: str) -> tuple[str, ...]:
    """Return the fields that identify a record of a kind, in the order of its composite key.

    Raises:
        KeyError: the kind has no identity.
    """
    of_tables = {table.contract: table.key for table in domains().tables.values() if table.contract}
    return of_tables[kind] if kind in of_tables else _KEYS[kind]


def columns(kind: str) -> list[str]:
    """Return the fields of a kind's contract, in order."""
    return [field["name"] for field in contract(kind).schema["fields"]]
