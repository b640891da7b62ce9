"""Which faults hit a round, and when: all of it from the round's seed, and every fault in any few rounds in a row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice
from random import Random

#: The faults are due between these shares of the feed: one that takes long holds up those behind it.
_FIRST, _LAST = 0.03, 0.6


@dataclass(frozen=True)
class Strike:
    """One fault, the share of the feed at which it is due, and how many times it was dealt in earlier rounds."""

    fault: str
    at: float
    turn: int = 0


def plan(seed: int, faults: int, names: Sequence[str]) -> list[Strike]:
    """Return a round's faults, soonest first.

    Faults are dealt from an endless pile of shuffled decks, ``faults`` a round, round after round by their seeds: as
    many rounds as it takes to deal a deck meet every fault once.
    """
    dice = Random(seed)  # noqa: S311 - a plan, no secret
    dealt = islice(_pile(sorted(set(names))), seed * faults, (seed + 1) * faults)
    moments = sorted(dice.uniform(_FIRST, _LAST) for _ in range(faults))
    return [Strike(name, moment, turn) for (name, turn), moment in zip(dealt, moments, strict=True)]


def _pile(names: list[str]) -> Iterator[tuple[str, int]]:
    """Yield faults without end, each with the number of its deck."""
    for number in count():
        deck = list(names)
        Random(number).shuffle(deck)  # noqa: S311
        yield from ((name, number) for name in deck)
