"""Contracts' fields as Spark's columns."""

from __future__ import annotations

from typing import Any

from pyspark.sql.types import (
    BinaryType,
    DataType,
    DecimalType,
    IntegerType,
    LongType,
    StringType,
    StructField,
)

from schemas.contracts import contract

#: Wire bytes of a record.
VALUE = "value"


def spark_type(avro: Any) -> DataType:
    """Return the column type of an Avro field: times stay µs in a BIGINT, dates days in an INT, decimals exact."""
    if isinstance(avro, list):  # null, or something
        (avro,) = [branch for branch in avro if branch != "null"]
    if isinstance(avro, dict) and avro.get("logicalType") == "decimal":
        return DecimalType(avro["precision"], avro["scale"])
    base = avro["type"] if isinstance(avro, dict) else avro
    kinds: dict[str, DataType] = {
        "string": StringType(),
        "long": LongType(),
        "int": IntegerType(),
        "bytes": BinaryType(),
    }
    return kinds[base]


def columns(name: str) -> list[StructField]:
    """Return a contract's columns."""
    return [StructField(f["name"], spark_type(f["type"])) for f in contract(name).schema["fields"]]
