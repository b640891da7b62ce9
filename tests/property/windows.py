"""The windows of the analytics job: the real operator and the real fold, with the sources' watermarks as Flink's are.

Each partition has one, 1 s behind its newest event; the sources' is the least of those that are not idle, and never
goes back. A restart forgets it.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

from property.flink import FoldJob
from property.model import HORIZON, LENGTHS, SKEW
from support.blocks import NO_WATERMARK
from support.blocks import rows as unpacked

from flink_jobs.analytics import windows
from flink_jobs.operators.fold import ShardFold
from schemas.quality import default_quality
from udfs.kernels.slices import Slices
from udfs.windows.definition import BARS, QUOTE_BARS
from udfs.windows.partial import batch_fold, finished

INTERVALS = {"trade": tuple(LENGTHS), "quote": ("1s",)}
DEFINITIONS = {"trade": BARS, "quote": QUOTE_BARS}
#: The watermark is so far behind the newest event.
BOUND_MS = 1_000
#: A watermark that is further ahead of an entity's newest event than this leaves it to ticks, µs.
FAR = HORIZON + SKEW
#: Two ticks, and more than the rest of what one cannot tell at once.
TICKS_MS = 5_000


class Window(NamedTuple):
    """A key of the windows; times in µs."""

    entity: str
    interval: str
    start: int

    @property
    def end(self) -> int:
        return self.start + LENGTHS[self.interval]


def windows_of(kind: str, row: dict[str, Any]) -> list[Window]:
    """Return the windows that a normalized record lies in."""
    return [
        Window(row["entity_id"], interval, row["event_time"] // LENGTHS[interval] * LENGTHS[interval])
        for interval in INTERVALS[kind]
    ]


class Published(NamedTuple):
    """A record of a topic."""

    topic: str
    value: bytes


class WindowJob:
    """One kind's windows over the partitions of its normalized topic."""

    def __init__(self, kind: str, partitions: int) -> None:
        self.kind = kind
        self.topic = f"normalized.{kind}.v1"
        work = windows(DEFINITIONS[kind], default_quality())
        self._job = FoldJob(lambda: ShardFold(work))
        self._partitions = partitions
        self._forget()
        self._shard: dict[str, int] = {}
        #: Windows that the last block must have told.
        self.due: set[Window] = set()
        #: What was said and nobody has looked at yet.
        self.out: list[Published] = []
        #: Records read so far, of each window; the newest event of each entity, µs; which records there were, for a
        #: producer may send one twice. As of the last checkpoint besides.
        self.taken: Counter[Window] = Counter()
        self.newest: dict[str, int] = {}
        self._seen: set[bytes] = set()
        self._saved = (self.taken.copy(), self.newest.copy(), self._seen.copy())

    def _forget(self) -> None:
        self.watermark_ms = NO_WATERMARK
        self._said: dict[int, int] = {}  # watermark that a shard's last block said
        self._watermarks: dict[int, int] = {}
        self._idle: set[int] = set()

    @property
    def offsets(self) -> dict[int, int]:
        return {partition: at for (_, partition), at in self._job.offsets.items()}

    def read(self, partition: int, records: list[tuple[dict[str, Any], bytes]]) -> None:
        """Take the next records of a partition, as one block."""
        if not records:
            return
        fed = set()
        for row, value in records:
            if value not in self._seen:
                self._seen.add(value)
                fed.update(windows_of(self.kind, row))
                self.taken.update(windows_of(self.kind, row))
            self._shard[row["entity_id"]] = partition
            self.newest[row["entity_id"]] = max(self.newest.get(row["entity_id"], 0), row["event_time"])
        self._idle.discard(partition)
        newest = max(row["event_time"] for row, _ in records) // 1_000 - BOUND_MS
        self._watermarks[partition] = max(self._watermarks.get(partition, NO_WATERMARK), newest)
        awake = [
            self._watermarks.get(number, NO_WATERMARK) for number in range(self._partitions) if number not in self._idle
        ]
        self.watermark_ms = max(self.watermark_ms, min(awake))
        before, self._said[partition] = self._said.get(partition, NO_WATERMARK), self.watermark_ms
        self.due = {window for window in self.taken if self._is_due(window, partition, before, fed)}
        self._say([self._job.fold(partition, {self.topic: [value for _, value in records]}, self.watermark_ms)])

    def idle(self, partition: int) -> None:
        """Let a partition be without records for so long that the others go on without it."""
        self._idle.add(partition)

    def wait(self) -> None:
        """Let ticks come until nothing waits."""
        self._say(self._job.wait(TICKS_MS))

    def end(self) -> None:
        """Let the input end."""
        self._say(self._job.end())

    def checkpoint(self) -> None:
        self._job.checkpoint()
        self._saved = (self.taken.copy(), self.newest.copy(), self._seen.copy())

    def crash(self) -> None:
        """Lose everything since the last checkpoint, and begin again there."""
        self.due.clear()
        self._job.crash()
        self.taken, self.newest, self._seen = (each.copy() for each in self._saved)
        self._forget()

    def rescale(self, parallelism: int) -> None:
        """Stop with a savepoint, and go on with so many tasks."""
        self.checkpoint()
        self._job.rescale(parallelism)
        self._forget()

    def _is_due(self, window: Window, partition: int, before: int, fed: set[Window]) -> bool:
        """Tell whether a block's watermark must make the fold tell a window: it has just passed it, or it changed."""
        mark = 1_000 * self.watermark_ms
        if self._shard[window.entity] != partition or not window.end <= mark <= self.newest[window.entity] + FAR:
            return False
        return window in fed or 1_000 * before < window.end

    def _say(self, outs: list[list[Any]]) -> None:
        for (reply,) in outs:
            self.out += [Published(topic, value) for topic, _, _, value in unpacked(reply)]


def rebuild(kind: str, values: list[bytes]) -> list[bytes]:
    """Fold records, each once, in one go and finish all windows, as a replay does."""
    fold = batch_fold(DEFINITIONS[kind])
    fold.fold(f"normalized.{kind}.v1", Slices.of(list(dict.fromkeys(values))))
    return [value for results in finished(fold) for value in results.wire().tolist()]
