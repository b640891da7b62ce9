"""ClickHouse's tables have every field of their contract, in a type that holds all of it, and tell keys apart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from support.chdb_engine import Engine

from schemas import catalog
from schemas.contracts import contract

TABLES = {table: kind for kind, table in (*catalog.CLICKHOUSE.items(), *catalog.CLICKHOUSE_HISTORY.items())}
#: A notional is text in the contract and a decimal here: of 76 digits, 24 behind the point.
EXACT_TEXT = {"notional", "buy_notional"}
TYPES = {
    "string": ("String", "LowCardinality(String)"),
    "long": ("UInt64",),
    "timestamp-micros": ("DateTime64(6, 'UTC')",),
    "date": ("Date32",),
}
#: Two values of each column that a key may have.
VALUES = {
    "entity_id": ("'a'", "'b'"),
    "interval": ("'1s'", "'1m'"),
    "window_start": ("'2024-08-08 12:00:00.000000'", "'2024-08-08 12:00:00.000001'"),
    "date": ("'2024-08-08'", "'2024-08-09'"),
    "as_of": ("'2024-08-08'", "'2024-08-09'"),
}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with Engine(tmp_path_factory.mktemp("chdb") / "store") as one:
        yield one


def wanted(field: dict[str, Any]) -> tuple[str, ...]:
    """Return the types that hold a field of a contract."""
    kind = field["type"]
    if isinstance(kind, list):
        (inner,) = [branch for branch in kind if branch != "null"]
        return tuple(f"Nullable({one})" for one in wanted({**field, "type": inner}))
    if field["name"] in EXACT_TEXT:
        return ("Decimal(76, 24)",)
    if isinstance(kind, dict) and kind["logicalType"] == "decimal":
        return (f"Decimal({kind['precision']}, {kind['scale']})",)
    return TYPES[kind["logicalType"] if isinstance(kind, dict) else kind]


@pytest.mark.parametrize("table", TABLES)
def test_every_field_of_the_contract_has_its_column(engine: Engine, table: str) -> None:
    columns = {str(row[0]): str(row[1]) for row in engine.rows(f"DESCRIBE TABLE {table}")}
    fields = {field["name"]: wanted(field) for field in contract(TABLES[table]).schema["fields"]}
    assert {name: columns.get(name) for name, types in fields.items() if columns.get(name) not in types} == {}
    assert columns.keys() - fields.keys() == {"event_date", "inserted_at"}


@pytest.mark.parametrize("table", [name for name in TABLES if name != "adjusted_bars"])
def test_rows_that_differ_in_one_part_of_the_key_are_two(engine: Engine, table: str) -> None:
    key = [*catalog.key(TABLES[table]), *(["version"] if table == "adjusted_bars_history" else [])]
    first = {name: VALUES.get(name, ("1", "2"))[0] for name in key} | {"version": "1"}
    rows = [first, *({**first, name: VALUES.get(name, ("1", "2"))[1]} for name in key)]
    for row in rows:
        engine.ask(f"INSERT INTO {table} ({', '.join(f'`{n}`' for n in row)}) VALUES ({', '.join(row.values())})")
    assert engine.rows(f"SELECT toUInt8(count()) FROM {table} FINAL") == [[len(rows)]]
    newer = {**first, "version": "7"}
    engine.ask(f"INSERT INTO {table} ({', '.join(f'`{n}`' for n in newer)}) VALUES ({', '.join(newer.values())})")
    history = table == "adjusted_bars_history"
    assert engine.rows(f"SELECT toUInt8(count()) FROM {table} FINAL") == [[len(rows) + history]]


def test_the_latest_adjusted_bars_are_told_apart_by_session_and_as_of(engine: Engine) -> None:
    key = catalog.key("adjusted_bar")
    for other in ("", *key):
        row = {part: VALUES[part][part == other] for part in key} | {"version": "1"}
        engine.ask(f"INSERT INTO adjusted_bars_history ({', '.join(row)}) VALUES ({', '.join(row.values())})")
    assert engine.rows("SELECT toUInt8(count()) FROM adjusted_bars FINAL") == [[1 + len(key)]]
