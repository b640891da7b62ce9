"""The view converges (law 7): whichever version was inserted last, readers see the highest, before merges and after."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import permutations

import pytest

from polyglot.clickhouse import migrate

#: The engine takes over its process's signals, so it gets one of its own. Statements in, results out, as JSON texts.
ENGINE = """
import json, sys
from chdb.session import Session
session = Session(sys.argv[1])
session.query("CREATE DATABASE d")
session.query("USE d")
answers = [str(session.query(sql, "JSONCompactEachRow")) for sql in json.load(sys.stdin)]
print(json.dumps([[json.loads(line) for line in answer.splitlines()] for answer in answers]))
session.close()
"""
INSERTS = {
    "bars": "INSERT INTO bars (entity_id, interval, window_start, version) VALUES ('{0}', '1s', 1723161600, {1})",
    "quote_bars": "INSERT INTO quote_bars (entity_id, window_start, version) VALUES ('{0}', 1723161600, {1})",
    "adjusted_bars": (
        "INSERT INTO adjusted_bars_history (entity_id, date, as_of, status, version) "
        "VALUES ('{0}', '2024-05-01', '2024-05-0{1}', 'live', {1}), ('{0}', '2024-05-01', '2024-05-04', 'live', {1})"
    ),
}
ORDERS = list(permutations((1, 2, 3)))
#: An entity for each order of insertion.
LATEST = [[str(n), 3] for n in range(len(ORDERS))]


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    """Return a function that runs queries on tables in which versions came in every order, an insert each."""
    filled = [statement for one in migrate.read() for statement in one.statements]
    filled += ["SYSTEM STOP MERGES", *(
        insert.format(n, version) for insert in INSERTS.values() for n, order in enumerate(ORDERS) for version in order
    )]  # fmt: skip

    def run(*queries):
        folder = tmp_path_factory.mktemp("chdb")
        statements = json.dumps([*filled, *queries])
        command = [sys.executable, "-c", ENGINE, str(folder / "store")]
        done = subprocess.run(command, input=statements, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)[-len(queries) :]

    return run


def test_readers_see_the_highest_version_whichever_came_last(ask):
    by = "ORDER BY entity_id"
    raw, *views = ask(
        "SELECT count() FROM bars",
        f"SELECT entity_id, toUInt8(version) FROM bars_latest {by}",
        f"SELECT entity_id, toUInt8(version) FROM quote_bars_latest {by}",
        f"SELECT entity_id, toUInt8(version) FROM adjusted_bars_latest {by}",
        f"SELECT entity_id, toUInt8(version) FROM adjusted_bars_as_of(as_of = '2024-05-03') {by}",
        f"SELECT entity_id, toUInt8(version) FROM "
        f"adjusted_bars_as_known_at(known_at = '2024-05-09 00:00:00', as_of = '2024-05-04') {by}",
    )
    assert raw == [[18]], "a merge was faster: the views had nothing to choose"
    assert views == [LATEST] * 5


def test_merges_keep_the_highest_version_whichever_came_last(ask):
    merged = ["SYSTEM START MERGES", *(f"OPTIMIZE TABLE {name} FINAL" for name in INSERTS)]
    *_, bars, quotes, adjusted = ask(
        *merged,
        "SELECT entity_id, toUInt8(version) FROM bars ORDER BY entity_id",
        "SELECT entity_id, toUInt8(version) FROM quote_bars ORDER BY entity_id",
        "SELECT entity_id, toUInt8(version) FROM adjusted_bars WHERE as_of = '2024-05-04' ORDER BY entity_id",
    )
    assert (bars, quotes, adjusted) == (LATEST, LATEST, LATEST)
