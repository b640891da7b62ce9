"""Collectors that die, fall silent, or whose clock is wrong."""

from __future__ import annotations

import time
from random import Random

from devstack.chaos.collectors import Collector
from devstack.chaos.feeds import LATE_S, Jump
from devstack.chaos.target import NotApplicableError, Target
from devstack.chaos.topics import TopicReader
from operations.drain import await_windows
from schemas import catalog
from schemas.domains import domains

#: A venue is silent for longer than it takes to be called idle by this much, seconds.
_MARGIN_S = 3.0
#: The watermark is to be beyond the horizon by this much event time, seconds.
_BEYOND_S = 10.0
_THROUGH_S, _POLL_S = 120.0, 1.0
#: Why windows with a cancel or a correction are asked for, by design.
REVISED = "revised"
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


def silence_s(idle_after_s: float, speed: float) -> float:
    """Return the shortest silence of a venue, in seconds: its partitions are idle, and what it sends next is older than
    the horizon, while the other venue's event time passes ``speed`` times as fast as the clock.
    """
    return max(idle_after_s + _MARGIN_S, 1.1 * (HORIZON_S + SKEW_S) / speed)


def pause_venue(target: Target) -> str:
    """Let the second venue be silent until the watermark is beyond the horizon; then comes its backlog.

    The windows restart meanwhile. The backlog finds its windows as they were left, for they are kept by its own clock
    (law 6): nothing of it may be asked for. No other fault hits before the backlog is through.
    """
    lone, feed = target.collectors[-1], target.feed
    target.await_that("the venue is heard again", lambda: not lone.paused)
    target.await_jobs("analytics")
    if feed is None:
        raise RuntimeError("no round has begun")
    if lone.through():
        raise NotApplicableError("the second venue's feed is over")
    least = silence_s(target.settings.flink.idle_after_s, feed.speed)
    if (1 - target.demand_load()) * feed.seconds / feed.speed < least:
        raise NotApplicableError(f"the feed is over in less than {least:.0f} s")
    venue = feed.files[-1][0]
    raw = [name for name in domains().raw_topics() if name.startswith(f"raw.{venue}.")]
    requests = TopicReader(target.settings, catalog.topic("repair_request"), "repair_request")
    for _ in requests.new():
        pass  # of earlier faults
    newest_ms, began = target.offsets.newest_ms(raw), time.monotonic()
    with lone.silence():
        _await_beyond(target, began + least, newest_ms + round(1000 * (HORIZON_S + SKEW_S + _BEYOND_S)))
        target.restart("analytics")
    seconds = time.monotonic() - began
    due_ms = newest_ms + round(1000 * seconds * feed.speed)
    target.await_that("the venue catches up", lambda: lone.through() or target.offsets.newest_ms(raw) >= due_ms)
    await_windows(target.settings, _THROUGH_S)
    asked = [row for row, _ in requests.new() if row["reason"] != REVISED and row["entity_id"].startswith(f"{venue}:")]
    if asked:
        raise RuntimeError(f"law 6: {len(asked)} events of the backlog are asked for, first {asked[0]}")
    return f"{lone.name} for {seconds:.1f} s, {seconds * feed.speed:.0f} s of event time"


def _await_beyond(target: Target, earliest: float, passed_ms: int) -> None:
    """Wait until a `time.monotonic` instant, and until all windows' watermark has passed ``passed_ms`` (UTC)."""
    while time.monotonic() < earliest or (target.windows_ms() or 0) <= passed_ms:
        if not target.feeding:
            raise NotApplicableError("the feed was over before the watermark was beyond the silent venue's horizon")
        time.sleep(_POLL_S)


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
