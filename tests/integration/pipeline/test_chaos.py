"""One short round of `polyglot chaos`, as a user would run it: the long campaign is in docs/howto/chaos.md.

On every commit two of its faults hit the stack of the scenarios (tests/integration/scenarios/test_faults.py).
"""

import pytest
from support.stack import Stack

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.timeout(1800)]

FAULTS = ("kill-taskmanager", "restart-broker-in-transaction", "clock-jump", "kill-collector", "kill-clickhouse")
#: Of this seed the gateway dies first, with the inserts of running jobs in flight, and the broker last: on a slow
#: machine it is away for longer than what is left of the feed, and a fault behind it would meet no load.
SEED = "136"


@pytest.fixture
def stack(tmp_path):
    one = Stack(tmp_path, memory_mb=2560, slots=8)
    try:
        yield one
    finally:
        one.close()


def test_a_round_of_faults_changes_nothing(stack):
    chosen = [part for name in FAULTS for part in ("--fault", name)]
    report = stack.json(
        "chaos", "--seed", SEED, "--rounds", "1", "--faults", "5", "--frames", "20000", *chosen, timeout=900
    )
    (one,) = report["rounds"]
    assert {hit["fault"] for hit in one["faults"] if "skipped" not in hit} == set(FAULTS), one["faults"]
    assert one["faults"][0]["fault"] == "kill-clickhouse"
    assert all(hit["at"] <= 0.9 for hit in one["faults"])
    assert report["passed"]
    assert (report["faults"], report["differences"], report["lost"]) == (5, 0, 0)
    assert one["verified"] > 20_000
    assert one["counts"]["raw_distinct"] > 20_000 + 20  # both venues, and what the second transaction committed
    assert one["counts"]["duplicates"] > 10_000  # the redundant collector
    assert (stack.settings.var_dir / "report" / "chaos.json").exists()
    assert stack.running() == []
