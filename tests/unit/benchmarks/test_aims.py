"""Which aims a report meets, misses, or says nothing about."""

import pytest

from benchmarks.aims import AIMS, BARS, LIGHT, SAME, judged, rows
from benchmarks.memory import MemoryWatch
from runtime.config import Settings


def _of(**ratios):
    names = {"floor": "floor", "light": LIGHT, "bars": BARS, "same": SAME}
    return {"of": {names[name]: {"ratio": ratio, "spread": 0.1} for name, ratio in ratios.items()}}


#: A report under the names that the bench writes.
FOUND = {
    "stages": {
        "found": {
            "normalize": _of(floor=0.41, light=0.95, same=5.8),
            "analytics": _of(floor=0.2, light=0.4, bars=1.1),
            "ingest": _of(floor=0.11),
        },
    },
    "whole": {
        "of_light_loop": 0.162,
        "verify": {"differences": 0},
        "replay_events_per_second": 122_627,
        "verify_of_replay": 1.2,
        "memory": {"peak_mb": 5_900, "growth": 1.07},
    },
    "memory": {"memory": {"peak_mb": 4_400, "growth": 1.0}},
    "latency": {"raw_to_normalized_ms": {"p99": 64.0}, "window_end_to_clickhouse_ms": {"p99": 1580.0}},
}
MISSED = {
    "normalize, of the light loop", "ingest with Hudi's commits, of the floor",
    "Spark replay with bars and digests, events/s", "window end → ClickHouse at 5,000/s, p99, ms",
}  # fmt: skip


def test_met_missed_and_not_measured_are_told_apart():
    verdicts = {one["aim"]: one["met"] for one in judged(FOUND)}
    assert {name for name, met in verdicts.items() if met is False} == MISSED
    assert {name for name, met in verdicts.items() if met is None} == {"window end → query at 1,000/s, max, ms"}
    assert len(verdicts) == len(AIMS)


def test_the_table_says_it_in_words():
    table = {name: (figure, bound, verdict) for name, figure, bound, verdict in rows(judged(FOUND))}
    assert table["memory of the whole stack at 20,000/s, peak, MB"] == ("4,400", "≤ 4,500", "met")
    assert table["normalize, of the light loop"] == ("0.95", "≥ 1", "MISSED")
    assert table["window end → query at 1,000/s, max, ms"] == ("-", "≤ 2,000", "not measured")


@pytest.mark.parametrize("aim", AIMS, ids=lambda aim: aim.name)
def test_the_bound_itself_is_met_and_beyond_it_missed(aim):
    assert aim.met(aim.bound)
    assert not aim.met(aim.bound + (-0.001 if aim.at_least else 0.001))


def test_memory_that_grows_is_not_flat():
    watch = MemoryWatch(Settings())
    watch.samples = [(float(n), {"one": (1_000 + 100 * n) * 1_000_000}) for n in range(8)]
    assert watch.summary()["growth"] == pytest.approx(1650 / 1250, abs=0.001)
    watch.samples = [(float(n), {"one": 5_000_000_000}) for n in range(8)]
    assert watch.summary()["growth"] == 1
