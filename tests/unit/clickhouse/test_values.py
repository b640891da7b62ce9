"""Values of `polyglot query --json`: of their JSON type, and never rounded on the way."""

import json
import os
import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from types import SimpleNamespace
from uuid import UUID

import pytest

from polyglot.cli import run
from runtime.clickhouse.values import plain, shown


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (0, 0),
        (2**53, 2**53),
        (2**53 + 1, "9007199254740993"),
        (-(2**63), "-9223372036854775808"),
        (0.5, 0.5),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (Decimal("1.500000000000"), "1.500000000000"),
        (Decimal("1E+15"), "1E+15"),
        ("1", "1"),
        ("None", "None"),
        (b"text", "text"),
        (b"\xff\x00", "ff00"),
        (datetime(2026, 1, 5, 14, 30, 0, 5, tzinfo=UTC), "2026-01-05 14:30:00.000005+00:00"),
        (date(2026, 1, 5), "2026-01-05"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ((1, None, [Decimal("0.1")]), [1, None, ["0.1"]]),
        ({"a": 1, 2: None}, {"a": 1, "2": None}),
    ],
)
def test_a_value_has_its_json_type(value, expected):
    found = plain(value)
    assert (type(found), found) == (type(expected), expected)
    assert json.loads(json.dumps(found, allow_nan=False)) == expected


def test_a_table_tells_null_from_a_text():
    assert [shown(one) for one in (None, "None", 1, b"a", Decimal("1.0"))] == ["NULL", "None", "1", "a", "1.0"]


@pytest.fixture
def answers(monkeypatch):
    """`polyglot query` on a server that gives these rows."""
    rows = [(1, None, Decimal("0.10")), (2, "x", None)]
    found = SimpleNamespace(column_names=("n", "t", "d"), result_rows=rows)
    client = SimpleNamespace(query=lambda _: found, close=lambda: None)
    monkeypatch.setattr("runtime.clickhouse.client.connect", lambda _: client)


@pytest.mark.usefixtures("answers")
def test_query_prints_json_values_and_a_table(capsys):
    assert run(["query", "select", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document == {"columns": ["n", "t", "d"], "rows": [[1, None, "0.10"], [2, "x", None]]}
    assert run(["query", "select"]) == 0
    assert capsys.readouterr().out.splitlines()[1] == "1\tNULL\t0.10"


def test_query_without_a_server_says_so_once():
    done = subprocess.run(
        [sys.executable, "-m", "polyglot.cli", "query", "select 1"],
        env={**os.environ, "POLYGLOT_CLICKHOUSE__PORT": "9", "POLYGLOT_CLICKHOUSE__PASSWORD": "p"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 3
    first, *rest = done.stderr.splitlines()
    assert first.startswith("error: no answer from ClickHouse")
    assert "Unexpected" not in done.stderr
    assert "polyglot up" in rest[-1]
