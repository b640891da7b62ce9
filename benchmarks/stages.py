"""Each stage alone, over the same preloaded frames: floor, normalize in both modes, analytics.

Machines differ, and so do their hours. What counts are ratios within a run, so floor and normalize take turns.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from statistics import median
from typing import Any

from confluent_kafka.admin import AdminClient, NewTopic

from benchmarks import floor
from benchmarks.measure import follow, source_counter, topic_counter
from polyglot.collect.run import feed_simulated, pace
from polyglot.collect.sim import SimSpec
from polyglot.collect.sim.spec import VENUE
from polyglot.config import Settings
from polyglot.console import CommandError, Console
from polyglot.jobs.lifecycle import submit
from polyglot.jobs.offsets import OffsetReader
from polyglot.jobs.rest import FlinkRest
from polyglot.readers.log import decode, messages
from polyglot.topics import apply, plan
from schemas.domains import domains

#: Where kernels run.
MODES = ("process", "thread")
NORMALIZED = ["normalized.trade.v1", "normalized.quote.v1"]


def preload(settings: Settings, console: Console, frames: int, seed: int) -> dict[str, Any]:
    """Feed simulated frames with their usual disorder, copies and faults; return the manifest."""
    report = feed_simulated(settings, console, SimSpec(seed=seed), frames, pace=pace("max"), resume=False)
    manifest: dict[str, Any] = report["manifest"]
    return {**manifest, "feed_rate": report["rate"]}


def measured(settings: Settings, console: Console, manifest: dict[str, Any], repeats: int) -> dict[str, Any]:
    """Run floor and normalize in turn, analytics once; return medians, ratios of medians, and every rate."""
    rates: dict[str, list[int]] = {name: [] for name in ("floor", *MODES)}
    for _ in range(repeats):
        rates["floor"].append(round(run_floor(settings, console)))
        for mode in MODES:
            _empty(settings, NORMALIZED)  # the next run writes the same once more
            rates[mode].append(round(run_normalize(settings, console, manifest, mode)))
    floor, process, thread = (median(found) for found in rates.values())
    analytics, bars = run_analytics(settings, console)
    own = {"process": process, "thread": thread}[settings.flink.python_mode]
    return {
        "feed_per_s": manifest["feed_rate"],
        "floor_per_s": floor,
        "normalize_per_s": own,
        "normalize_of_floor": round(own / floor, 3),
        "normalize_process_of_floor": round(process / floor, 3),
        "normalize_thread_of_floor": round(thread / floor, 3),
        "rates": rates,
        "analytics_per_s": round(analytics),
        "analytics_of_floor": round(analytics / floor, 3),
        "bars_checked": bars,
    }


def _empty(settings: Settings, topics: list[str]) -> None:
    """Delete topics and make them anew."""
    admin = AdminClient(settings.kafka.librdkafka())
    for done in admin.delete_topics(topics).values():
        done.result(30)
    follow(
        lambda: sum(topic not in admin.list_topics(timeout=10).topics for topic in topics), len(topics), timeout_s=60
    )
    apply(settings, plan(settings))


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
    with FlinkRest(settings.flink.url) as rest:
        rest.cancel(job_id)


def run_floor(settings: Settings, console: Console) -> float:
    """Copy the raw topics of the normalized kinds; return records per second."""
    admin = AdminClient(settings.kafka.librdkafka())
    size = str(settings.kafka.max_message_bytes)
    topic = NewTopic(floor.TOPIC, 4, 1, config={"max.message.bytes": size, "retention.ms": "-1"})
    admin.create_topics([topic])[floor.TOPIC].result(30)
    raw = domains().raw_topics(normalized_only=True, venues=[VENUE])
    total = sum(OffsetReader(settings).ends(raw).values())
    (done,) = submit(settings, console, ["floor"], fresh=True, package="benchmarks")
    samples = follow(topic_counter(settings, [floor.TOPIC]), total)
    console.text(f"floor: {samples.rate():,.0f} records/s")
    _cancel(settings, done.job_id)
    admin.delete_topics([floor.TOPIC])[floor.TOPIC].result(30)
    return samples.rate()


def run_normalize(settings: Settings, console: Console, manifest: dict[str, Any], mode: str) -> float:
    """Normalize the preloaded frames with the kernels in threads or a process; return raw records per second."""
    raw = domains().raw_topics(normalized_only=True, venues=[VENUE])
    read = sum(OffsetReader(settings).ends(raw).values())
    expected: int = sum(manifest["normalized"].values())
    job_id = _alone(settings, console, "normalize", POLYGLOT_FLINK__PYTHON_MODE=mode)
    samples = follow(topic_counter(settings, NORMALIZED), expected)
    _cancel(settings, job_id)
    found = topic_counter(settings, NORMALIZED)()
    if found != expected:
        raise CommandError(f"normalize wrote {found:,} records, the manifest says {expected:,}")
    rate = samples.rate() * read / expected
    console.text(f"normalize, {mode} mode: {rate:,.0f} records/s")
    return rate


def run_analytics(settings: Settings, console: Console) -> tuple[float, int]:
    """Aggregate the normalized topics; return records per second and how many bars were compared with the oracle."""
    reader = OffsetReader(settings)
    total = sum(reader.ends(NORMALIZED).values())
    job_id = _alone(settings, console, "analytics")
    samples = follow(source_counter(settings, job_id, ("normalized_trade", "normalized_quote")), total)
    rate = samples.rate()
    console.text(f"analytics: {rate:,.0f} records/s")
    expected = _trade_counts(settings)
    latest: dict[tuple[str, str, int], tuple[int, int]] = {}

    def matching() -> int:
        for bar in _records(settings, "analytics.bar.v1", "bar"):
            key = (bar["entity_id"], bar["interval"], bar["window_start"])
            latest[key] = max(latest.get(key, (0, 0)), (bar["version"], int(bar["volume"].scaleb(12))))
        return sum(latest.get(key) == value for key, value in expected.items())

    follow(matching, len(expected), timeout_s=120, every_s=2.0)
    _cancel(settings, job_id)
    if extra := latest.keys() - expected.keys():
        raise CommandError(f"{len(extra)} bars that no trade is in, e.g. {min(extra)}")
    return rate, len(expected)


def _records(settings: Settings, topic: str, name: str) -> Iterator[dict[str, Any]]:
    """Yield a topic's records, decoded; times as µs."""
    return (decode(name, record.value) for record in messages(settings, [topic]))


def _trade_counts(settings: Settings) -> dict[tuple[str, str, int], tuple[int, int]]:
    """Return (entity, interval, window start) → (trades, volume·1e12), counted in plain Python from the topic."""
    lengths = {"1s": 10**6, "1m": 60 * 10**6, "5m": 300 * 10**6, "1h": 3600 * 10**6, "1d": 86400 * 10**6}
    found: dict[tuple[str, str, int], tuple[int, int]] = {}
    for trade in _records(settings, "normalized.trade.v1", "trade"):
        size = int(trade["size"].scaleb(12))
        for interval, length in lengths.items():
            key = (trade["entity_id"], interval, trade["event_time"] // length * length)
            count, volume = found.get(key, (0, 0))
            found[key] = (count + 1, volume + size)
    return found
