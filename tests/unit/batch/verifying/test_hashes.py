"""A row hashes to what its record's wire bytes hash to, if each field is equal, whatever types a file has them in."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import fastavro
import numpy as np
import pyarrow as pa
import pytest
from support import scanned

from batch.verifying import hashes
from batch.verifying.hashes import Decoded
from batch.verifying.table_scans import columns_of, day_column, rows_found
from schemas import catalog
from schemas.contracts import Contract, ContractError, contract, versions
from udfs.kernels.slices import Slices

START = 1_723_161_600_000_000
KINDS = {
    "trade": "silver", "quote": "silver", "bar": "gold", "quote_bar": "gold",
    "adjustment_factor": "clickhouse", "adjusted_bar": "clickhouse",
}  # fmt: skip
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def records(kind: str) -> list[dict[str, Any]]:
    """Return some records of a kind with a value of its own in each field."""
    found = []
    for n in range(5):
        record: dict[str, Any] = {}
        for at, field in enumerate(contract(kind).schema["fields"]):
            branches = field["type"] if isinstance(field["type"], list) else [field["type"]]
            avro = next(branch for branch in branches if branch != "null")
            logical = avro.get("logicalType") if isinstance(avro, dict) else None
            if logical == "timestamp-micros":
                record[field["name"]] = START + n * 1_000_000 + at
            elif logical == "date":
                record[field["name"]] = START // catalog.DAY + n % 2
            elif logical == "decimal":
                record[field["name"]] = Decimal(n * 1000 + at - 2000) / 10**3
            else:
                record[field["name"]] = f"{field['name']}-{n}" if avro == "string" else 100 * n + at
        found.append(record)
    return found


def wire(kind: str, record: dict[str, Any], version: int | None = None) -> bytes:
    return written(contract(kind, version), record)


def written(version: Contract, record: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, version.schema, record)
    return version.header + out.getvalue()


def day(us: int) -> str:
    return (EPOCH + dt.timedelta(microseconds=us)).date().isoformat()


def table(kind: str) -> pa.RecordBatch:
    """Return the records as the rows of their table."""
    store, rows = KINDS[kind], []
    for record in records(kind):
        row = dict(record)
        if store == "silver":
            row["ingest_date"] = day(record["ingest_date"] * catalog.DAY)
        else:
            dated = record[catalog.DATED_BY[kind]]
            row["event_date"] = day(dated if kind in catalog.BARS else dated * catalog.DAY)
            if store == "gold":
                row["bar_key"] = "|".join(str(record[name]) for name in catalog.key(kind))
        rows.append(row)
    return pa.RecordBatch.from_pylist(rows, pa.schema(list(columns_of(store, kind).items())))


def sums(kind: str, rows: pa.RecordBatch) -> Any:
    store = KINDS[kind]
    return rows_found(rows, columns_of(store, kind), day_column(store), None)


def replaced(rows: pa.RecordBatch, name: str, column: pa.Array) -> pa.RecordBatch:
    at = rows.schema.get_field_index(name)
    names = [pa.field(field.name, column.type if n == at else field.type) for n, field in enumerate(rows.schema)]
    columns = [column if n == at else rows.column(n) for n in range(rows.num_columns)]
    return pa.RecordBatch.from_arrays(columns, schema=pa.schema(names))


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_their_records(kind: str) -> None:
    expected = scanned.values(kind, [wire(kind, record) for record in records(kind)], KINDS[kind])
    assert sums(kind, table(kind)) == expected
    assert sum(one.rows for one in expected.values()) == 5


SAME: dict[str, Callable[[pa.Array], pa.Array]] = {
    "entity_id": lambda column: column.dictionary_encode(),
    "venue": lambda column: pa.concat_arrays([column, column]).slice(5),
    "event_time": lambda column: column.cast(pa.timestamp("us", "UTC")),
    "price": lambda column: column.cast(pa.decimal128(38, 12)),
    "ingest_date": lambda column: column.cast(pa.date32()).dictionary_encode(),
}


@pytest.mark.parametrize("name", SAME)
def test_the_type_in_a_file_does_not_matter(name: str) -> None:
    rows = table("trade")
    assert sums("trade", replaced(rows, name, SAME[name](rows.column(name)))) == sums("trade", rows)


@pytest.mark.parametrize("kind", KINDS)
def test_each_column_counts(kind: str) -> None:
    """Another value, none, and that of the next row: each is seen in each column."""
    rows = table(kind)
    for field in rows.schema:
        column = rows.column(field.name)
        order = np.array([1, 0, 2, 3, 4])
        other = column.take(pa.array(order))
        null = pa.array([None, *column.to_pylist()[1:]], field.type)
        changed = [replaced(rows, field.name, null), rows.drop_columns([field.name])]
        if other != column:
            changed.append(replaced(rows, field.name, other))
        assert sums(kind, rows) not in [sums(kind, one) for one in changed], field.name


def test_a_null_is_no_empty_text() -> None:
    rows = table("trade")
    texts = [replaced(rows, "venue", pa.array([one] * 5, pa.string())) for one in ("", None)]
    assert sums("trade", texts[0]) != sums("trade", texts[1])


@pytest.mark.parametrize("old", [{0, 3}, {0, 1, 2, 3, 4}, {4}])
def test_a_record_of_an_older_version_is_a_row_without_what_was_added(old: set[int]) -> None:
    """In any mixture; and where all are older, a table may not have the column yet."""
    values = [wire("bar", record, 1 if n in old else 2) for n, record in enumerate(records("bar"))]
    expected = scanned.values("bar", values, "gold")
    rows = table("bar")
    times = [None if n in old else time for n, time in enumerate(rows.column("last_trade_time").to_pylist())]
    assert sums("bar", replaced(rows, "last_trade_time", pa.array(times, pa.int64()))) == expected != sums("bar", rows)
    assert (sums("bar", rows.drop_columns(["last_trade_time"])) == expected) == (len(old) == len(values))


@pytest.mark.parametrize("cut", [b"", b"\0\0\0\0\xff no contract", b"short"])
def test_what_is_of_no_version_is_no_record(cut: bytes) -> None:
    first, *_, last = records("bar")
    found = Decoded("bar", Slices.of([wire("bar", first, 1), cut, wire("bar", last, 1)[:-1], wire("bar", last)]))
    assert found.good.tolist() == [True, False, False, True]
    assert found.numbers("version").tolist() == [first["version"], 0, 0, last["version"]]


def made(monkeypatch: pytest.MonkeyPatch, kind: str, default: Any) -> tuple[Contract, ...]:
    """Return two versions of a contract, the second of which has a field more, with a default, in front."""
    (plain,) = versions("daily_close")
    more = {"name": "added", "type": "long", "default": default}
    fields = [more, *plain.schema["fields"]]
    both = (Contract(kind, 1, 90, plain.schema), Contract(kind, 2, 91, {**plain.schema, "fields": fields}))
    monkeypatch.setattr(hashes, "versions", lambda _: both)
    monkeypatch.setattr(hashes, "contract", lambda _: both[-1])
    return both


def test_a_field_that_was_added_has_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = made(monkeypatch, "with_a_number", 7)
    first, second, *_ = records("daily_close")
    found = Decoded("with_a_number", Slices.of([written(old, first), written(new, {**second, "added": 9})]))
    assert found.numbers("added").tolist() == [7, 9]
    assert found.slices("entity_id").texts() == [first["entity_id"], second["entity_id"]]
    assert found.numbers("date").tolist() == [first["date"], second["date"]]


def test_a_default_that_is_not_read_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    old, _ = made(monkeypatch, "with_a_text", "text")
    with pytest.raises(ContractError, match=r"with_a_text\.v2: added was added with a default"):
        Decoded("with_a_text", Slices.of([written(old, records("daily_close")[0])]))
