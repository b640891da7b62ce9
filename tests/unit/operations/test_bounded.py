"""Bounded runs: which jobs have one, what they are started with, and how they end."""

import pytest

from operations import bounded
from runtime.config import Settings
from runtime.console import CommandError, Console, Exit
from runtime.flink_rest import JobInfo
from schemas.versions import Held, Schedule

CONSOLE = Console(json_output=True)


class Cluster:
    """A cluster whose bounded job goes through some states, and stays in the last."""

    def __init__(self, states):
        self.states, self.cancelled, self.started = list(states), [], None

    def __call__(self, url):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def flink_run(self, _settings, _console, modules, suffix, *, environment, holds):
        self.started, self.told = (modules, suffix, environment), holds
        return [JobInfo("2", "analytics-bounded", "CREATED", {})]

    def jobs(self):
        live = [JobInfo("1", "analytics", "RUNNING", {})]
        if self.started is None:
            return live
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return [JobInfo("2", "analytics-bounded", state, {}), *live]

    def job(self, name):
        return None

    def exceptions(self, job_id):
        return "the cause"

    def cancel(self, job_id):
        self.cancelled.append(job_id)


@pytest.fixture
def cluster(monkeypatch, tmp_path):
    def of(*states):
        found = Cluster(states)
        monkeypatch.setattr(bounded, "FlinkRest", found)
        monkeypatch.setattr(bounded, "flink_run", found.flink_run)
        monkeypatch.setattr(bounded, "_POLL_S", 0.0)
        return found

    return of


def run(name="analytics", timeout_s=60.0, **options):
    return bounded.run(Settings(clickhouse={"password": "p"}), CONSOLE, name, timeout_s, **options)


def test_a_run_is_over_when_its_job_has_finished(cluster):
    found = cluster("CREATED", "RUNNING", "RUNNING", "FINISHED")
    assert (run().id, found.cancelled) == ("2", [])
    assert found.started == (["flink_jobs.analytics"], "-bounded", bounded._ENVIRONMENT)
    assert found.told is None  # the topic says which versions hold


def test_a_replay_says_itself_which_versions_hold(cluster, tmp_path):
    found, holds = cluster("FINISHED"), Schedule((Held("bar", 2),))
    run(replay=tmp_path / "replay-1.json", holds=holds)
    assert (found.started[1], found.told) == ("-replay-1", holds)


def test_a_job_of_its_own_reads_for_groups_of_its_own():
    assert Settings(flink={"bounded": True}).flink.suffix == "-bounded"
    assert Settings().flink.suffix == ""


def test_a_run_that_fails_says_why(cluster):
    cluster("RUNNING", "FAILED")
    with pytest.raises(CommandError, match=r"analytics-bounded is FAILED\nthe cause"):
        run()


def test_a_run_that_does_not_end_in_time_is_cancelled(cluster):
    found = cluster("RUNNING")
    with pytest.raises(CommandError) as error:
        run(timeout_s=0.0)
    assert (error.value.code, found.cancelled) == (Exit.TIMEOUT, ["2"])


def test_ingest_has_none(cluster):
    found = cluster("RUNNING")
    with pytest.raises(CommandError, match="ingest has no bounded run"):
        run("ingest")
    assert found.started is None
