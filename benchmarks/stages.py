"""Each stage alone, the floor and the bare loops, in turn over the same preloaded frames.

Machines differ, and so do their hours. What counts are ratios within a round, in which everything runs once, and their
median over the rounds. Flink's part runs once before anything counts: in a JVM that has just started the floor is half
of what it is in a warm one.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pyarrow import ArrowInvalid, parquet

from benchmarks import floor
from benchmarks.loops.run import BARS, LIGHT, SAME_WORK, Loop
from benchmarks.loops.run import run as run_loop
from benchmarks.measure import Rounds, follow, source_counter, topic_counter
from benchmarks.preload import CHANNELS, Expected, Loaded, longer
from benchmarks.table import IN_MODES
from benchmarks.topics import Digest, delete, empty, make, values
from collectors.sim.spec import VENUE
from operations.drain import await_bronze
from operations.lifecycle import submit
from runtime.config import Settings
from runtime.console import CommandError, Console
from runtime.flink_rest import FlinkRest
from runtime.offsets import OffsetReader
from runtime.readers.log import decode
from schemas.domains import domains

#: Where kernels run.
MODES = ("process", "thread")
NORMALIZED = ["normalized.trade.v1", "normalized.quote.v1"]
BAR, QUOTE_BAR = "analytics.bar.v1", "analytics.quote_bar.v1"
#: Seconds in each interval of bars.
INTERVALS = {"1s": 1, "1m": 60, "5m": 300, "1h": 3_600, "1d": 86_400}
LOOPS = {
    f"{name}, {processes}": (loop, processes)
    for name, loop in (("light loop", LIGHT), ("light loop's bars", BARS), ("same-work loop", SAME_WORK))
    for processes in (1, 2)
}
#: What the others are compared with.
BASES = ("floor", "light loop, 2", "light loop's bars, 2", "same-work loop, 2")


def measured(settings: Settings, console: Console, loaded: Loaded, repeats: int) -> dict[str, Any]:
    """Run everything ``repeats`` times in turn, after one round of Flink's part that does not count.

    Returns:
        Rates, ratios and their spreads by name, as `Rounds.document` has them; ``normalize`` and ``analytics`` are
        those in the mode that the jobs are configured for.

    Raises:
        CommandError: an output is wrong.
    """
    flink: dict[str, Callable[[], float]] = {
        "floor": lambda: run_floor(settings, console),
        **{f"normalize, {mode}": _normalize(settings, console, loaded, mode) for mode in MODES},
        **{f"analytics, {mode}": _analytics(settings, console, loaded, mode) for mode in MODES},
        "ingest": lambda: run_ingest(settings, console, loaded.manifest),
    }
    for name, run in flink.items():
        console.text(f"warm-up, {name}: {run():,.0f}/s")
    rounds = Rounds()
    for _ in range(repeats):
        for name, run in {**{name: _loop(settings, loaded, *one) for name, one in LOOPS.items()}, **flink}.items():
            rate = run()
            rounds.add(name, rate)
            console.text(f"{name}: {rate:,.0f}/s")
    found = rounds.document(BASES)
    for stage in IN_MODES:
        found[stage] = found[f"{stage}, {settings.flink.python_mode}"]
    mode = settings.flink.python_mode
    return {"mode": mode, "frames": loaded.frames, "repeats": repeats, "preload_per_s": loaded.rate, "found": found}


def _loop(settings: Settings, loaded: Loaded, loop: Loop, processes: int) -> Callable[[], float]:
    expected = loaded.part if loop is SAME_WORK else loaded.whole
    return lambda: run_loop(settings, loop, processes, expected)


def _normalize(settings: Settings, console: Console, loaded: Loaded, mode: str) -> Callable[[], float]:
    return lambda: run_normalize(settings, console, loaded.whole, mode)


def _analytics(settings: Settings, console: Console, loaded: Loaded, mode: str) -> Callable[[], float]:
    return lambda: run_analytics(settings, console, loaded.whole, mode)


def _alone(settings: Settings, console: Console, name: str, **more: str) -> str:
    """Submit a job without any store and with ``more`` in its environment; return its id."""
    switches = {"POLYGLOT_LAKE__ENABLED": "false", "POLYGLOT_CLICKHOUSE__ENABLED": "false", **more}
    before = {key: os.environ.get(key) for key in switches}
    os.environ.update(switches)
    try:
        (done,) = submit(settings, console, [name], fresh=True)
    finally:
        for key, value in before.items():
            os.environ.pop(key) if value is None else os.environ.update({key: value})
    return done.job_id


def _cancel(settings: Settings, job_id: str) -> None:
    """Cancel a job and wait until it is gone: the next one must not share the cores with it."""
    with FlinkRest(settings.flink.url) as rest:
        rest.cancel(job_id)
        follow(lambda: int(all(job.id != job_id for job in rest.jobs(live=True))), 1, timeout_s=60)


def _raw(settings: Settings, *, normalized_only: bool = True) -> int:
    """Return how many records the simulated venue's raw topics hold."""
    topics = domains().raw_topics(normalized_only=normalized_only, venues=[VENUE])
    return sum(OffsetReader(settings).ends(topics).values())


