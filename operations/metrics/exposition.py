"""The counts as metric families, and the text and endpoint made of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from threading import Lock

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from operations.metrics.counts import Counts
from runtime.console import CommandError


def families(found: Counts | None) -> Iterator[Metric]:
    """Yield the metrics of one reading; of none (no answer from the broker) only that.

    Counters go down when retention cuts what they are counted from, which Prometheus takes for a restart.
    """
    yield GaugeMetricFamily("polyglot_broker_up", "Whether the broker answered.", value=float(found is not None))
    if found is None:
        return
    dead_letters = CounterMetricFamily(
        "polyglot_dead_letters", "Rejected records, each once.", labels=["domain", "reason", "topic"]
    )
    for one in found.dead_letters:
        dead_letters.add_metric([one["domain"], one["reason"], one["topic"]], one["count"])
    yield dead_letters
    requests = CounterMetricFamily("polyglot_repair_requests", "Repair requests made.", labels=["reason"])
    unanswered = GaugeMetricFamily("polyglot_repair_requests_open", "Those not answered yet.", labels=["reason"])
    for reason, asked in sorted(found.requests.items()):
        requests.add_metric([reason], asked.made)
        unanswered.add_metric([reason], asked.open)
    yield requests
    yield unanswered
    yield CounterMetricFamily("polyglot_amendments", "Amendments recorded.", value=found.amendments)
    yield CounterMetricFamily("polyglot_amended_events", "Late events that were amended.", value=found.amended_events)
    quality = CounterMetricFamily(
        "polyglot_quality_records",
        "Records that a data-quality rule rejected (fail) or marked (flag).",
        labels=["topic", "rule", "action"],
    )
    for line in found.quality:
        quality.add_metric([line.topic, line.rule, line.action], line.count)
    yield quality
    lag = GaugeMetricFamily(
        "polyglot_consumer_lag_records", "Records not committed yet by a consumer group.", labels=["group", "topic"]
    )
    for group in found.lag:
        for topic, behind in sorted(group.topics.items()):
            lag.add_metric([group.group, topic], behind)
    yield lag


class SuiteCollector(Collector):
    """Counts when it is scraped, but not more often than every ``refresh_s`` seconds."""

    def __init__(self, count: Callable[[], Counts], refresh_s: float) -> None:
        self._count, self._refresh_s = count, refresh_s
        self._lock = Lock()
        self._at: float | None = None
        self._found: Counts | None = None

    def describe(self) -> Iterable[Metric]:
        """Return nothing: asked on registration, it would have to count."""
        return ()

    def collect(self) -> Iterator[Metric]:
        with self._lock:  # two scrapers: one reading
            if self._at is None or time.monotonic() - self._at >= self._refresh_s:
                try:
                    self._found = self._count()
                except CommandError:
                    self._found = None
                self._at = time.monotonic()
            yield from families(self._found)


def registry(count: Callable[[], Counts], refresh_s: float) -> CollectorRegistry:
    """Return a registry of the suite's metrics and nothing else."""
    found = CollectorRegistry(auto_describe=False)
    found.register(SuiteCollector(count, refresh_s))
    return found


def text(found: Counts) -> str:
    """Return one reading in the text format."""
    return generate_latest(registry(lambda: found, 0.0)).decode()
