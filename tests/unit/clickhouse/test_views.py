"""The view converges (law 7): whichever version was inserted last, readers see the highest, before merges and after."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from itertools import permutations

import pytest

from operations import migrate

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
VIEWS = (
    "bars_latest", "quote_bars_latest", "adjusted_bars_latest", "adjusted_bars_as_of(as_of = '2024-05-03')",
    "adjusted_bars_as_known_at(known_at = '2024-05-09 00:00:00', as_of = '2024-05-04')",
)  # fmt: skip
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
    raw, *views = ask(
        "SELECT count() FROM bars",
        *(f"SELECT entity_id, toUInt8(version) FROM {view} ORDER BY entity_id" for view in VIEWS),
    )
    assert raw == [[18]], "a merge was faster: the views had nothing to choose"
    assert views == [LATEST] * len(VIEWS)


def test_merges_keep_the_highest_version_whichever_came_last(ask):
    merged = ["SYSTEM START MERGES", *(f"OPTIMIZE TABLE {name} FINAL" for name in INSERTS)]
    *_, bars, quotes, adjusted = ask(
        *merged,
        "SELECT entity_id, toUInt8(version) FROM bars ORDER BY entity_id",
        "SELECT entity_id, toUInt8(version) FROM quote_bars ORDER BY entity_id",
        "SELECT entity_id, toUInt8(version) FROM adjusted_bars WHERE as_of = '2024-05-04' ORDER BY entity_id",
    )
    assert (bars, quotes, adjusted) == (LATEST, LATEST, LATEST)


#: What pyarrow, polars, DuckDB and pandas all read exactly, from Arrow and from Parquet. A decimal may have 38 digits:
#: of more, polars reads nothing, and DuckDB of Parquet a DOUBLE.
EXACT = re.compile(
    r"String|LowCardinality\(String\)|UInt64|Date|Date32|DateTime64\([36], 'UTC'\)|"
    r"Nullable\(DateTime64\(6, 'UTC'\)\)|Decimal\((\d|[12]\d|3[0-8]), \d+\)"
)


def test_every_column_of_a_view_is_of_a_type_that_common_readers_keep_exactly(ask):
    described = ask(*(f"DESCRIBE TABLE (SELECT * FROM {view})" for view in VIEWS))
    assert all(len(columns) > 10 for columns in described)
    assert [column[:2] for columns in described for column in columns if not EXACT.fullmatch(column[1])] == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("9" * 52 + "." + "1" * 24, "9" * 52 + "." + "1" * 24),
        ("0.100000000000000000000001", "0.100000000000000000000001"),
        ("65.410000", "65.41"),
        ("120.0", "120"),
        ("0", "0"),
    ],
)
def test_notionals_are_the_exact_value_as_the_contract_writes_it(ask, value, text):
    *_, there, same = ask(
        f"INSERT INTO bars (entity_id, notional, buy_notional, version) VALUES ('w', '{value}', '{value}', 1)",
        # A reader's own settings change nothing about it.
        "SELECT notional, buy_notional FROM bars_latest WHERE entity_id = 'w' "
        "SETTINGS output_format_decimal_trailing_zeros = 1",
        "SELECT toDecimal256(notional, 24) = (SELECT any(notional) FROM bars WHERE entity_id = 'w') "
        "FROM bars_latest WHERE entity_id = 'w'",
    )
    assert (there, same) == ([[text, text]], [[1]])
