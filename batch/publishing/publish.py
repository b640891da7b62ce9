"""Publish a replay: the same records under the same keys, in an order that consumers accept.

Consumers drop what they have: normalized records by ``entity_seq``, bars by ``version``. So publishing what the stream
already wrote changes no view, and publishing what it missed repairs it. What only a replay can compute waits until the
stream has given it up (`barrier`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.sql import DataFrame, Row, SparkSession

from batch.publishing.barrier import publishable
from batch.publishing.sender import Sender, said
from batch.replaying.files import records
from schemas import catalog
from schemas.catalog import BARS, NORMALIZED

#: Kind → topic, the columns that order an entity's records, and the record time (µs) as the stream sets it.
TARGETS = {
    **{kind: (catalog.topic(kind), ("ingest_date", "entity_seq"), "event_time") for kind in NORMALIZED},
    **{kind: (catalog.topic(kind), catalog.key(kind)[1:], "window_start") for kind in BARS},
}


def publish(
    spark: SparkSession,
    out: Path,
    kafka: Mapping[str, Any],
    kinds: Sequence[str] = tuple(TARGETS),
    keep: Callable[[DataFrame], DataFrame] = lambda rows: rows,
) -> dict[str, int]:
    """Send a replay's records of these kinds that pass `keep`. Returns how many of each kind.

    `kafka` are librdkafka properties.

    Raises:
        PublishError: the broker refused or was not there.
        PublishBarrierError: bars have revisions that the stream has not taken in.
    """
    sent = {}
    for kind in kinds:
        topic, order, time = TARGETS[kind]
        rows = keep(records(spark, out, kind))
        if kind == "bar":
            rows = publishable(rows, kafka)
        sent[kind] = send_rows(rows, topic, order, time, dict(kafka))
    return sent


def send_rows(rows: DataFrame, topic: str, order: tuple[str, ...], time: str, kafka: dict[str, Any]) -> int:
    """Send ``value`` of each row under its ``entity_id``, an entity's rows in order; returns how many.

    Raises:
        PublishError: the broker refused or was not there.
    """

    def send(part: Iterable[Row]) -> Iterator[int]:
        with Sender(kafka) as sender:
            for row in part:
                # The client refuses Spark's bytearray.
                sender.send(topic, row.entity_id, bytes(row.value), row.time // 1000)
        yield sender.count

    wanted = rows.selectExpr("entity_id", "value", f"{time} AS time", *order)
    ordered = wanted.repartition(4, "entity_id").sortWithinPartitions("entity_id", *order)
    try:
        return int(ordered.rdd.mapPartitions(send).sum())
    except Py4JJavaError as error:
        if refused := said(error):
            raise refused from error
        raise
