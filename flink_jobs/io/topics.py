"""Topics as streams: names and uids are ours, and no table stands in between.

``connectors/blocks`` builds the source and the sink. Streams are the JVM's here: no record comes to Python on its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from py4j.java_gateway import JavaClass
from pyflink.java_gateway import get_gateway

from flink_jobs.environment import Job
from runtime.config import FLINK_SHADING, Settings
from schemas import catalog
from schemas.contracts import FOLDER

#: How far a partition's watermark is behind its newest record, ms.
BOUND_MS = 1_000
_NO_WATERMARK = -1
#: At least once is enough: consumers drop what they have seen by ``entity_seq`` or by version (law 4).
GUARANTEE = "AT_LEAST_ONCE"


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
#: For what shows nothing before its next commit anyway.
STORES = Fetch(500, 512 * 1024, 4 * 1024 * 1024)


def consumer(config: Settings, fetch: Fetch) -> dict[str, str]:
    """Return the properties of a consumer, as Java's client names them."""
    return {
        **config.kafka.java(shading=FLINK_SHADING),
        # As the replay reads: what a transaction that was aborted has left in the log was never sent.
        "isolation.level": "read_committed",
        # Of a checkpoint whose place in the log is gone: retention has cut what the job has not read.
        "auto.offset.reset": "earliest" if config.flink.expired == "skip" else "none",
        "max.partition.fetch.bytes": str(fetch.partition_bytes),
        "fetch.max.bytes": str(4 * config.kafka.max_message_bytes),
        "fetch.min.bytes": str(fetch.min_bytes),
        "fetch.max.wait.ms": str(config.flink.patience_ms(fetch.wait_ms)),
        "max.poll.records": "5000",
        "client.dns.lookup": "use_all_dns_ips",
    }


def producer(config: Settings) -> dict[str, str]:
    """Return the properties of a producer that does not lose what a checkpoint has counted."""
    return {
        **config.kafka.java(shading=FLINK_SHADING),
        "acks": "all",
        "enable.idempotence": "true",
        "compression.type": "lz4",
        "linger.ms": "5",
        "batch.size": "262144",
        "buffer.memory": str(8 * config.kafka.max_message_bytes),
        "max.request.size": str(config.kafka.max_message_bytes),
        "delivery.timeout.ms": "600000",
    }


def read(
    job: Job, name: str, topics: Sequence[str], group: str, *, fetch: Fetch = SHARDS, watermark: bool = False
) -> Any:
    """Read topics from their beginning, or from where a checkpoint was; return the JVM's stream of records.

    Args:
        job: the job under construction.
        name: of the source, and its uid.
        topics: what is read.
        group: whose offsets are committed with each checkpoint, for who looks at the lag.
        fetch: how the broker is asked.
        watermark: whether each partition has a watermark, ``BOUND_MS`` behind its newest record. The source's is the
            least of them. A partition that is silent for ``flink.idle_after_s`` does not hold up the others.
    """
    bound = BOUND_MS if watermark else _NO_WATERMARK
    idle = round(1000 * job.settings.flink.idle_after_s)
    properties = consumer(job.settings, fetch)
    names, reach = _reach(job, topics)
    return _topics().read(_env(job), name, names, properties, group + job.settings.flink.suffix, bound, idle, reach)


def tail(job: Job, name: str, contract: str, columns: str, group: str, *, fetch: Fetch) -> Any:
    """Read the topic of a contract of analytics as `read` does; return the JVM's stream of its ``columns``.

    The ids of values are the pinned ones, whether or not a registry is configured (law 2).
    """
    values = get_gateway().jvm.io.polyglot.avro.PinnedValues.of(str(FOLDER), contract, columns)
    (topic,), reach = _reach(job, [catalog.topic(contract)])
    properties, group = consumer(job.settings, fetch), group + job.settings.flink.suffix
    return _topics().decoded(_env(job), name, topic, properties, group, values, reach)


def write(job: Job, records: Any, name: str) -> None:
    """Write the JVM's stream of records (see ``operators.blocks.unpacked``) to the topics that they name."""
    prefix = job.replay.prefix if job.replay else ""
    _topics().write(records, name, producer(job.settings), GUARANTEE, prefix)


def _reach(job: Job, topics: Sequence[str]) -> tuple[list[str], Any]:
    """Return the topics as the broker knows them, and where they are read from and to."""
    reach = get_gateway().jvm.io.polyglot.blocks.Reach
    if job.replay is None:
        return list(topics), reach.bounded("") if job.settings.flink.bounded else reach.live()
    prefix = job.replay.prefix
    found = reach.bounded(prefix)
    for part in job.replay.parts_of(topics):
        found = found.part(*part)
    return [prefix + topic for topic in topics], found


def _env(job: Job) -> Any:
    return job.stream._j_stream_execution_environment  # noqa: SLF001


def _topics() -> JavaClass:
    return get_gateway().jvm.io.polyglot.blocks.Topics
