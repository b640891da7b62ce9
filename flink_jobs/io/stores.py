"""Stores as the ends of streams: what tails a topic into the lake or into ClickHouse, and files of the lake.

Columns come from the Avro contracts and the lake's Arrow schemas, so they cannot drift apart. ``connectors/hudi`` and
``connectors/clickhouse`` build the sinks; names are uids as well.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from pyflink.datastream import DataStream
from pyflink.java_gateway import get_gateway

from flink_jobs.environment import Job
from flink_jobs.io import topics
from runtime.config import Settings
from schemas import catalog
from schemas.contracts import contract, versions
from schemas.domains import domains

_OF_AVRO = {"string": "STRING", "long": "BIGINT", "int": "INT", "bytes": "BYTES", "boolean": "BOOLEAN"}
_OF_ARROW = {pa.string(): "STRING", pa.int64(): "BIGINT", pa.int32(): "INT", pa.binary(): "BYTES"}


def columns(name: str, *, times: str = "BIGINT") -> str:
    """Return the columns of a contract, as in a CREATE TABLE; ``times`` is the type of those that are a time in µs."""

    def kind(avro: Any) -> str:
        if isinstance(avro, list):
            (inner,) = [branch for branch in avro if branch != "null"]
            return kind(inner)
        logical = avro.get("logicalType") if isinstance(avro, dict) else None
        if logical == "decimal":
            return f"DECIMAL({avro['precision']}, {avro['scale']})"
        return times if logical == "timestamp-micros" else _OF_AVRO[avro["type"] if isinstance(avro, dict) else avro]

    return ", ".join(f"`{field['name']}` {kind(field['type'])}" for field in contract(name).schema["fields"])


def added(name: str) -> list[str]:
    """Return the fields that the first version of a contract does not have."""
    first = {field["name"] for field in versions(name)[0].schema["fields"]}
    return [field for field in catalog.columns(name) if field not in first]


def _of_arrow(kind: Any) -> str:
    if pa.types.is_dictionary(kind):
        return _of_arrow(kind.value_type)
    if pa.types.is_decimal(kind):
        return f"DECIMAL({kind.precision}, {kind.scale})"
    return _OF_ARROW[kind]


def files(job: Job, folded: DataStream, position: int, table: str, schema: pa.Schema, name: str) -> None:
    """Append files (``udfs.lake.files.frame``) to a table of immutable facts.

    Args:
        job: the job under construction.
        folded: rows that hold them.
        position: where in the rows.
        table: name of the table; ``schemas/domains.toml`` says its key and its partition.
        schema: Arrow schema of its columns.
        name: of the sink, and its uid.
    """
    layout = domains().tables[table]
    (key,) = layout.key
    found = ", ".join(f"`{field.name}` {_of_arrow(field.type)}" for field in schema)
    rows = folded._j_data_stream  # noqa: SLF001
    path = f"{job.settings.lake_uri}/{table}"
    _hudi().append(rows, position, name, path, table, found, key, layout.partition, list(job.former))


def gold(job: Job, bar: str, name: str) -> None:
    """Tail a topic of bars into a Gold table, in which the highest ``version`` per key wins.

    Times stay what they are in the contract: µs in a BIGINT, exact in every engine.
    """
    table = catalog.lake_table(bar)
    layout = domains().tables[table]
    topic = f"{bar} topic for Gold".replace("_", " ")
    rows = topics.tail(job, topic, bar, columns(bar), f"polyglot-{table}", fetch=topics.STORES)
    rows.setParallelism(1)  # as the writer: nothing has to cross to another task
    path, key, date = f"{job.settings.lake_uri}/{table}", list(layout.key), layout.partition
    _hudi().upsert(rows, name, path, table, "bar_key", key, date, "window_start", "version", added(bar))


def clickhouse(job: Job, bar: str, name: str) -> None:
    """Tail a topic of bars into a ClickHouse table, whose ReplacingMergeTree keeps the highest version per key.

    The source is not Gold's: a lake commit must not hold up ClickHouse.
    """
    found = columns(bar, times="TIMESTAMP_LTZ(6)")
    topic = f"{bar} topic for ClickHouse".replace("_", " ")
    rows = topics.tail(job, topic, bar, found, f"polyglot-clickhouse_{bar}", fetch=topics.SHARDS)
    get_gateway().jvm.io.polyglot.clickhouse.ClickHouse.insert(
        rows, name, clickhouse_options(job.settings, catalog.CLICKHOUSE[bar])
    )


def clickhouse_options(config: Settings, table: str) -> dict[str, str]:
    """Return what the sink must know of a table."""
    return {
        "url": config.clickhouse.url,
        "database-name": config.clickhouse.database,
        "table-name": table,
        "username": config.clickhouse.username,
        "password": config.clickhouse.find_password(),
        **({"ca-location": str(config.clickhouse.ca_location)} if config.clickhouse.ca_location else {}),
    }


def _hudi() -> Any:
    return get_gateway().jvm.io.polyglot.hudi.Lake
