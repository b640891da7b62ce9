"""One reading of everything that the suite counts about itself, by the code of the commands that show the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from operations.attention import attention
from operations.dead_letters import flags
from operations.dead_letters.flags import Line
from operations.dead_letters.listing import Filter, counted, dead_letters
from operations.lag import GroupLag, collect_groups
from operations.repairs import Asked, count_by_reason
from runtime.config import Settings
from runtime.console import CommandError, Exit
from schemas.quality import Quality


@dataclass(frozen=True)
class Counts:
    """Numbers of records.

    ``dead_letters``: ``domain``, ``reason``, ``topic`` and ``count`` of each group of dead letters, as of ``polyglot
    deadletters ls``; ``requests`` by reason; ``quality`` as of ``polyglot quality``.
    """

    dead_letters: Sequence[Mapping[str, Any]]
    requests: Mapping[str, Asked]
    amendments: int
    amended_events: int
    quality: Sequence[Line]
    lag: Sequence[GroupLag]


def count(settings: Settings, quality: Quality) -> Counts:
    """Read the low-rate topics from their beginnings, and the consumer groups' offsets.

    Raises:
        CommandError: the broker does not answer.
    """
    found = dead_letters(settings, Filter())
    waiting = attention(settings)
    if waiting is None:
        raise CommandError("no answer from Kafka", hint="polyglot up", code=Exit.UNAVAILABLE)
    return Counts(
        dead_letters=counted(found),
        requests=count_by_reason(settings),
        amendments=waiting.amendments,
        amended_events=waiting.amended_events,
        quality=flags.counts(settings, quality, found),
        lag=collect_groups(settings),
    )
