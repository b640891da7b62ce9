"""A campaign: rounds of feeding under seeded faults; after each, everything is drained, counted and verified."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from polyglot.chaos.audit import audit
from polyglot.chaos.collectors import EVENT_RATE, SPEED, Collector, raw_records, record
from polyglot.chaos.faults import FAULTS, Target
from polyglot.config import Settings
from polyglot.console import CommandError, Console
from polyglot.demo.accounts import accounts
from polyglot.jobs import JOBS
from polyglot.jobs.drain import drain
from polyglot.jobs.lifecycle import submit
from polyglot.stack.control import down, up

#: First event time of the first round; each round begins an hour later, far beyond the horizon of the one before.
_FIRST = datetime(2026, 2, 2, 9, 0, tzinfo=UTC)
_FEED_TIMEOUT_S = 600.0
_DRAIN_TIMEOUT_S = 900.0


@dataclass
class Books:
    """What all rounds so far must have left behind, as the simulator tells."""

    normalized: int = 0
    rounds: list[dict[str, Any]] = field(default_factory=list)


def run(
    settings: Settings, console: Console, seed: int, minutes: float, rounds: int, faults: int, frames: int
) -> dict[str, Any]:
    """Run rounds until ``minutes`` have passed or ``rounds`` are done; return the report.

    Round n uses the seed ``seed + n`` for its frames, gaps, faults and their moments. An earlier local stack is stopped
    and its data deleted; the new one is left running.
    """
    began = time.monotonic()
    console.info("── a fresh stack and the jobs")
    down(settings, console, wipe=True)
    up(settings, console)
    submit(settings, console, list(JOBS))
    books, target = Books(), Target(settings, Random(seed))  # noqa: S311 - a plan, no secret
    while len(books.rounds) < rounds and time.monotonic() - began < minutes * 60:
        target.dice = Random(seed + len(books.rounds))  # noqa: S311
        books.rounds.append(_round(target, console, books, seed + len(books.rounds), faults, frames))
    done = books.rounds
    return {
        "seeds": [one["seed"] for one in done],
        "faults": sum(len(one["faults"]) for one in done),
        "failed_rounds": sum(not one["passed"] for one in done),
        "records_verified": done[-1]["verify"]["records"] if done else 0,
        "differences": sum(one["verify"]["differences"] for one in done),
        "passed": bool(done) and all(one["passed"] for one in done),
        "minutes": round((time.monotonic() - began) / 60, 1),
        "rounds": done,
    }


def _round(target: Target, console: Console, books: Books, seed: int, faults: int, frames: int) -> dict[str, Any]:
    settings, dice = target.settings, target.dice
    start = _FIRST + timedelta(hours=len(books.rounds))
    console.info(f"── round {len(books.rounds) + 1}, seed {seed}: {frames:,} frames by two collectors with gaps")
    paths, manifest = record(settings.var_dir / "chaos", seed, frames, start.isoformat(), dice)
    books.normalized += sum(manifest["normalized"].values())
    target.collectors = [Collector(path) for path in paths]
    before, coming = raw_records(settings), round(1.9 * frames)
    moments = sorted(dice.uniform(0.05, 0.85) for _ in range(faults))
    plan = [dice.choice(sorted(FAULTS)) for _ in moments]
    for collector in target.collectors:
        collector.start()
    hit = []
    for moment, name in zip(moments, plan, strict=True):
        _await_progress(target, before + round(moment * coming))
        fed = round((raw_records(settings) - before) / coming, 2)
        console.info(f"at {fed:.0%} of the feed: {name}")
        hit.append({"fault": name, "at": fed, "detail": FAULTS[name](target)})
    for collector in target.collectors:
        collector.finish(_FEED_TIMEOUT_S)
    target.await_running(JOBS)
    seconds = drain(settings, console, _DRAIN_TIMEOUT_S)
    return {"seed": seed, "frames": frames, "faults": hit, "drain_s": round(seconds, 1), **_proof(settings, books)}


def _await_progress(target: Target, goal: int) -> None:
    """Wait until so many raw records are there, or the feed is over."""
    while any(collector.running for collector in target.collectors):
        try:
            if raw_records(target.settings) >= goal:
                return
        except Exception as error:  # noqa: BLE001 - the broker may be the one that was hit
            del error
        time.sleep(0.25)


def _proof(settings: Settings, books: Books) -> dict[str, Any]:
    """Verify, balance and audit; say whether all of it holds."""
    command = [sys.executable, "-m", "polyglot.cli", "verify", "--fail-on-empty", "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    try:
        verified = json.loads(done.stdout)
    except ValueError:
        raise CommandError(f"polyglot verify failed with exit code {done.returncode}") from None
    counted, topics = accounts(settings, verified), audit(settings)
    lost = books.normalized - counted["normalized"]
    holds = (
        verified["passed"]
        and all(counted["balance"].values())
        and not (lost or topics["missing_sequence_numbers"] or topics["conflicting_copies"])
    )
    return {
        "counts": {
            k: counted[k] for k in ("raw", "bronze", "normalized", "duplicates", "dead_letters", "bars", "gold")
        },
        "lost": lost,
        "balance": counted["balance"],
        "topics": topics,
        "verify": {"records": verified["records"], "differences": verified["differences"]},
        "passed": holds,
    }


def describe() -> str:
    """Return the conditions of every round in one line."""
    return (
        f"two redundant collectors, each without 5 % of the frames; {EVENT_RATE} frames/s of event time fed at "
        f"{SPEED} times that pace; 5 % late by up to 30 s, 2 % sent twice, 0.5 % malformed; "
        "the collector's clock up to 1.5 s off"
    )
