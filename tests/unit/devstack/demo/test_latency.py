"""Latency of what is left: without the start where there is something behind it, never figures of nothing."""

import pytest

from devstack.demo import run as module
from devstack.demo.latency import LatencyProbe, percentiles
from polyglot.cli.demo import _latency
from runtime.config import Settings


def probe(*waits):
    """Return a probe that matched records: (readable in raw.* at, s; awaited, ms)."""
    one = LatencyProbe(Settings(), ["sim"])
    one._waits = list(waits)
    return one


def shown(latencies, frames):
    return _latency({**latencies, "warm_up": {"frames": frames, "seconds": module.WARM_UP_S}})


def test_percentiles_of_known_waits():
    assert percentiles([float(n) for n in range(1, 101)]) == {"p50": 51.0, "p99": 100.0, "max": 100.0}
    assert percentiles([3.14]) == {"p50": 3.1, "p99": 3.1, "max": 3.1}


def test_the_start_does_not_count_where_the_feed_went_on():
    found = module._latencies(probe((0, 9000.0), (100, 500.0), (111, 20.0), (112, 30.0)), warm=100)
    assert found["latency_ms"] == {"p50": 30.0, "p99": 30.0, "max": 30.0, "matched": 2}
    assert found["latency_ms_with_start_up"]["max"] == 9000.0
    assert found["latency_note"] == ""
    assert "over 2 records after 10,000 frames and 10 s of feed" in shown(found, 10_000)


def test_a_short_feed_counts_whole_and_says_so():
    found = module._latencies(probe((0, 9000.0), (100, 500.0), (104, 20.0)), warm=100)
    assert found["latency_ms"] == {"p50": 500.0, "p99": 500.0, "max": 500.0, "matched": 2}
    text = shown(found, 10_000)
    assert "over 2 records after 10,000 frames (with" in text
    assert "less than 10 s" in text
    assert "p50 500.0 ms" in text


@pytest.mark.parametrize("frames", [0, 10_000])
def test_of_nothing_there_is_no_figure(frames):
    found = module._latencies(probe(), warm=0)
    assert found["latency_ms"] == {"p50": None, "p99": None, "max": None, "matched": 0}
    assert "nothing" in shown(found, frames)
