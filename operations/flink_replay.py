"""A replay by Flink: the live jobs, bounded, over parts of the raw log and into topics of their own.

Bronze says which parts of the log hold the range (`batch.replaying.log_parts`). Parts that Kafka still has are read
where they are; others are copied from Bronze's files into topics of the same partitions first. What the jobs wrote is
collected as the files that Spark's replay writes. Then the replay's own topics go.

Whoever replays holds a lock on the order. An order whose lock is free is that of a replay that was killed: the next one
cleans up behind it.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import Literal

from batch.publishing.log_copy import copy
from batch.ranges import Span
from batch.replaying.log_parts import LogParts, find
from batch.replaying.log_results import WRITTEN, collect
from batch.replaying.replay import Replayed
from batch.replaying.steps import ShardKey
from batch.spark.session import SparkSession
from batch.spark.topics import Broker, extents
from operations import bounded
from operations.scratch_topics import create, delete
from runtime.config import Settings
from runtime.console import CommandError, Console, Exit
from runtime.flink_rest import FlinkRest
from runtime.layout import Layout
from runtime.replay_order import NAMED, ReplayOrder, prefix
from schemas.versions import Schedule, VersionError

#: Where the raw records are read from: from Kafka as far as it has them, all from Kafka, or all from Bronze.
Source = Literal["auto", "kafka", "bronze"]


def replay(
    settings: Settings,
    console: Console,
    spark: SparkSession,
    out: Path,
    span: Span,
    entity: str | None = None,
    *,
    schedule: Schedule,
    source: Source = "auto",
    timeout_s: float = 3600.0,
) -> Replayed:
    """Recompute a range by Flink into `out`, a folder that is replaced; see `batch.replaying.replay.replay`.

    `schedule` says which versions of behaviour hold where in the log.

    Raises:
        BronzeError, BrokerError: there is no Bronze table, or no broker.
        PublishError: the broker took something not that was copied from Bronze.
        BalanceError: the windows lack something.
        CommandError: Kafka has not all that was to be read from it, what must be read from Bronze holds frames of
            several versions, or a job failed or did not end in time.
    """
    began = time.perf_counter()
    sweep(settings)
    console.info("looking for the range in Bronze")
    parts = find(spark, settings.lake_uri, span, entity)
    seconds: dict[str, float] = {}
    with _held(settings) as path:
        own = prefix(path.stem)
        create(settings, own, WRITTEN)
        if parts.shards:
            gone = _gone(settings, parts, source)
            holds = _told(schedule, {key: parts.shards[key] for key in gone})
            placed = _placed(settings, console, spark, parts, own, entity, gone)
            path.write_text(ReplayOrder(path.stem, placed, parts.copies).document())  # in place: the lock is on it
            for job in bounded.JOBS:
                begun = time.perf_counter()
                bounded.run(settings, console, job, timeout_s, replay=path, holds=holds)
                seconds[job] = round(time.perf_counter() - begun, 3)
        console.info("collecting what the jobs wrote")
        result = collect(spark, _broker(settings), own, out, span, entity)
    result.read = parts.rows
    result.seconds = {**seconds, "total": round(time.perf_counter() - began, 3)}
    return result


def _gone(settings: Settings, parts: LogParts, source: Source) -> set[ShardKey]:
    """Return the parts that are to be read from Bronze.

    Raises:
        CommandError: all is to be read from Kafka, which has not all of it.
    """
    if source == "bronze":
        return set(parts.shards)
    there = parts.kept(extents(_broker(settings), sorted({topic for topic, _ in parts.shards})))
    gone = set(parts.shards) - there
    if source == "kafka" and gone:
        names = ", ".join(f"{topic}/{partition}" for topic, partition in sorted(gone))
        raise CommandError(f"Kafka has no longer all of {names}", hint="read those from Bronze: --source auto")
    return gone


def _told(schedule: Schedule, copied: Mapping[ShardKey, tuple[int, int]]) -> Schedule:
    """Return which versions hold where in what the jobs read: copies have offsets of their own.

    Raises:
        CommandError: a part that is copied holds frames of several versions.
    """
    try:
        return schedule.of_copies(copied)
    except VersionError as error:
        raise CommandError(
            f"{error}, and Flink reads copies of it from Bronze, which have other offsets",
            hint="replay it by Spark: --engine spark; or from Kafka, if that still has it: --source auto",
            code=Exit.USAGE,
        ) from None


def _placed(
    settings: Settings,
    console: Console,
    spark: SparkSession,
    parts: LogParts,
    own: str,
    entity: str | None,
    gone: set[ShardKey],
) -> dict[str, list[tuple[int, int, int]]]:
    """Return which parts of which topics hold the range; those that are gone are copied from Bronze."""
    broker = _broker(settings)
    found: dict[str, list[tuple[int, int, int]]] = {}
    for topic, partition in sorted(set(parts.shards) - gone):
        found.setdefault(topic, []).append((partition, *parts.shards[topic, partition]))
    if gone:
        topics = sorted({topic for topic, _ in gone})
        console.info(f"copying {', '.join(topics)} from Bronze")
        create(settings, own, topics)
        for work in parts.only(gone):
            copy(spark, work, entity, broker.librdkafka, own)
        for name, extent in extents(broker, [own + topic for topic in topics]).items():
            found[name] = [(partition, extent.begin[partition], end) for partition, end in extent.end.items()]
    return found


def _broker(settings: Settings) -> Broker:
    return Broker(settings.kafka.librdkafka(), settings.kafka.java())


def sweep(settings: Settings) -> list[str]:
    """Cancel the jobs and delete the topics of replays that were killed; return their names."""
    found = []
    for path in sorted(_orders(settings).glob(f"{NAMED}*.json")):
        with path.open() as order:
            try:
                fcntl.flock(order, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            _clean(settings, path)
            found.append(path.stem)
    return found


def _clean(settings: Settings, path: Path) -> None:
    """Cancel what still runs of a replay, and delete its topics and its order."""
    with FlinkRest(settings.flink.url) as rest:
        for job in rest.jobs(live=True):
            if job.name.endswith(f"-{path.stem}"):
                rest.cancel(job.id)
    delete(settings, prefix(path.stem))
    path.unlink(missing_ok=True)


@contextmanager
def _held(settings: Settings) -> Iterator[Path]:
    """Yield the place of a new order, and hold its lock; clean up at the end, whatever has happened.

    If that fails, because a service is away, the order stays, and the next replay does it.
    """
    path = _orders(settings) / f"{NAMED}{token_hex(4)}.json"
    lock = path.open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield path
    finally:
        try:
            _clean(settings, path)
        finally:
            lock.close()


def _orders(settings: Settings) -> Path:
    folder = Layout.at(settings.var_dir).var / "replays"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
