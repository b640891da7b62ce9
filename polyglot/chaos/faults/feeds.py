"""Collectors that die, fall silent, or whose clock is wrong."""

from __future__ import annotations

from random import Random

from polyglot.chaos.collectors import Collector
from polyglot.chaos.feeds import LATE_S, Jump
from polyglot.chaos.target import NotApplicableError, Target
from schemas.domains import domains

#: Shortest silence of a venue, seconds.
SILENT_S = 16.0
_GATES = [domains().topics[name] for name in domains().raw_topics()]
HORIZON_S = min(gate.horizon_ms for gate in _GATES) / 1000
SKEW_S = min(gate.max_skew_ms for gate in _GATES) / 1000


def _running(target: Target) -> Collector:
    found = [collector for collector in target.collectors if collector.running and not collector.paused]
    if not found:
        raise NotApplicableError("no collector is feeding")
    return target.dice.choice(found)


def kill_collector(target: Target) -> str:
    """Kill -9; the next one goes on behind what was acknowledged, and repeats some of it."""
    collector = _running(target)
    collector.kill()
    collector.start()
    return collector.name


def pause_collector(target: Target) -> str:
    """Let one of the redundant collectors fall silent for some seconds and come back with its backlog."""
    collector, seconds = _running(target), target.dice.uniform(2, 6)
    collector.pause(seconds)
    return f"{collector.name} for {seconds:.1f} s"


def pause_venue(target: Target) -> str:
    """Let the second venue fall silent for longer than any window state is kept; then comes its backlog.

    The next faults hit meanwhile.
    """
    lone = target.collectors[-1]
    target.await_that("the venue is heard again", lambda: not lone.paused)
    if target.feed is None or not lone.running:
        raise NotApplicableError("the second venue's feed is over")
    past = 1.1 * (HORIZON_S + SKEW_S) / target.feed.speed
    seconds = max(SILENT_S, past) + target.dice.uniform(0, 3)
    lone.pause(seconds)
    return f"{lone.name} for {seconds:.1f} s, {seconds * target.feed.speed:.0f} s of event time"


def clock_jump(target: Target) -> str:
    """Do nothing now: the jump is in the receive times of the second collector's frames, see ``plan_jump``."""
    if target.feed is None or not target.feed.jumped:
        raise NotApplicableError("no frame lies in the jump")
    return f"{target.feed.jumped:,} frames of the second collector"


def plan_jump(begin: float, dice: Random) -> Jump:
    """Return a clock jump at a share of the feed: by what the gate allows, or by more, ahead or behind.

    Late frames are up to ``LATE_S`` behind already, and a collector's clock may be up to 1.5 s off.
    """
    allowed = (dice.uniform(20, HORIZON_S - LATE_S - 6), dice.uniform(1.5 - SKEW_S, -0.5))
    beyond = (dice.uniform(HORIZON_S + 2, HORIZON_S + 15), dice.uniform(-20.0, -SKEW_S - 2))
    offset = dice.choice((*allowed, *beyond))
    return Jump(begin, begin + 0.06, round(offset * 1e6))
