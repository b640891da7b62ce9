"""Answers to repair requests: bounded replays, of which the bars are published that the requests are about.

A repaired bar has the version of the set that is behind it, so consumers take it if it knows more than what they have,
and drop it if they have it: doing this twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as fn

from batch.publishing.publish import publish
from batch.repair.requests import Task
from batch.replaying.replay import BAR_OF, replay
from batch.spark.bronze import of_entities
from schemas.quality import Quality
from schemas.versions import Schedule


@dataclass(frozen=True)
class Answered:
    """A task and what was published for it, by kind of record; `events` were replayed in `seconds`."""

    task: Task
    published: dict[str, int]
    events: int
    seconds: float

    @property
    def days(self) -> int:
        found = self.task.span.event_days()
        return 0 if found.first is None or found.last is None else found.last - found.first + 1

    @property
    def windows(self) -> int:
        return len(self.task.windows) + len(self.task.exact)

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.task.kind,
            "entities": list(self.task.entities),
            **self.task.span.as_json(),
            "windows": self.windows,
            "published": self.published,
            "events": self.events,
            "seconds": self.seconds,
        }


def answer(
    spark: SparkSession,
    lake_uri: str,
    scratch: Path,
    kafka: Mapping[str, Any],
    tasks: Sequence[Task],
    say: Callable[[str], None] = lambda _: None,
    quality: Quality | None = None,
    schedule: Schedule | None = None,
) -> list[Answered]:
    """Replay and publish every task; `scratch` is a local folder (replaced), `kafka` are librdkafka properties.

    Raises:
        BronzeError: no Bronze.
        BalanceError: a kernel lost records.
        PublishError: the broker did not take a record.
    """
    done = []
    for number, task in enumerate(tasks, start=1):
        span = task.span.as_json()
        say(f"{number} of {len(tasks)}: {len(task.entities)} entities' {task.kind}s, {span['from']} to {span['to']}")
        found = replay(
            spark, lake_uri, scratch, task.span, task.entities, kinds=(task.kind,), quality=quality, schedule=schedule
        )
        sent = publish(spark, found.out, kafka, (BAR_OF[task.kind],), partial(_touched, spark, task))
        if task.lost:
            sent |= publish(spark, found.out, kafka, (task.kind,), partial(of_entities, entity=task.lost))
        done.append(Answered(task, sent, found.events, found.seconds["total"]))
    return done


def _touched(spark: SparkSession, task: Task, bars: DataFrame) -> DataFrame:
    """Return the bars that overlap one of the task's windows, or are one that was named itself."""
    named = [(*window, False) for window in task.windows] + [(*window, True) for window in task.exact]
    windows = spark.createDataFrame(named, "entity STRING, a BIGINT, b BIGINT, exact BOOLEAN")
    start, end, a, b = (fn.col(name) for name in ("window_start", "window_end", "a", "b"))
    same = fn.when(fn.col("exact"), (start == a) & (end == b)).otherwise((start < b) & (end > a))
    return bars.join(fn.broadcast(windows), (fn.col("entity_id") == fn.col("entity")) & same, "left_semi")
