"""``polyglot submit`` where topics do not have what a job wants to read."""

import pytest

from operations.expired import Expired
from polyglot.cli import jobs, run
from runtime.config import Settings
from runtime.console import Exit
from runtime.flink_rest import JobInfo


@pytest.fixture
def cluster(monkeypatch):
    """A cluster on which normalize tries in vain, analytics is about to run, and ingest runs."""

    class Rest:
        cancelled: list[str] = []  # noqa: RUF012

        def __init__(self, url):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def jobs(self, *, live=False):
            return [
                JobInfo("n", "normalize", "RESTARTING", {}),
                JobInfo("a", "analytics", "RUNNING", {"running": 1, "total": 9}),
                JobInfo("i", "ingest", "RUNNING", {"running": 9, "total": 9}),
            ]

    found = Rest("")
    cut = Expired("normalize", "polyglot-normalize", "raw.sim.trade.v1", 0, 40, 100, 400)
    monkeypatch.setattr("runtime.flink_rest.FlinkRest", Rest)
    monkeypatch.setattr("operations.expired.cuts", lambda _, names: [cut] if "normalize" in names else [])
    monkeypatch.setattr("operations.upgrade.apply.cancel", lambda _, ended: found.cancelled.extend(j.id for j in ended))
    return found


def test_a_job_that_tries_in_vain_is_ended_and_no_other(cluster, tmp_path):
    jobs._end_stuck(Settings(var_dir=tmp_path), ["analytics", "normalize", "ingest"])
    assert cluster.cancelled == ["n"]


@pytest.mark.parametrize(
    "wrong", [["--fill"], ["analytics", "--fill"], ["normalize", "--fill", "--fresh"], ["--bounded", "--skip-expired"]]
)
def test_a_fill_is_normalizes_alone_from_its_last_checkpoint(wrong):
    assert run(["submit", *wrong]) == Exit.USAGE
