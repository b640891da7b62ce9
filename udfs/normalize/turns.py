"""By which version of normalization, and by whose data-quality rules, frames are judged: their offsets decide."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np

from schemas.quality import Quality, parse
from schemas.versions import Schedule, Turn
from udfs.gate.topic_rules import Rules
from udfs.kernels.slices import Longs
from udfs.normalize.acceptance import RARE
from udfs.quality.column_rules import QualityGate
from udfs.quality.row_rules import RareGate

FAMILY = "normalize"


@dataclass(frozen=True)
class Gates:
    """The data-quality rules of a topic's target: over columns, and over rare rows."""

    columns: QualityGate
    rare: RareGate

    @classmethod
    def of(cls, rules: Rules, target: str, quality: Quality) -> Gates:
        """Return the gates of a raw topic, whose records become those of ``target``."""
        declared, rare = quality.of(target), rules.kind in RARE
        return cls(QualityGate(rules.kind, () if rare else declared), RareGate(target, declared if rare else ()))


class Turns:
    """The turns of all partitions of a raw topic."""

    def __init__(self, rules: Rules, target: str, quality: Quality, schedule: Schedule) -> None:
        """Prepare for a topic; ``quality`` are the rules where the schedule has none."""
        self._rules, self._target, self._schedule = rules, target, schedule
        self.own = Gates.of(rules, target, quality)
        self._of: dict[int, tuple[Longs, list[Gates]]] = {}

    def split(self, partition: int, offsets: Longs) -> Iterator[tuple[int, int, Gates]]:
        """Yield the parts of a batch in log order that are judged alike: begin, end, and by what."""
        starts, gates = self._turns(partition)
        if len(gates) == 1 or not len(offsets):
            yield 0, len(offsets), gates[0]
            return
        which = np.searchsorted(starts, offsets, side="right") - 1
        cuts = [0, *(np.flatnonzero(np.diff(which)) + 1).tolist(), len(offsets)]
        for begin, end in pairwise(cuts):
            yield begin, end, gates[int(which[begin])]

    def _turns(self, partition: int) -> tuple[Longs, list[Gates]]:
        found = self._of.get(partition)
        if found is None:
            turns = self._schedule.turns(FAMILY, self._rules.topic, partition)
            starts = np.array([turn.offset for turn in turns], dtype=np.int64)
            found = self._of[partition] = starts, [self._gates(turn) for turn in turns]
        return found

    def _gates(self, turn: Turn) -> Gates:
        return Gates.of(self._rules, self._target, _parsed(turn.rules)) if turn.rules else self.own


@lru_cache(maxsize=32)
def _parsed(text: str) -> Quality:
    return parse(text)
