"""A campaign: rounds of feeding under seeded faults; after each, everything is drained, counted and verified."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import psutil
from confluent_kafka import KafkaException

from devstack.chaos import feeds
from devstack.chaos.disk import SmallDisk, unmount
from devstack.chaos.faults import FAULTS
from devstack.chaos.faults.feeds import plan_jump
from devstack.chaos.plan import Strike, limit, plan
from devstack.chaos.proof import Proof
from devstack.chaos.report import applied
from devstack.chaos.target import LOADED, NotApplicableError, Target
from devstack.local.control import down, up
from operations.jobs import JOBS
from operations.lifecycle import submit
from runtime.config import Settings
from runtime.console import CommandError, Console
from runtime.flink_rest import FlinkRest
from runtime.layout import Layout

#: First event time of seed 0's simulated round; each seed's begins some hours later, see ``starts_us``.
_FIRST = datetime(2026, 2, 2, 9, 0, tzinfo=UTC)
_HOUR_S = 3600
#: What lies between the last event of a round and the first one of the next at least: far beyond the horizon.
_REST_S = 600
_FEED_TIMEOUT_S = 600.0


#: Rounds that share a stack: each verification reads everything since the stack was fresh.
_PER_STACK = 8
#: So many rounds in a row without a fault that could be applied end a campaign.
_IDLE_ROUNDS = 3
#: Is told all rounds of a run after each of them.
Tell = Callable[[list[dict[str, Any]]], None]


@dataclass(frozen=True)
class Order:
    """What a campaign is asked for; ``survive``: go on until so many faults have been survived, 0 for no such end."""

    seed: int
    minutes: float
    rounds: int
    faults: int
    frames: int
    captures: Sequence[Path] = ()
    names: Sequence[str] = tuple(FAULTS)
    survive: int = 0

    def command(self) -> str:
        """Return the command line that asks for it, with captures by their names alone."""
        parts = [f"polyglot chaos --seed {self.seed} --minutes {self.minutes:g} --rounds {self.rounds}"]
        parts += [f"--faults {self.faults} --frames {self.frames}"]
        parts += [f"--capture {path.name}" for path in self.captures]
        parts += [f"--fault {name}" for name in self.names if set(self.names) != set(FAULTS)]
        parts += [f"--campaign {self.survive}"] if self.survive else []
        return " ".join(parts)


def run(
    settings: Settings, console: Console, order: Order, *, survived: int = 0, tell: Tell = lambda _rounds: None
) -> list[dict[str, Any]]:
    """Run rounds until ``minutes`` have passed, ``rounds`` are done, one fails, the captures end or enough faults have
    been survived; return the rounds.

    Round n uses the seed ``seed + n`` for its frames, gaps, faults and their moments, and nothing else: which round of
    a run it is does not count. Rounds share a warm stack, which is made anew now and then. An earlier local stack is
    stopped and its data deleted; the last one is stopped at the end, its data are kept.

    Args:
        settings: settings.
        console: where progress is told.
        order: what is asked for.
        survived: faults that earlier runs of the campaign have survived.
        tell: is called with the rounds so far after each round.
    """
    folders = _folders(settings)
    down(settings, console)
    for folder in folders:
        unmount(folder)  # of a campaign that was killed
    down(settings, console, wipe=True)
    for number in (signal.SIGINT, signal.SIGTERM):  # whoever ends this command also ends its stack
        signal.signal(number, signal.default_int_handler)
    return _rounds(settings, console, order, survived, tell)


def _folders(settings: Settings) -> list[Path]:
    """Return what is put on small disks: checkpoints, and the lake if it is a folder here."""
    lake = [Path(settings.lake_uri.removeprefix("file://"))] if settings.lake_uri.startswith("file:///") else []
    return [*lake, Layout.at(settings.var_dir).checkpoints]


def _wants_disks(order: Order) -> bool:
    """Whether a disk will be full in one of the rounds; there is no end to a campaign that is bounded by time only."""
    seeds = range(order.seed, order.seed + min(order.rounds, 100))
    return any(one.fault == "disk-full" for seed in seeds for one in plan(seed, order.faults, order.names))


def _small_disks(folders: Sequence[Path], console: Console) -> list[SmallDisk]:
    disks: list[SmallDisk] = []
    try:
        disks += map(SmallDisk, folders)
    except OSError as error:
        console.warn(f"no disk will be full: {error}")
    return disks


@contextmanager
def fresh_stack(settings: Settings, console: Console, order: Order) -> Iterator[Target]:
    """Yield a fresh stack with all jobs, which is stopped at the end; what collectors still feed ends with it."""
    target = Target(settings, Random(order.seed))  # noqa: S311 - a plan, no secret
    with ExitStack() as left:
        down(settings, console, wipe=True)
        if _wants_disks(order):
            target.disks = _small_disks(_folders(settings), console)
            for disk in target.disks:
                left.callback(disk.release)
        left.callback(down, settings, console)
        left.callback(target.kill_collectors)
        console.info("── a fresh stack and the jobs")
        up(settings, console)
        submit(settings, console, list(JOBS))
        yield target


def _rounds(settings: Settings, console: Console, order: Order, survived: int, tell: Tell) -> list[dict[str, Any]]:
    began, done = time.monotonic(), list[dict[str, Any]]()
    count = feeds.slices(order.captures, order.frames) if order.captures else 0

    def wanted() -> bool:
        """Whether there is another round; the next slice of captures must not be the first one again."""
        if done and (not done[-1]["passed"] or (count and (order.seed + len(done)) % count == 0)):
            return False
        if order.survive and (
            survived + sum(len(applied(one)) for one in done) >= order.survive
            or (len(done) >= _IDLE_ROUNDS and not any(map(applied, done[-_IDLE_ROUNDS:])))
        ):
            return False
        return len(done) < order.rounds and time.monotonic() - began < order.minutes * 60

    while wanted():
        with fresh_stack(settings, console, order) as target:
            proof = Proof(target)
            for _ in range(_PER_STACK):
                if not wanted():
                    break
                seed = order.seed + len(done)
                target.seed, target.dice = seed, Random(seed)  # noqa: S311
                strikes = plan(seed, order.faults, order.names)
                feed = _prepare(target, order, seed, count, strikes)
                what = f"{len(feed.identities):,} distinct frames in {feed.seconds / feed.speed:.0f} s"
                console.info(f"── round {len(done) + 1}, seed {seed}: {what}")
                one = {"seed": seed, "input": "captured" if order.captures else "simulated"}
                round_began = time.monotonic()
                one |= _round(target, console, proof, feed, strikes)
                done.append(one | {"seconds": round(time.monotonic() - round_began)})
                tell(done)
    return done


def starts_us(seed: int, frames: int) -> int:
    """Return the first event time of a seed's simulated round, µs UTC: after those of all smaller seeds are over."""
    hours = -(-round(frames * feeds.SPEED / feeds.PACE + _REST_S) // _HOUR_S)
    return (round(_FIRST.timestamp()) + seed * hours * _HOUR_S) * 1_000_000


def _prepare(target: Target, order: Order, seed: int, count: int, strikes: Sequence[Strike]) -> feeds.Feed:
    """Return a round's feed: simulated, or that of ``count`` slices of the captures that is the seed's."""
    folder = target.settings.var_dir / "chaos"
    jumps = [plan_jump(one.at, target.dice) for one in strikes if one.fault == "clock-jump"]
    if not order.captures:
        return feeds.from_simulator(folder, seed, order.frames, starts_us(seed, order.frames), target.dice, jumps)
    frames = feeds.captured(order.captures, seed % count * order.frames, order.frames)
    return feeds.from_captures(folder, seed, order.captures, frames, target.dice, jumps)


def _round(
    target: Target, console: Console, proof: Proof, feed: feeds.Feed, strikes: Sequence[Strike]
) -> dict[str, Any]:
    target.begin(feed)
    hits: list[dict[str, Any]] = []
    resumed: list[str] = []
    try:
        for number, one in enumerate(strikes):
            target.dice = Random(f"{target.seed}/{number}")  # noqa: S311 - the same whatever an earlier fault threw
            hits.append(strike(target, console, one, limit(strikes, number, LOADED)))
        target.finish(_FEED_TIMEOUT_S)
        resumed = _recover(target)
        proof.identities |= feed.identities
        found = proof.run(console)
    except (CommandError, NotApplicableError, KafkaException) as error:
        console.error(str(error))
        found = {"passed": False, "error": str(error)[-2000:]}
    return {"faults": hits, "resumed_jobs": resumed, **found}


def strike(target: Target, console: Console, one: Strike, most: float = 1.0) -> dict[str, Any]:
    """Apply one fault when it is due; one that cannot be applied, or would meet no load, is reported as skipped.

    The feed waits for it as soon as the share ``most`` is fed.
    """
    hit: dict[str, Any] = {"fault": one.fault, "at": 1.0, "detail": ""}
    target.turn, target.hit_at = one.turn, 1.0
    try:
        target.await_fed(one.at)
        target.demand_load()
        with target.holder.up_to(most) if target.holder else nullcontext():
            hit["detail"] = FAULTS[one.fault](target)
    except (
        NotApplicableError, CommandError, KafkaException, psutil.Error, OSError, subprocess.SubprocessError
    ) as error:  # fmt: skip
        hit["skipped"] = str(error)[-500:]
    hit["at"] = round(target.hit_at, 2)
    console.info(f"{hit['at']:4.0%} of the feed  {one.fault}  {hit.get('skipped', hit['detail'])}")
    return hit


def _recover(target: Target) -> list[str]:
    """Wait until everything answers and every job runs; start jobs that are gone, and return their names."""
    target.await_answer()
    with FlinkRest(target.settings.flink.url) as rest:
        live = {job.name for job in rest.jobs(live=True)}
    gone = [job for job in JOBS if job not in live]
    target.submit()
    target.await_jobs()
    return gone