def run_floor(settings: Settings, console: Console) -> float:
    """Copy the raw topics of the normalized kinds; return records per second."""
    make(settings, [floor.TOPIC])
    total = _raw(settings)
    (done,) = submit(settings, console, ["floor"], fresh=True, package="benchmarks")
    samples = follow(topic_counter(settings, [floor.TOPIC]), total, every_s=0.05)  # it is done in seconds
    _cancel(settings, done.job_id)
    copied = topic_counter(settings, [floor.TOPIC])()
    delete(settings, [floor.TOPIC])
    if copied != total:
        raise CommandError(f"the floor copied {copied:,} of {total:,} records")
    return samples.rate()


def run_normalize(settings: Settings, console: Console, expected: Expected, mode: str) -> float:
    """Normalize the preloaded frames with the kernels in threads or a process; return raw records per second."""
    empty(settings, NORMALIZED)
    read, wanted = _raw(settings), expected.normalized
    job_id = _alone(settings, console, "normalize", POLYGLOT_FLINK__PYTHON_MODE=mode)
    samples = follow(topic_counter(settings, NORMALIZED), wanted.count)
    _cancel(settings, job_id)
    found = Digest.of(values(settings, NORMALIZED))
    if found != wanted:
        raise CommandError(f"normalize wrote {found}, the kernels {wanted}")
    return samples.rate() * read / wanted.count


def run_ingest(settings: Settings, console: Console, manifest: dict[str, Any]) -> float:
    """Store the raw topics in a lake of its own; return records per second, Hudi's commits included."""
    lake = Path(settings.var_dir) / "bench-lake"
    shutil.rmtree(lake, ignore_errors=True)
    more = {"POLYGLOT_LAKE__ENABLED": "true", "POLYGLOT_LAKE__URI": f"file://{lake}"}
    total = _raw(settings, normalized_only=False)
    job_id = _alone(settings, console, "ingest", **more)
    samples = follow(source_counter(settings, job_id), total, every_s=0.1)
    await_bronze(settings, console, 300)
    _cancel(settings, job_id)
    stored, wanted = lake_rows(lake / "bronze_raw"), manifest["unique"]
    shutil.rmtree(lake)
    if stored != wanted:
        raise CommandError(f"ingest stored {stored:,} rows, the manifest says {wanted:,}")
    return samples.rate()


def lake_rows(table: Path) -> int:
    """Return how many rows the finished files of a table hold that is only appended to."""
    found = 0
    for path in table.rglob("*.parquet"):
        if ".hoodie" not in path.parts:
            try:
                found += parquet.read_metadata(path).num_rows
            except ArrowInvalid as error:
                raise CommandError(f"{path.name} is no finished file: {error}") from error
    return found


def run_analytics(settings: Settings, console: Console, expected: Expected, mode: str) -> float:
    """Aggregate the normalized topics; return records per second. Every bar is held against sums in plain Python."""
    empty(settings, [BAR, QUOTE_BAR])
    total = sum(OffsetReader(settings).ends(NORMALIZED).values())
    job_id = _alone(settings, console, "analytics", POLYGLOT_FLINK__PYTHON_MODE=mode)
    samples = follow(source_counter(settings, job_id), total, every_s=0.1)
    wanted = windows(expected)
    found: dict[tuple[str, str, str, int], tuple[int, int]] = {}

    def matching() -> int:
        found.clear()
        for name, topic in (("bar", BAR), ("quote_bar", QUOTE_BAR)):
            for value in values(settings, [topic]):
                key, version = _window(name, decode(name, value))
                found[key] = max(found.get(key, (0, 0)), version)
        return sum(found.get(key) == version for key, version in wanted.items())

    follow(matching, len(wanted), timeout_s=120, every_s=2.0)
    _cancel(settings, job_id)
    if extra := found.keys() - wanted.keys():
        raise CommandError(f"{len(extra)} bars that nothing is in, e.g. {min(extra)}")
    return samples.rate()


def windows(expected: Expected) -> dict[tuple[str, str, str, int], tuple[int, int]]:
    """Return (contract, entity, interval, window start in µs) → (version, volume·1e12), from sums in plain Python."""
    found = {}
    for interval, length in INTERVALS.items():
        for (kind, symbol, second), (count, volume) in longer(expected.seconds, length):
            place = (f"{VENUE}:{symbol}", interval, second * 1_000_000)
            if kind == CHANNELS["trade"]:
                found["bar", *place] = (count, int(volume.scaleb(12)))
            elif length == 1:
                found["quote_bar", *place] = (count, 0)
    return found


def _window(name: str, bar: dict[str, Any]) -> tuple[tuple[str, str, str, int], tuple[int, int]]:
    volume = int(bar["volume"].scaleb(12)) if name == "bar" else 0
    key = (name, bar["entity_id"], bar.get("interval", "1s"), bar["window_start"])
    return key, (bar["version"], volume)
