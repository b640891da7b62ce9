"""As much of Flink as a ShardFold needs: keyed state and timers, tasks that share the keys, checkpoints, rescaling.

The operator is the real one; so are the blocks that go in and what comes out. What is written here is Flink's side of
it: a marker goes before each checkpoint; a crash drops all tasks, restores state and timers of the last checkpoint and
reads the log again from its offsets, so that what was written after it is written once more.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from pyflink.datastream import TimeDomain
from support.blocks import NO_WATERMARK, Record, block

from flink_jobs.fold_accounts import BALANCE, RECORDS_IN
from flink_jobs.operators.fold import ShardFold
from schemas.versions import PARAMETER, Schedule, pack

Shard = tuple[str, int]  # topic, partition
Fields = list[Any]  # of a row that comes out, without its account and the message of a stop


@dataclass
class _Keyed:
    """What a key has: the entries of its map state, and the times of its timers."""

    entries: dict[str, bytes] = field(default_factory=dict)
    timers: dict[TimeDomain, set[int]] = field(
        default_factory=lambda: {TimeDomain.PROCESSING_TIME: set(), TimeDomain.EVENT_TIME: set()}
    )


class _Task:
    """One parallel instance of the operator, with the keys that are its own; also all that it asks of Flink."""

    def __init__(self, job: FoldJob, keyed: dict[int, _Keyed]) -> None:
        self.keyed = keyed
        self._job = job
        self._key = -1
        self._domain = TimeDomain.PROCESSING_TIME
        self._operator = job.make()
        self._operator.open(self)
        self._counters = self._operator._work.counters
        self._nothing = list(self._operator._work.emit([]))

    @property
    def _current(self) -> _Keyed:
        return self.keyed.setdefault(self._key, _Keyed())

    # --- runtime context, state, context and timer service

    def get_job_parameter(self, name: str, default: str) -> str:
        return pack(self._job.schedule.text()) if name == PARAMETER else default

    def get_map_state(self, descriptor: Any) -> _Task:
        return self

    def items(self) -> list[tuple[str, bytes]]:
        return list(self._current.entries.items())

    def put(self, key: str, value: bytes) -> None:
        self._current.entries[key] = value

    def remove(self, key: str) -> None:
        del self._current.entries[key]

    def timer_service(self) -> _Task:
        return self

    def time_domain(self) -> TimeDomain:
        return self._domain

    def get_current_key(self) -> tuple[str]:
        return (f"{self._key}/0",)

    def current_processing_time(self) -> int:
        return self._job.clock_ms

    def register_processing_time_timer(self, time: int) -> None:
        self._current.timers[TimeDomain.PROCESSING_TIME].add(time)

    def register_event_time_timer(self, time: int) -> None:
        self._current.timers[TimeDomain.EVENT_TIME].add(time)

    # --- what Flink does

    def process(self, partition: int, element: bytes) -> list[Fields]:
        self._key = partition
        return self._fields(self._operator.process_element(element, self))

    def mark(self, partition: int) -> list[Fields]:
        """Process the marker before a checkpoint; a row that brings but an account is left out."""
        return [fields for fields in self.process(partition, block(partition, [])) if fields != self._nothing]

    def next_timer(self) -> int:
        """Return when the next processing-time timer is due."""
        times = [time for its in self.keyed.values() for time in its.timers[TimeDomain.PROCESSING_TIME]]
        return min(times, default=1 << 62)

    def fire(self, domain: TimeDomain, until: int) -> list[Fields]:
        """Fire the timers of a domain that are due at ``until``, and those that they set."""
        out = []
        self._domain = domain
        for key, its in list(self.keyed.items()):
            self._key = key
            while due := [time for time in its.timers[domain] if time <= until]:
                its.timers[domain].remove(min(due))
                out += self._fields(self._operator.on_timer(min(due), self))
        return out

    def _fields(self, rows: Any) -> list[Fields]:
        found = []
        for *fields, account, message in rows:
            assert message is None, "no rule of these tests stops the job"
            self._job.count(self._counters, account)
            found.append(fields)
        return found


class FoldJob:
    """A job that folds topics' partitions."""

    def __init__(self, make: Callable[[], ShardFold], schedule: Schedule | None = None) -> None:
        self.make, self.schedule = make, schedule or Schedule()
        #: What was counted since the beginning, or since the last crash or rescaling, by name; bytes of state.
        self.counts: Counter[str] = Counter()
        self.state_bytes = 0
        self.clock_ms = 0
        self.offsets: dict[Shard, int] = {}
        self._parallelism = 1
        self._saved: tuple[dict[int, _Keyed], dict[Shard, int]] = ({}, {})
        self._restore()

    def _restore(self) -> None:
        keyed, self.offsets = deepcopy(self._saved)
        shares = [
            {key: its for key, its in keyed.items() if key % self._parallelism == n} for n in range(self._parallelism)
        ]
        self.counts.clear()
        self._tasks = [_Task(self, share) for share in shares]

    def count(self, names: Sequence[str], account: bytes) -> None:
        """Take an account as the JVM does; each record that came must be in it as one thing."""
        self.state_bytes, _, *counts = struct.unpack(f"<{2 + len(names)}q", account)
        rise = dict(zip(names, counts, strict=True))
        assert rise[RECORDS_IN] == sum(rise.get(name, 0) for name in BALANCE), rise
        assert min(counts) >= 0, rise
        self.counts.update(rise)

    def _task(self, partition: int) -> _Task:
        return self._tasks[partition % self._parallelism]

    def checkpoint(self) -> list[Fields]:
        """Save state, timers and offsets together; return what was kept back for this moment."""
        out = []
        for partition in {partition for _, partition in self.offsets}:
            out += self._task(partition).mark(partition)
        keyed = {key: its for task in self._tasks for key, its in task.keyed.items()}
        self._saved = deepcopy((keyed, self.offsets))
        return out

    def crash(self) -> None:
        """Lose everything since the last checkpoint, and begin again there."""
        self._restore()

    def rescale(self, parallelism: int) -> None:
        """Stop with a savepoint of what was saved just now, and go on with another number of tasks."""
        assert self.checkpoint() == []
        self._parallelism = parallelism
        self._restore()

    def fold(self, partition: int, parts: dict[str, Sequence[bytes]], watermark_ms: int = NO_WATERMARK) -> Fields:
        """Hand one block of a partition's topics to its task, with a watermark; return the fields that come out."""
        (fields,) = self.fold_all(partition, parts, watermark_ms)
        return fields

    def fold_all(
        self, partition: int, parts: dict[str, Sequence[bytes]], watermark_ms: int = NO_WATERMARK
    ) -> list[Fields]:
        """As `fold`, for an operator that may hand on several rows."""
        records = []
        for topic, values in parts.items():
            at = self.offsets.get((topic, partition), 0)
            records += [(topic, offset, 0, value) for offset, value in enumerate(values, at)]
            self.offsets[topic, partition] = at + len(values)
        return self.records_all(partition, records, watermark_ms)

    def fold_records(self, partition: int, records: Sequence[Record], watermark_ms: int = NO_WATERMARK) -> Fields:
        """Hand records over as they are, with their offsets and times."""
        (fields,) = self.records_all(partition, records, watermark_ms)
        return fields

    def records_all(self, partition: int, records: Sequence[Record], watermark_ms: int = NO_WATERMARK) -> list[Fields]:
        """As `fold_records`, for an operator that may hand on several rows."""
        return self._task(partition).process(partition, block(partition, records, watermark_ms))

    def saved_entries(self) -> list[bytes]:
        """Return the entries of all keys' logs, as of the last checkpoint."""
        return [entry for its in self._saved[0].values() for entry in its.entries.values()]

    def wait(self, ms: int) -> list[Fields]:
        """Let the clock go on, timer by timer; return what comes of it."""
        end, out = self.clock_ms + ms, []
        while self.clock_ms < end:
            timers = [task.next_timer() for task in self._tasks]
            self.clock_ms = max(self.clock_ms, min([end, *timers]))
            out += [fields for task in self._tasks for fields in task.fire(TimeDomain.PROCESSING_TIME, self.clock_ms)]
        return out

    def end(self) -> list[Fields]:
        """Let the input end."""
        return [fields for task in self._tasks for fields in task.fire(TimeDomain.EVENT_TIME, (1 << 63) - 1)]
