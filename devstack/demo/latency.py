"""Latency as a consumer sees it: when a record is readable in ``raw.*``, and when what became of it is readable."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Collection, Sequence
from types import TracebackType
from typing import Self

from confluent_kafka import Consumer, TopicPartition

from runtime.config import Settings
from runtime.offsets import OffsetReader
from schemas import catalog
from schemas.domains import domains

NORMALIZED = tuple(catalog.topic(kind) for kind in catalog.NORMALIZED)
_HEADER = 5
_WAIT_MS = 10
_NONE: dict[str, None] = dict.fromkeys(("p50", "p99", "max"))


def event_id(value: bytes) -> str:
    """Return the first field of a wire value, which is the event id in the envelope and in all normalized kinds."""
    length = shift = 0
    at = _HEADER
    while True:
        byte = value[at]
        at += 1
        length |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
    length >>= 1  # zigzag; a length is never negative
    return value[at : at + length].decode()


def percentiles(waits: Sequence[float]) -> dict[str, float | int]:
    """Return p50, p99 and max of waits in ms (at least one), with one decimal."""
    ordered = sorted(waits)

    def pick(q: float) -> float:
        return round(ordered[min(len(ordered) - 1, int(q * len(ordered)))], 1)

    return {"p50": pick(0.50), "p99": pick(0.99), "max": round(ordered[-1], 1)}


class LatencyProbe:
    """Follow the raw topics of ``venues`` and the normalized topics from their present ends; match by event id.

    Both ends are watched by one consumer in one process, so that no two clocks are compared. It sees a record up to
    ``_WAIT_MS`` late, on either side: the pipeline shares its cores with what measures it, and asking for all venues'
    partitions whenever a byte is there takes twice the time.
    """

    def __init__(self, settings: Settings, venues: Collection[str]) -> None:
        self._settings = settings
        self._venues = venues
        self._seen: dict[str, float] = {}
        self._waits: list[tuple[float, float]] = []  # when it was readable in raw.*, s; for how many ms it was awaited
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="latency", daemon=True)
        self._failure: Exception | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(30)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(30)
        if self._failure and value is None:
            raise self._failure

    def _run(self) -> None:
        try:
            self._follow()
        except Exception as error:  # noqa: BLE001 - handed to the thread that waits
            self._failure = error
        finally:
            self._ready.set()

    def _follow(self) -> None:
        raw = domains().raw_topics(normalized_only=True, venues=self._venues)
        ends = OffsetReader(self._settings).ends([*raw, *NORMALIZED])
        consumer = Consumer({
            **self._settings.kafka.librdkafka(),
            "group.id": f"polyglot-latency-{uuid.uuid4()}",
            "enable.auto.commit": False,
            "fetch.wait.max.ms": _WAIT_MS,
            "fetch.min.bytes": 64 * 1024,
        })  # fmt: skip
        consumer.assign([TopicPartition(topic, partition, end) for (topic, partition), end in ends.items()])
        self._ready.set()
        try:
            while not self._stop.is_set():
                batch = consumer.consume(2000, 0.01)
                now = time.monotonic()
                for message in batch:
                    if message.error() is None:
                        self._note(message.topic(), message.value(), now)
        finally:
            consumer.close()

    def _note(self, topic: str, value: bytes, now: float) -> None:
        key = event_id(value)
        if topic.startswith("raw."):
            self._seen.setdefault(key, now)
        elif (began := self._seen.pop(key.split("#", 1)[0], None)) is not None:
            self._waits.append((began, (now - began) * 1000))

    @property
    def matched(self) -> int:
        """Return how many records were matched so far."""
        return len(self._waits)

    def percentiles(self, after_s: float = 0.0, *, since: float = 0.0) -> dict[str, float | int | None]:
        """Return p50, p99 and max in ms, and how many records were matched; without the feed's first ``after_s``.

        With ``since``, a time on the monotonic clock, of the records that were readable in ``raw.*`` from then on.
        Where no record is left, the times are None.
        """
        waits = [wait for wait in self._waits.copy() if wait[0] >= since]
        settled = min((began for began, _ in waits), default=0.0) + after_s
        values = [millis for began, millis in waits if began >= settled]
        return {**(percentiles(values) if values else _NONE), "matched": len(values)}
