"""The aggregation by SQL, limb by limb, against plain sums."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator

import pytest

import sql

START = 1_723_161_597_000_000  # µs; three seconds before a day, an hour and a minute end
PARTS = [f"{name}_l{k}" for name, count in (("size", 3), ("notional", 4)) for k in range(count)]
COLUMNS = ["entity_id", "event_time", "sort_key", "revised_at", "price", "bought", *PARTS]


@pytest.fixture(scope="module")
def database() -> Iterator[sqlite3.Connection]:
    """Trades and revisions of two entities over six seconds and a day; no two sums of limbs are alike."""
    chance, rows = random.Random(7), []
    for n in range(200):
        time = START + chance.choice([n * 30_000, n * 30_000, n * 400_000_000])
        limbs = [chance.randrange(10**10) for _ in PARTS]
        traded = n % 19 > 0
        rows.append([
            f"sim:{'AB'[n % 2]}", time, f"{time:016}{n:018}|1|{n}" if traded else None, None if traded else time,
            chance.randrange(1_000, 9_000) if traded else None, n % 3 % 2, *(limbs if traded else [0] * len(PARTS)),
        ])  # fmt: skip
    found = sqlite3.connect(":memory:")
    found.execute(f"CREATE TABLE trades_keyed ({', '.join(COLUMNS)})")
    found.executemany(f"INSERT INTO trades_keyed VALUES ({', '.join('?' * len(COLUMNS))})", rows)
    yield found
    found.close()


def bars(database: sqlite3.Connection, query: str) -> list[dict[str, object]]:
    cursor = database.execute(query)
    names = [column[0] for column in cursor.description]
    found = [dict(zip(names, row, strict=True)) for row in cursor]
    return sorted(found, key=lambda bar: (str(bar["entity_id"]), str(bar["open_key"] or bar["revised_at"])))


def test_sums_are_those_of_the_trades(database: sqlite3.Connection) -> None:
    """No two sums are alike, so none can stand for another."""
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in database.execute("SELECT * FROM trades_keyed")]
    for bar in bars(database, sql.aggregate("bar", "spark", "1d")):
        day = int(str(bar["open_key"])[:16]) // 86_400_000_000
        those = [row for row in rows if row["entity_id"] == bar["entity_id"]]
        mine = [row for row in those if row["event_time"] // 86_400_000_000 == day]
        for part in PARTS:
            assert bar[part] == sum(row[part] for row in mine)
            assert bar[f"buy_{part}"] == sum(row[part] for row in mine if row["bought"])
        assert (bar["version"], bar["trade_count"]) == (len(mine), sum(row["sort_key"] is not None for row in mine))
