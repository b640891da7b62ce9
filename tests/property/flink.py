"""As much of Flink as a ShardFold needs: keyed list state, tasks that share the keys, checkpoints, crashes, rescaling.

The operator is the real one; so are the blocks that go in and what comes out. What is written here is Flink's side of
it: a marker goes before each checkpoint; a crash drops all tasks, restores the state of the last checkpoint and reads
the log again from its offsets, so that what was written after it is written once more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

from support.blocks import block

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

    def process(self, partition: int, element: bytes) -> list[Any]:
        self.state.key = partition
        return list(self._operator.process_element(element, None))


class FoldJob:
    """A job that folds the raw topics' partitions."""

    def __init__(self, make: Callable[[], ShardFold]) -> None:
        self._make = make
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

    def _process(self, partition: int, element: bytes) -> list[Any]:
        return self._tasks[partition % self._parallelism].process(partition, element)

    def checkpoint(self) -> None:
        """Save state and offsets together."""
        for partition in {partition for _, partition in self.offsets}:
            assert self._process(partition, block(partition, [])) == []
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

    def fold(self, partition: int, parts: dict[str, Sequence[bytes]]) -> list[Any]:
        """Hand one block of a partition's topics to its task; return the fields that come out."""
        records = []
        for topic, values in parts.items():
            at = self.offsets.get((topic, partition), 0)
            records += [(topic, offset, 0, value) for offset, value in enumerate(values, at)]
            self.offsets[topic, partition] = at + len(values)
        ((*fields, message),) = self._process(partition, block(partition, records))
        assert message is None, "no rule of these tests stops the job"
        return fields
