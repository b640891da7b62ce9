"""Records of low-rate contracts, one at a time: the contract's own field list decides the order and the types."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from schemas.contracts import contract
from udfs.wire.avro import write_bytes, write_decimal, write_long, write_text

Writer = Callable[[Any], bytes]


def encode(name: str, values: Mapping[str, Any]) -> bytes:
    """Return the Kafka value of a record; decimals are given as integers, scaled as the contract says, dates as days.

    Raises:
        KeyError: a field of the contract is not there.
    """
    header, writers = _writers(name)
    return header + b"".join([write(values[field]) for field, write in writers])


@lru_cache(maxsize=32)
def _writers(name: str) -> tuple[bytes, tuple[tuple[str, Writer], ...]]:
    found = contract(name)
    return found.header, tuple((field["name"], _writer(field["type"])) for field in found.schema["fields"])


def _writer(avro: Any) -> Writer:
    base = avro["type"] if isinstance(avro, dict) else avro
    if base == "bytes" and isinstance(avro, dict) and avro.get("logicalType") == "decimal":
        precision = avro["precision"]
        return lambda value: write_decimal(value, precision)
    writers: dict[str, Writer] = {"string": write_text, "long": write_long, "int": write_long, "bytes": write_bytes}
    return writers[base]
