"""What the health check of an upgrade sees, and how soon."""

from types import SimpleNamespace

import pytest

from operations.upgrade import health
from operations.upgrade.health import not_running, unhealthy
from operations.upgrade.rejections import Rejections
from runtime.config import Settings
from runtime.flink_rest import JobInfo

JOB = JobInfo("1", "ingest", "RUNNING", {"running": 4, "total": 4})
RAW = "raw.sim.trade.v1"
BEFORE = Rejections({RAW: 50_000}, {(RAW, "contract"): 1_000})


class World:
    """A job, the broker and the dead letters; each thing is as it should be until a test spoils it."""

    def __init__(self):
        self.job, self.failure = JOB, ""
        self.counts = {"completed": 3, "failed": 0}
        self.ends = {("raw", 0): 90_000}
        self.committed = iter([{("raw", 0): 10_000}, {("raw", 0): 40_000}])
        self.rejected, self.polls = BEFORE, 0
        self.warnings = []

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
    monkeypatch.setattr(health, "Rejections", SimpleNamespace(now=lambda _: found.rejected))
    # Time passes by waiting alone: on a busy machine the watch would be over after one look.
    clock = SimpleNamespace(now=0.0)
    waiting = SimpleNamespace(monotonic=lambda: clock.now, sleep=lambda s: setattr(clock, "now", clock.now + s))
    monkeypatch.setattr(health, "time", waiting)
    return found


def watched(world, seconds=20):
    tracker, console = SimpleNamespace(describe=lambda _: None), SimpleNamespace(warn=world.warnings.append)
    return unhealthy(Settings(), console, world, [JOB], seconds, BEFORE, tracker)


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


def rejections(read, **reasons):
    """Return what is rejected after so many more records, by reason."""
    counts = {(RAW, reason): BEFORE.counts.get((RAW, reason), 0) + count for reason, count in reasons.items()}
    return Rejections({RAW: BEFORE.read[RAW] + read}, {**BEFORE.counts, **counts})


def test_many_rejections_for_a_new_reason_are_a_fault(world):
    world.rejected = rejections(10_000, conflict=103)
    assert watched(world) == f"103 of 10,000 records of {RAW} were rejected: conflict"


def test_few_rejections_for_a_new_reason_are_a_warning(world):
    world.rejected = rejections(10_000, conflict=102)
    assert watched(world) == ""
    assert world.warnings == [f"102 of 10,000 records of {RAW} were rejected: conflict. See: polyglot deadletters ls"]


def test_a_known_reason_may_be_given_as_often_as_before(world):
    world.rejected = rejections(10_000, contract=302)
    assert (watched(world), world.warnings) == ("", [])


def test_a_known_reason_that_is_given_more_often_is_a_fault(world):
    world.rejected = rejections(10_000, contract=303)
    assert watched(world) == f"303 of 10,000 records of {RAW} were rejected: contract"


def test_rejections_before_the_offsets_are_committed_count(world):
    world.rejected = rejections(0, conflict=50)
    assert watched(world) == f"50 of 50 records of {RAW} were rejected: conflict"


def test_a_start_is_over_when_all_tasks_run(world):
    world.job = JobInfo("1", "ingest", "CREATED", {"total": 4})
    assert not_running(world, [JOB], 0.02) == "ingest does not run after 0 s"
    world.job = JOB
    assert not_running(world, [JOB], 600) == ""


def test_a_start_that_fails_is_seen_at_once(world):
    world.failure = "java.lang.RuntimeException: boom"
    assert not_running(world, [JOB], 600) == "ingest failed: boom"
