"""Scenarios: what is fed to one stack that all of them share, and what must have become of it.

A stack with its jobs, a drain and a verification take minutes, however little was fed. So all scenarios feed first,
then there is one drain and one verification, and then each looks at its own part. A scenario is a test class::

    class TestTwoTrades(Scenario):
        def feed(self, stack, folder):
            path = write(folder / "two.gz", [...])
            stack.json("feed", "sim", "--capture", str(path))

        def test_both_are_in_one_bar(self, outcome):
            assert outcome.bars("sim:TWOUSDT")["1d", DAY]["trade_count"] == 2

It owns its instruments, or its days of an instrument: nobody else feeds them, and it asserts nothing about others'.
What needs other settings, stops jobs or looks at an empty stack is no scenario and has a stack of its own.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from support.stack import Stack
from support.topics import records

_Key = TypeVar("_Key")
#: (interval, window start in µs) → bar.
Bars = dict[tuple[str, int], dict[str, Any]]


class Scenario:
    """Base of scenarios; see the module."""

    #: Scenarios feed in this order, those of one number in that of their files.
    order = 0

    def feed(self, stack: Stack, folder: Path) -> None:
        """Feed what is the scenario's own; ``folder`` is empty and its own, too.

        It may leave what it wants to remember in the class. Nothing is drained when it returns.
        """
        raise NotImplementedError


@dataclass
class Outcome:
    """The shared stack after everything was fed, drained and verified.

    ``drained`` and ``verified`` are the documents of `polyglot drain` and `polyglot verify`, ``passed`` is what the
    latter's exit code says. Topics are read once.
    """

    stack: Stack
    drained: dict[str, Any]
    verified: dict[str, Any]
    passed: bool
    _read: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def records(self, topic: str, contract: str, *entities: str) -> list[dict[str, Any]]:
        """Return a topic's records (of these entities), each partition in order, times in µs."""
        if topic not in self._read:
            self._read[topic] = records(self.stack.settings.kafka.bootstrap_servers, topic, contract)
        return [one for one in self._read[topic] if not entities or one["entity_id"] in entities]

    def events(self, kind: str, *entities: str) -> dict[str, dict[str, Any]]:
        """Return the normalized records of a kind by their event ids: copies of a delivery are one."""
        return {one["event_id"]: one for one in self.records(f"normalized.{kind}.v1", kind, *entities)}

    def bars(self, entity: str) -> Bars:
        """Return the latest version of each of an instrument's bars."""
        found = self.records("analytics.bar.v1", "bar", entity)
        return latest(found, lambda bar: (bar["interval"], bar["window_start"]))

    def quote_bars(self, entity: str) -> dict[int, dict[str, Any]]:
        """Return the latest version of each of an instrument's quote bars by its window start, µs."""
        return latest(self.records("analytics.quote_bar.v1", "quote_bar", entity), lambda bar: bar["window_start"])

    def ask(self, query: str, limit: int = 1_000_000) -> list[list[Any]]:
        """Return the rows of a query to ClickHouse."""
        return self.stack.json("query", query, "--limit", str(limit))["rows"]


def latest(rows: Iterable[dict[str, Any]], key: Callable[[dict[str, Any]], _Key]) -> dict[_Key, dict[str, Any]]:
    """Return the highest version by key; demands that a version is written with one content alone.

    Versions may fall in a topic: a scenario kills what writes it, and a checkpoint is behind what was written.
    """
    versions: dict[_Key, dict[int, dict[str, Any]]] = {}
    for row in rows:
        same = versions.setdefault(key(row), {}).setdefault(row["version"], row)
        assert same == row, (same, row)
    return {which: found[max(found)] for which, found in versions.items()}


def write(path: Path, lines: Iterable[bytes]) -> Path:
    """Write a capture: lines of ``<receive time in ns> <frame>``."""
    with gzip.open(path, "wb", 1) as out:
        out.writelines(line if line.endswith(b"\n") else line + b"\n" for line in lines)
    return path
