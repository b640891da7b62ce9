"""What the health check of an upgrade sees, and how soon."""

from types import SimpleNamespace

import pytest

from operations.upgrade import health
from operations.upgrade.health import Before, not_running, unhealthy
from runtime.config import Settings
from runtime.flink_rest import JobInfo

JOB = JobInfo("1", "ingest", "RUNNING", {"running": 4, "total": 4})
REASONS = [{"topic": "deadletter.ingestion.v1", "reason": "contract"}]


class World:
    """A job, the broker and the dead letters; each thing is as it should be until a test spoils it."""

    def __init__(self):
        self.job, self.failure = JOB, ""
        self.counts = {"completed": 3, "failed": 0}
        self.ends = {("raw", 0): 90_000}
        self.committed = iter([{("raw", 0): 10_000}, {("raw", 0): 40_000}])
        self.letters, self.polls = REASONS, 0

    def jobs(self):
        self.polls += 1
        return [self.job] if self.job else []

    def exceptions(self, _job):
        return self.failure

    def cause(self, _job):
        return ""

    def checkpoints(self, _job):
        return self.counts


@pytest.fixture
def world(monkeypatch):
    found = World()
    at = {}

    def committed(group, _ends):
        if group != "polyglot-ingest":
            return {}
        return at.setdefault(len(at), next(found.committed))

    offsets = SimpleNamespace(ends=lambda _topics: found.ends, committed=committed)
    monkeypatch.setattr(health, "OffsetReader", lambda _settings: offsets)
    monkeypatch.setattr(health, "dead_letters", lambda *_: None)
    monkeypatch.setattr(health, "counted", lambda _: found.letters)
    monkeypatch.setattr(health, "_POLL_S", 0.001)
    return found


def watched(world, seconds=0.02):
    before = Before(frozenset({("deadletter.ingestion.v1", "contract")}))
    tracker = SimpleNamespace(describe=lambda _: None)
    return unhealthy(Settings(), world, [JOB], seconds, before, tracker)


def test_a_job_that_runs_saves_its_state_and_gets_on_is_well(world):
    assert watched(world) == ""
    assert world.polls > 1


def test_an_exception_is_seen_at_once(world):
    world.failure = "java.lang.RuntimeException: a\n\tat x\nCaused by: java.lang.RuntimeException: boom"
    assert watched(world, seconds=600) == "ingest failed: boom"


@pytest.mark.parametrize(
    ("job", "message"),
    [(None, "the cluster does not know ingest any more"), (JobInfo("1", "ingest", "FAILED", {}), "ingest is FAILED")],
)
def test_a_job_that_is_gone_or_ends_is_seen_at_once(world, job, message):
    world.job = job
    assert watched(world, seconds=600) == message


def test_a_job_that_never_saves_its_state_is_not_well(world):
    world.counts = {"completed": 0, "failed": 2}
    assert "has completed no checkpoint in" in watched(world)


def test_a_job_that_is_behind_and_reads_nothing_is_not_well(world):
    world.committed = iter([{("raw", 0): 10_000}, {("raw", 0): 10_000}])
    assert watched(world) == "ingest does not get on: polyglot-ingest is 80,000 records behind and has read none"


def test_a_job_with_nothing_to_read_is_well(world):
    world.committed = iter([{("raw", 0): 90_000}, {("raw", 0): 90_000}])
    assert watched(world) == ""


def test_a_new_reason_of_rejections_is_told(world):
    world.letters = [*REASONS, {"topic": "deadletter.ingestion.v1", "reason": "conflict"}]
    assert watched(world) == "records of deadletter.ingestion.v1 are rejected for a new reason: conflict"


def test_a_start_is_over_when_all_tasks_run(world):
    world.job = JobInfo("1", "ingest", "CREATED", {"total": 4})
    assert not_running(world, [JOB], 0.02) == "ingest does not run after 0 s"
    world.job = JOB
    assert not_running(world, [JOB], 600) == ""


def test_a_start_that_fails_is_seen_at_once(world):
    world.failure = "java.lang.RuntimeException: boom"
    assert not_running(world, [JOB], 600) == "ingest failed: boom"
