"""As much of Flink as a ShardFold needs: keyed list state, tasks that share the keys, checkpoints, crashes, rescaling.

The operator is the real one; so are the rows that go in and come out. What is written here is Flink's side of it: a
crash drops all tasks, restores the state of the last checkpoint and reads the log again from its offsets, so that what
was written after it is written once more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

from pyflink.common import Row

from flink_jobs.shards import ShardFold

Place = tuple[str, int]  # topic, partition


class _ListState:
    """A ListState of the current key."""

    def __init__(self, keyed: dict[int, list[bytes]]) -> None:
        self.keyed = keyed
        self.key = -1

    def get(self) -> list[bytes]:
        return list(self.keyed.get(self.key, ()))

    def add_all(self, values: list[bytes]) -> None:
        self.keyed.setdefault(self.key, []).extend(values)

    def update(self, values: list[bytes]) -> None:
        self.keyed[self.key] = list(values)


class _Task:
    """One parallel instance of the operator, with the keys that are its own."""

    def __init__(self, make: Callable[[], ShardFold], keyed: dict[int, list[bytes]]) -> None:
        self.state = _ListState(keyed)
        self._operator = make()
        self._operator.open(self)

    def get_list_state(self, descriptor: Any) -> _ListState:
        return self.state

    def process(self, partition: int, element: Row) -> Row:
        self.state.key = partition
        (out,) = self._operator.process_element(element, None)
        return out


class FoldJob:
    """A job that folds the raw topics' partitions; ``columns`` makes an element's columns of (offset, value) pairs."""

    def __init__(
        self, make: Callable[[], ShardFold], columns: Callable[[Sequence[tuple[int, bytes]]], list[Any]]
    ) -> None:
        self._make, self._columns = make, columns
        self._parallelism = 1
        self.offsets: dict[Place, int] = {}
        self._saved: tuple[dict[int, list[bytes]], dict[Place, int]] = ({}, {})
        self._restore()

    def _restore(self) -> None:
        keyed, self.offsets = deepcopy(self._saved)
        shares = [
            {key: log for key, log in keyed.items() if key % self._parallelism == n} for n in range(self._parallelism)
        ]
        self._tasks = [_Task(self._make, share) for share in shares]

    def checkpoint(self) -> None:
        """Save state and offsets together."""
        keyed = {key: log for task in self._tasks for key, log in task.state.keyed.items()}
        self._saved = deepcopy((keyed, self.offsets))

    def crash(self) -> None:
        """Lose everything since the last checkpoint, and begin again there."""
        self._restore()

    def rescale(self, parallelism: int) -> None:
        """Stop with a savepoint, and go on with another number of tasks."""
        self.checkpoint()
        self._parallelism = parallelism
        self._restore()

    def fold(self, partition: int, parts: dict[str, Sequence[bytes]]) -> list[list[list[Any]]]:
        """Hand one micro-batch of a partition's topics to its task; return each output table's rows."""
        topics: list[str] = []
        records: list[tuple[int, bytes]] = []
        for topic, values in parts.items():
            at = self.offsets.get((topic, partition), 0)
            topics += [topic] * len(values)
            records += zip(range(at, at + len(values)), values, strict=True)
            self.offsets[topic, partition] = at + len(values)
        element = Row(partition, topics, *self._columns(records))
        *tables, message = self._tasks[partition % self._parallelism].process(partition, element)
        assert message is None, "no rule of these tests stops the job"
        return [[row.values for row in table] for table in tables]
