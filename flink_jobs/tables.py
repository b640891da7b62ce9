"""DDL of the tables that jobs read and write: Kafka topics, Hudi tables and ClickHouse tables.

Column lists come from the Avro contracts, so a contract and its tables cannot drift apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa

from flink_jobs.io.topics import STORES, Fetch, consumer
from polyglot.config import Settings
from schemas.contracts import FOLDER, contract


def _sql_type(avro: Any) -> str:
    if isinstance(avro, list):
        (inner,) = [branch for branch in avro if branch != "null"]
        return _sql_type(inner)
    logical = avro.get("logicalType") if isinstance(avro, dict) else None
    if logical == "decimal":
        return f"DECIMAL({avro['precision']}, {avro['scale']})"
    base = avro["type"] if isinstance(avro, dict) else avro
    # Times stay what they are in the contract: µs in a BIGINT, exact in every engine.
    return {"string": "STRING", "long": "BIGINT", "int": "INT", "bytes": "BYTES", "boolean": "BOOLEAN"}[base]


def columns(name: str) -> dict[str, str]:
    """Return the columns of a contract as name → Flink SQL type."""
    return {f["name"]: _sql_type(f["type"]) for f in contract(name).schema["fields"]}


def names(cols: Iterable[str]) -> str:
    """Return a quoted column list."""
    return ", ".join(f"`{c}`" for c in cols)


def _literal(text: str) -> str:
    """Return a SQL string: a password may hold anything."""
    return "'" + text.replace("'", "''") + "'"


def _create(table: str, cols: Sequence[str], options: dict[str, str], tail: str = "") -> str:
    opts = ",\n  ".join(f"{_literal(k)} = {_literal(v)}" for k, v in options.items())
    body = ",\n  ".join(cols)
    return f"CREATE TEMPORARY TABLE {table} (\n  {body}\n) {tail} WITH (\n  {opts}\n)"


def _source(config: Settings, topic: str, group: str, fetch: Fetch) -> dict[str, str]:
    return {
        "connector": "kafka",
        "topic": topic,
        # Offsets live in checkpoints together with the state; a job without either starts from the beginning.
        "scan.startup.mode": "earliest-offset",
        **({"scan.bounded.mode": "latest-offset"} if config.flink.bounded else {}),
        "properties.group.id": group + config.flink.suffix,
        **{f"properties.{name}": value for name, value in consumer(config, fetch).items()},
    }


def contract_source(table: str, config: Settings, name: str, topic: str, group: str, *, fetch: Fetch = STORES) -> str:
    """Return a source of one topic with a contract's columns."""
    return _create(
        table,
        [f"`{c}` {t}" for c, t in columns(name).items()],
        {**_source(config, topic, group, fetch), **value_format(config, name)},
    )


def value_format(config: Settings, name: str) -> dict[str, str]:
    """Return the value format: pinned ids, or the registry when one is configured."""
    if not config.registry.url:
        return {
            "format": "avro-pinned",
            "avro-pinned.schemas": str(FOLDER),
            "avro-pinned.schema": name,
        }
    options = {"format": "avro-confluent", "avro-confluent.url": config.registry.url}
    if config.registry.login:
        options["avro-confluent.basic-auth.credentials-source"] = "USER_INFO"
        options["avro-confluent.basic-auth.user-info"] = ":".join(config.registry.login)
    return options


_OF_ARROW = {pa.string(): "STRING", pa.int64(): "BIGINT", pa.int32(): "INT", pa.binary(): "BYTES"}


def _of_arrow(kind: Any) -> str:
    if pa.types.is_dictionary(kind):
        return _of_arrow(kind.value_type)
    if pa.types.is_decimal(kind):
        return f"DECIMAL({kind.precision}, {kind.scale})"
    return _OF_ARROW[kind]


def files_table(table: str, config: Settings, schema: Any, key: str, partition: str) -> str:
    """Return a Hudi table of immutable facts that come as complete files (``udfs.lake.files.frame``).

    Args:
        table: name of the table.
        config: settings.
        schema: Arrow schema of its columns.
        key: the column that is the record key.
        partition: the column whose values are the partitions' paths.
    """
    return _create(
        table,
        ["`files` BYTES"],
        {
            "connector": "hudi-files",
            "path": f"{config.lake_uri}/{table}",
            "hoodie.table.name": table,
            "columns": ", ".join(f"`{field.name}` {_of_arrow(field.type)}" for field in schema),
            "hoodie.datasource.write.recordkey.field": key,
            "hoodie.datasource.write.partitionpath.field": partition,
        },
    )


def upsert_table(table: str, config: Settings, cols: dict[str, str], key: str, partition: str) -> str:
    """Return a Hudi table in which the highest ``version`` per key wins."""
    return _create(
        table,
        [*(f"`{c}` {t}" for c, t in cols.items()), f"PRIMARY KEY (`{key}`) NOT ENFORCED"],
        {
            "connector": "hudi",
            "path": f"{config.lake_uri}/{table}",
            "hoodie.table.name": table,
            # A commit costs what its rows cost, whatever the table holds; copy-on-write would rewrite the day.
            "table.type": "MERGE_ON_READ",
            "write.operation": "upsert",
            "hoodie.datasource.write.recordkey.field": key,
            "ordering.fields": "version",
        },
        f"PARTITIONED BY (`{partition}`)",
    )


def clickhouse_table(table: str, config: Settings, cols: dict[str, str], target: str) -> str:
    """Return a ClickHouse sink; its ReplacingMergeTree keeps the highest version per key."""
    return _create(
        table,
        [f"`{c}` {t}" for c, t in cols.items()],
        {
            "connector": "clickhouse",
            "url": config.clickhouse.url,
            "database-name": config.clickhouse.database,
            "table-name": target,
            "username": config.clickhouse.username,
            "password": config.clickhouse.find_password(),
            **({"ca-location": str(config.clickhouse.ca_location)} if config.clickhouse.ca_location else {}),
        },
    )


BAR_KEY = "CONCAT(entity_id, '|', `interval`, '|', CAST(window_start AS STRING))"
QUOTE_BAR_KEY = "CONCAT(entity_id, '|', CAST(window_start AS STRING))"
_START = "TO_TIMESTAMP_LTZ(window_start / 1000, 3)"
EVENT_DATE = f"DATE_FORMAT({_START}, 'yyyy-MM-dd') AS event_date"
_TIMES = ("window_start", "window_end")


def gold_columns(bar: str) -> dict[str, str]:
    """Return the columns of a Gold table: its key, the contract, the partition."""
    return {"bar_key": "STRING", **columns(bar), "event_date": "STRING"}


def clickhouse_columns(bar: str) -> dict[str, str]:
    """Return the columns of a ClickHouse table: µs become DateTime64(6), which its sink writes from TIMESTAMP(6)."""
    cols = {c: "TIMESTAMP_LTZ(3)" if c in _TIMES else t for c, t in columns(bar).items()}
    return {**cols, "event_date": "DATE"}


def clickhouse_select(bar: str) -> str:
    """Return the select list of a ClickHouse table."""
    cols = [f"TO_TIMESTAMP_LTZ({c} / 1000, 3)" if c in _TIMES else f"`{c}`" for c in columns(bar)]
    return ", ".join([*cols, f"CAST({_START} AS DATE)"])
