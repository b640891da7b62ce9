"""Topics as DataFrames: bounded by explicit end offsets, decoded by the JVM's own Avro (not by our encoder's code)."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as fn
from pyspark.sql.avro.functions import from_avro
from pyspark.sql.types import BinaryType, IntegerType, LongType, StringType, StructField, StructType

from schemas.contracts import contract, versions

_TIMEOUT_S = 20.0
_ALL = 2_147_483_647
_SCHEMA = StructType(
    [
        StructField("topic", StringType()),
        StructField("partition", IntegerType()),
        StructField("offset", LongType()),
        StructField("key", BinaryType()),
        StructField("value", BinaryType()),
    ]
)


class BrokerError(RuntimeError):
    """The broker does not answer."""


@dataclass(frozen=True)
class Broker:
    """How to reach Kafka: properties for librdkafka, and for JVM clients (both without secrets in their repr)."""

    librdkafka: Mapping[str, Any] = field(repr=False)
    java: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True)
class Extent:
    """What of a topic is read, per partition: first offset and end offset (excluded)."""

    topic: str
    begin: dict[int, int]
    end: dict[int, int]

    @property
    def complete(self) -> bool:
        """Whether the log still has its beginning (retention has deleted nothing)."""
        return all(offset == 0 for offset in self.begin.values())

    @property
    def empty(self) -> bool:
        return all(self.begin[part] >= end for part, end in self.end.items())


def extents(broker: Broker, topics: list[str]) -> dict[str, Extent]:
    """Return how far each topic reaches now; topics that do not exist are left out.

    Raises:
        BrokerError: no answer.
    """
    admin = AdminClient({**broker.librdkafka, "log_level": 3})  # errors only, not how it closes
    try:
        known = admin.list_topics(timeout=_TIMEOUT_S).topics
        parts = [TopicPartition(t, p) for t in topics if t in known for p in known[t].partitions]
        begin = _offsets(admin, parts, OffsetSpec.earliest())
        end = _offsets(admin, parts, OffsetSpec.latest())
    except KafkaException as error:
        raise BrokerError(f"no answer from Kafka at {broker.librdkafka.get('bootstrap.servers')}: {error}") from error
    return {
        topic: Extent(
            topic,
            {p: offset for (t, p), offset in begin.items() if t == topic},
            {p: offset for (t, p), offset in end.items() if t == topic},
        )
        for topic in topics
        if topic in known
    }


def _offsets(admin: AdminClient, parts: list[TopicPartition], spec: Any) -> dict[tuple[str, int], int]:
    if not parts:
        return {}
    futures = admin.list_offsets(dict.fromkeys(parts, spec), request_timeout=_TIMEOUT_S)
    return {(part.topic, part.partition): future.result().offset for part, future in futures.items()}


def read(spark: SparkSession, broker: Broker, found: list[Extent]) -> DataFrame:
    """Return topic, partition, offset, key and value of everything in these extents."""
    found = [extent for extent in found if not extent.empty]
    if not found:
        return spark.createDataFrame([], _SCHEMA)
    begin = {extent.topic: {str(p): offset for p, offset in extent.begin.items()} for extent in found}
    end = {extent.topic: {str(p): offset for p, offset in extent.end.items()} for extent in found}
    options = {
        **{f"kafka.{name}": str(value) for name, value in broker.java.items()},
        "kafka.isolation.level": "read_committed",
        # Having read a partition to its end, Spark asks for its offsets, and a broker answers a connection's requests
        # in their order: behind the fetch that waits, half a second, for records that will never come.
        "kafka.fetch.max.wait.ms": "10",
        "assign": json.dumps({topic: sorted(map(int, parts)) for topic, parts in end.items()}),
        "startingOffsets": json.dumps(begin),
        "endingOffsets": json.dumps(end),
        "failOnDataLoss": "true",
        "minPartitions": "8",
    }
    return spark.read.format("kafka").options(**options).load().select("topic", "partition", "offset", "key", "value")


def decoded(value: Column, name: str, only: tuple[str, ...] = ()) -> Column:
    """Return a struct of a contract's fields; all null where the bytes are not of that contract.

    Times stay µs and dates stay days. With `only`, other fields are skipped, not decoded.
    """
    reader = copy.deepcopy(contract(name).schema)
    reader["fields"] = [plain_field(f) for f in reader["fields"] if not only or f["name"] in only]
    options = {"mode": "PERMISSIVE", "avroSchema": json.dumps(reader)}
    header, body = value.substr(1, 5), value.substr(6, _ALL)
    # A record of an older version is read as the newest one: fields that it lacks have their defaults.
    return fn.coalesce(
        *(
            from_avro(fn.when(header == fn.lit(written.header), body), json.dumps(written.schema), options)
            for written in versions(name)
        )
    )


def contents(values: DataFrame, name: str) -> DataFrame:
    """Return a contract's columns of the wire bytes in ``value``."""
    return values.select(decoded(fn.col("value"), name).alias("d")).select("d.*")


def frame_id() -> Column:
    """Return the event id of the raw record that a normalized one is of: several trades of a frame are ``<id>#<n>``."""
    return fn.regexp_replace("event_id", "#[0-9]+$", "")


def plain_field(avro: dict[str, Any]) -> dict[str, Any]:
    """Return a field without the logical types of times, which engines would turn into types of their own."""

    def plain(kind: Any) -> Any:
        if isinstance(kind, list):
            return [plain(branch) for branch in kind]
        is_time = isinstance(kind, dict) and kind.get("logicalType") in ("timestamp-micros", "date")
        return kind["type"] if is_time else kind

    return {**avro, "type": plain(avro["type"])}
