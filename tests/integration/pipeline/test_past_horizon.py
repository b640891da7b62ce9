"""Jobs down for longer than horizon and lateness, in event time, then restored from their savepoints with a backlog."""

import json

import pytest

from operations.jobs import JOBS
from operations.lifecycle import savepoint
from runtime.offsets import OffsetReader
from schemas.domains import domains

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.timeout(1200)]

RATE = 200  # frames per second of event time
#: Two feeds of one sequence: what is processed before the stop, and all. Between them lies the outage.
BEFORE, ALL = 20_000, 70_000
LATE = ["--late", "0.05", "--late-max", "100", "--duplicates", "0.02"]


def feed(stack, frames):
    sequence = ["--simulate", str(frames), "--seed", "11", "--rate", str(RATE), *LATE]
    return stack.json("feed", "sim", *sequence)


def test_a_backlog_longer_than_the_horizon_changes_nothing(pipeline):
    fed = [topic for topic in domains().topics.values() if topic.name.startswith("raw.sim.")]
    longest_s = max(topic.horizon_ms + topic.max_skew_ms for topic in fed) / 1000
    assert longest_s + 1 + 100 < (ALL - BEFORE) / RATE  # watermark bound, and the latest event of the outage
    feed(pipeline, BEFORE)
    paths = {job: savepoint(pipeline.settings, job) for job in JOBS}  # whatever they have got to
    assert feed(pipeline, ALL)["sources"][0]["resumed_after"] == BEFORE
    for job, path in paths.items():
        pipeline.json("submit", job, "--from-savepoint", path)
    pipeline.json("drain", "--timeout", "600")
    # The windows' state was kept by event time: what is late in the backlog met it, and nothing had to be asked for.
    asked = sum(OffsetReader(pipeline.settings).ends(["repair.analytics.v1"]).values())
    found = json.loads(pipeline.run("verify", "--fail-on-empty", "--json").stdout)
    assert {"differences": found["differences"], "repair requests": asked} == {"differences": 0, "repair requests": 0}
    assert found["records"] > ALL
