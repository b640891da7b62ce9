"""Fields of any contract out of wire bytes, as fastavro reads them; what is not of the contract is told."""

from __future__ import annotations

import io
from decimal import Decimal
from typing import Any

import fastavro
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.verifying.hashes import Decoded, kinds
from schemas.contracts import contract
from udfs.kernels.decoding import DECIMAL, NULL_FIRST, NULL_SECOND, NUMBER, TEXT, decode_fields
from udfs.kernels.slices import Slices

CONTRACTS = ["raw_envelope", "trade", "quote", "bar", "quote_bar", "dead_letter", "gap", "quality_flag", "adjusted_bar"]


def plain(kind: str) -> dict[str, Any]:
    """Return a contract's schema without logical types."""
    schema = contract(kind).schema
    return {**schema, "fields": [{**field, "type": plain_type(field["type"])} for field in schema["fields"]]}


def plain_type(avro: Any) -> Any:
    if isinstance(avro, list):
        return [plain_type(branch) for branch in avro]
    return avro["type"] if isinstance(avro, dict) else avro


def some(kind: str, field: dict[str, Any]) -> st.SearchStrategy[Any]:
    of_type = {
        "string": st.text(max_size=40),
        "long": st.integers(-(1 << 63), (1 << 63) - 1),
        "int": st.integers(-(1 << 31), (1 << 31) - 1),
        "bytes": st.binary(max_size=200),
    }
    branches = field["type"] if isinstance(field["type"], list) else [field["type"]]
    (base,) = [branch for branch in branches if branch != "null"]
    found = st.binary(min_size=1, max_size=16) if kinds(kind)[field["name"]] == DECIMAL else of_type[base]
    return found if len(branches) == 1 else st.none() | found


def records(kind: str) -> st.SearchStrategy[list[dict[str, Any]]]:
    fields = {field["name"]: some(kind, field) for field in plain(kind)["fields"]}
    return st.lists(st.fixed_dictionaries(fields), min_size=1, max_size=4)


def encoded(kind: str, record: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, plain(kind), record)
    return contract(kind).header + out.getvalue()


@pytest.mark.parametrize("kind", CONTRACTS)
@given(st.data())
def test_every_field_is_found(kind: str, data: st.DataObject) -> None:
    wanted = data.draw(records(kind))
    found = Decoded(kind, Slices.of([encoded(kind, one) for one in wanted]))
    assert found.good.all()
    for name, how in kinds(kind).items():
        values = found.numbers(name).tolist() if how == NUMBER else found.slices(name).tolist()
        none = 0 if how == NUMBER else b""
        assert values == [as_bytes(none if one[name] is None else one[name]) for one in wanted]


def as_bytes(value: Any) -> Any:
    return value.encode() if isinstance(value, str) else value


@given(st.data())
def test_what_is_cut_or_of_another_contract_is_no_record(data: st.DataObject) -> None:
    (one,) = data.draw(records("trade").filter(lambda found: len(found) == 1))
    value = encoded("trade", one)
    cut = [value[:size] for size in range(len(value))]
    others = [bytes([1]) + value[1:], value[:4] + bytes([value[4] ^ 1]) + value[5:]]
    found = Decoded("trade", Slices.of([*cut, value, *others]))
    assert found.good.tolist() == [False] * len(cut) + [True, False, False]
    assert found.numbers("entity_seq")[~found.good].tolist() == [0] * (len(cut) + 2)


@pytest.mark.parametrize("amount", [b"", bytes(17)])
def test_a_decimal_has_1_to_16_bytes(amount: bytes) -> None:
    fields = {field["name"]: "x" if field["type"] == "string" else 1 for field in plain("trade")["fields"]}
    well = encoded("trade", {**fields, "price": b"\x01", "size": b"\x7f"})
    ill = encoded("trade", {**fields, "price": b"\x01", "size": amount})
    assert Decoded("trade", Slices.of([well, ill])).good.tolist() == [True, False]
    assert Decimal(int.from_bytes(Decoded("trade", Slices.of([well])).slices("size")[0], "big")) == 127


def nullable(first: bool) -> dict[str, Any]:
    """Return a contract of a number, a text that may be null, and a number that may be null."""
    union = ["null", "string"] if first else ["string", "null"]
    count = ["null", {"type": "long", "logicalType": "timestamp-micros"}]
    fields = [("n", "long"), ("text", union), ("count", count)]
    return {"type": "record", "name": "r", "fields": [{"name": name, "type": kind} for name, kind in fields]}


@pytest.mark.parametrize("first", [True, False])
@given(rows=st.lists(st.tuples(st.integers(0, 9), st.none() | st.text(max_size=3), st.none() | st.integers(0, 9))))
def test_a_field_may_be_null(first: bool, rows: list[tuple[int, str | None, int | None]]) -> None:
    schema = nullable(first)
    values = []
    for row in rows:
        out = io.BytesIO()
        fastavro.schemaless_writer(out, schema, dict(zip(("n", "text", "count"), row, strict=True)))
        values.append(b"\0\0\0\0\7" + out.getvalue())
    codes = np.array([NUMBER, TEXT | (NULL_FIRST if first else NULL_SECOND), NUMBER | NULL_FIRST], np.int8)
    wire, n = Slices.of(values), len(values)
    at, size, good = np.empty(3 * n, np.int64), np.empty(3 * n, np.int64), np.empty(n, np.int8)
    decode_fields(*wire.parts, np.frombuffer(b"\0\0\0\0\7", np.uint8), codes, at, size, good)
    assert good.all()
    at, size = at.reshape(3, n), size.reshape(3, n)
    texts = [None if k < 0 else wire.data[a : a + k].tobytes().decode() for a, k in zip(at[1], size[1], strict=True)]
    counts = [None if k < 0 else int(a) for a, k in zip(at[2], size[2], strict=True)]
    assert list(zip(at[0].tolist(), texts, counts, strict=True)) == rows
