"""DDL of the tables that jobs read and write: Kafka topics, Hudi tables and ClickHouse tables.

Column lists come from the Avro contracts, so a contract and its tables cannot drift apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from polyglot.config import FLINK_SHADING, Settings
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


def _kafka(config: Settings, topics: Sequence[str]) -> dict[str, str]:
    return {
        "connector": "kafka",
        "topic": ";".join(topics),
        **{f"properties.{k}": v for k, v in config.kafka.java(shading=FLINK_SHADING).items()},
    }


@dataclass(frozen=True)
class Fetch:
    """How a source asks the broker for records: it answers when it has ``min_bytes``, or after ``wait_ms``.

    Every answer costs the client and the broker what hundreds of records cost them. Were every record one, the broker
    alone would take half a core at 1,000 records per second.

    ``wait_ms`` is multiplied by the configuration's ``latency_factor``.

    ``partition_bytes`` is how much one partition may return at once. Catching up, the client hands over one partition's
    share before the next one's, so this is how far partitions drift apart in event time. It is a speed limit as well:
    while a partition's share waits to be handed over, the client asks for the others only, and if those are idle, that
    takes all of ``wait_ms``. A larger record is still returned, alone.
    """

    wait_ms: int
    min_bytes: int
    partition_bytes: int


#: On the way to a fold, and to ClickHouse.
SHARDS = Fetch(50, 64 * 1024, 1024 * 1024)
#: For what shows nothing before its next batch or commit anyway.
STORES = Fetch(200, 512 * 1024, 2 * 1024 * 1024)


def _source(config: Settings, topics: Sequence[str], group: str, fetch: Fetch) -> dict[str, str]:
    return {
        **_kafka(config, topics),
        # Offsets live in checkpoints together with the state; a job without either starts from the beginning.
        "scan.startup.mode": "earliest-offset",
        "properties.group.id": group,
        # As the replay reads: what a transaction that was aborted has left in the log was never sent.
        "properties.isolation.level": "read_committed",
        "properties.max.partition.fetch.bytes": str(fetch.partition_bytes),
        "properties.fetch.max.bytes": str(4 * config.kafka.max_message_bytes),
        "properties.fetch.min.bytes": str(fetch.min_bytes),
        "properties.fetch.max.wait.ms": str(config.flink.patience_ms(fetch.wait_ms)),
        "properties.max.poll.records": "5000",
        "properties.client.dns.lookup": "use_all_dns_ips",
    }


def wire_source(
    table: str, config: Settings, topics: Sequence[str], group: str, *, fetch: Fetch = SHARDS, watermark: bool = False
) -> str:
    """Return a source of undecoded records: topic, partition, offset, record time and value.

    With ``watermark``, each partition's is a second behind its newest record's time; the source's is the least of them.
    A partition that is silent for ``flink.idle_after_s`` does not hold up the others.
    """
    marks = {
        # Per record, not per interval: what a block says of the watermark is as new as its last record.
        "scan.watermark.emit.strategy": "on-event",
        "scan.watermark.idle-timeout": f"{round(1000 * config.flink.idle_after_s)} ms",
    }
    return _create(
        table,
        [
            "`topic` STRING METADATA VIRTUAL",
            "`partition` INT METADATA VIRTUAL",
            "`offset` BIGINT METADATA VIRTUAL",
            "`timestamp` TIMESTAMP_LTZ(3) METADATA VIRTUAL",
            "`value` BYTES",
            *(["WATERMARK FOR `timestamp` AS `timestamp` - INTERVAL '1' SECOND"] if watermark else []),
        ],
        {**_source(config, topics, group, fetch), **(marks if watermark else {}), "format": "raw"},
    )


def contract_source(
    table: str,
    config: Settings,
    name: str,
    topic: str,
    group: str,
    *,
    extra: Sequence[str] = (),
    cols: Iterable[str] = (),
    fetch: Fetch = STORES,
) -> str:
    """Return a source of one topic with a contract's columns (or just ``cols``), plus computed columns ``extra``."""
    chosen = columns(name)
    wanted = list(cols) or list(chosen)
    return _create(
        table,
        [*(f"`{c}` {chosen[c]}" for c in wanted), *extra],
        {**_source(config, [topic], group, fetch), **value_format(config, name)},
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


def wire_sink(table: str, config: Settings, topics: Sequence[str]) -> str:
    """Return a sink of encoded records; each row has its topic (if there are several), record time, key and value.

    At least once is enough: consumers drop what they have seen by ``entity_seq`` or by version (law 4).
    """
    return _create(
        table,
        [
            # A sink of one topic has no such metadata.
            *(["`topic` STRING METADATA"] if len(topics) > 1 else []),
            "`timestamp` TIMESTAMP_LTZ(3) METADATA",
            "k BYTES",
            "v BYTES",
        ],
        {
            **_kafka(config, topics),
            "key.format": "raw",
            "key.fields": "k",
            "value.format": "raw",
            "value.fields-include": "EXCEPT_KEY",
            "sink.delivery-guarantee": "at-least-once",
            "properties.acks": "all",
            "properties.enable.idempotence": "true",
            "properties.compression.type": "lz4",
            "properties.linger.ms": "5",
            "properties.batch.size": "262144",
            "properties.buffer.memory": str(8 * config.kafka.max_message_bytes),
            "properties.max.request.size": str(config.kafka.max_message_bytes),
            "properties.delivery.timeout.ms": "600000",
        },
    )


def append_table(table: str, config: Settings, cols: dict[str, str], key: str, partition: str) -> str:
    """Return a Hudi table of immutable facts: appended, never looked up."""
    return _create(
        table,
        [f"`{c}` {t}" for c, t in cols.items()],
        {
            "connector": "hudi",
            "path": f"{config.lake_uri}/{table}",
            "hoodie.table.name": table,
            "table.type": "COPY_ON_WRITE",
            "write.operation": "bulk_insert",
            "hoodie.datasource.write.recordkey.field": key,
        },
        f"PARTITIONED BY (`{partition}`)",
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


def silver_select(kind: str) -> str:
    """Return the select list of a Silver table: ``ingest_date`` becomes the ISO text the table is partitioned by."""
    return ", ".join(
        "CAST(TIMESTAMPADD(DAY, ingest_date, DATE '1970-01-01') AS STRING) AS ingest_date"
        if c == "ingest_date"
        else f"`{c}`"
        for c in columns(kind)
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
