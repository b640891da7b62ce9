"""Which faults hit a round, and when: all of it from the round's seed, and every fault in any few rounds in a row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice
from random import Random

#: Shares of the feed that a fault needs: some let event time pass, all others want to meet load.
_ROOM = {"pause-venue": 0.3, "stop-past-horizon": 0.25}
_LEAST_ROOM = 0.05
#: What is fed of it while a fault is at work, at least.
_AT_WORK = 0.02
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
    many rounds as it takes to deal a deck meet every fault once. In a round, those that need most of the
    feed come last.
    """
    dice = Random(seed)  # noqa: S311 - a plan, no secret
    dealt = sorted(
        islice(_pile(sorted(set(names))), seed * faults, (seed + 1) * faults), key=lambda one: _ROOM.get(one[0], 0.0)
    )
    moments = sorted(dice.uniform(_FIRST, _LAST) for _ in range(faults))
    return [Strike(name, moment, turn) for (name, turn), moment in zip(dealt, moments, strict=True)]


def limit(strikes: Sequence[Strike], number: int, loaded: float) -> float:
    """Return the share of the feed that may be fed while a fault is at work, so that those behind it meet load.

    Args:
        strikes: the round's faults.
        number: which of them is at work.
        loaded: the share behind which no fault begins.
    """
    if _ROOM.get(strikes[number].fault):  # it measures how the feed gets on
        return 1.0
    room = sum(_ROOM.get(strike.fault, _LEAST_ROOM) for strike in strikes[number + 1 :])
    return max(loaded - room, strikes[number].at + _AT_WORK)


def _pile(names: list[str]) -> Iterator[tuple[str, int]]:
    """Yield faults without end, each with the number of its deck."""
    for number in count():
        deck = list(names)
        Random(number).shuffle(deck)  # noqa: S311
        yield from ((name, number) for name in deck)
