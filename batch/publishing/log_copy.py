"""Put records of Bronze into topics, as the log once had them: each shard in order, in the partition of its number.

Each is the very envelope that was in the log. Their offsets are others, and duplicates that Bronze does not have stay
away: no fold looks at either.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

from batch.publishing.sender import Sender, said
from batch.replaying.bronze_files import read
from batch.replaying.files import COUNTS_SCHEMA, ArrowFunction, Batches, counted
from batch.replaying.shards import Plan, tasks
from batch.spark.bronze import ENVELOPE, Which
from udfs.wire.envelope import encode_one

_KEY, _TIME = ENVELOPE.index("entity_id"), ENVELOPE.index("event_time")
_SENT = "sent"


def copy(spark: SparkSession, work: Plan, entity: Which, kafka: Mapping[str, Any], prefix: str) -> int:
    """Copy a plan's records to their topics' names behind a prefix; return how many.

    Args:
        spark: the session.
        work: the shards, and the pieces of Bronze's files that hold them.
        entity: those that the plan was made for.
        kafka: librdkafka properties.
        prefix: of the topics, which have the partitions of those that the records came from.

    Raises:
        PublishError: the broker took something not.
    """
    if not work.shards:
        return 0
    try:
        counts = tasks(spark, work, entity).mapInArrow(_copying(dict(kafka), prefix), COUNTS_SCHEMA).collect()
    except Py4JJavaError as error:
        if refused := said(error):
            raise refused from error
        raise
    return sum(row["count"] for row in counts)


def _copying(kafka: Mapping[str, Any], prefix: str) -> ArrowFunction:
    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        for task in (pickle.loads(one) for batch in batches for one in batch.column("task").to_pylist()):  # noqa: S301
            with Sender(kafka) as sender:
                for step in task.steps:
                    for (topic, partition), rows in read(step, task.wanted):
                        for row in zip(*(rows.column(name).to_pylist() for name in ENVELOPE), strict=True):
                            sender.send(prefix + topic, row[_KEY], encode_one(*row), row[_TIME] // 1000, partition)
            yield counted({_SENT: sender.count})

    return run
