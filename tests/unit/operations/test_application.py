"""A job that starts itself: what is recorded before it runs, and from which offsets."""

import pytest
from py4j.protocol import Py4JJavaError

from operations import application
from runtime.console import CommandError
from schemas.versions import Held, Schedule

RAW = ("raw.sim.trade.v1", 0)
HELD = Schedule((Held("normalize", 1),))


class Job:
    """A job as it was built; what it was told when it ran."""

    def __init__(self, settings, origin=""):
        self.name, self.settings, self.origin, self.told = "normalize", settings, origin, []

    def run(self, origin="", versions=""):
        self.told.append((origin, versions))


@pytest.fixture
def log(monkeypatch, tmp_path):
    """What `planned` was asked for, and what was recorded."""
    found = {"asked": [], "recorded": []}
    new = [{"family": "normalize", "version": 1}]

    def planned(settings, release, names, cut, saved):
        found["asked"].append((names, cut.action, saved))
        return HELD, new

    monkeypatch.setattr(application, "planned", planned)
    monkeypatch.setattr(application, "pack", lambda _: "release")
    monkeypatch.setattr(application, "record", lambda _, events: found["recorded"].extend(events))
    monkeypatch.setattr(application, "schedule", lambda _: Schedule())
    return found


def test_it_is_recorded_where_the_savepoint_ends(log, settings, monkeypatch):
    document = {"operators": [{"uid": application.FRAMES, "bytes": 1, "offsets": [[*RAW, 7]]}], "missing": []}
    monkeypatch.setattr(application, "contents", lambda path: document if path == "s3://b/saved" else None)
    assert application.versions(Job(settings, "s3://b/saved")) == HELD
    assert log["asked"] == [(["normalize"], "submit", {"normalize": {RAW: 7}})]
    assert [one["family"] for one in log["recorded"]] == ["normalize"]


def test_without_a_savepoint_or_one_that_is_gone_it_is_where_the_job_has_committed(log, settings, monkeypatch):
    def gone(_path):
        raise Py4JJavaError.__new__(Py4JJavaError)  # its constructor wants an exception of a JVM

    monkeypatch.setattr(application, "contents", gone)
    for origin in ("", "s3://b/deleted"):
        application.versions(Job(settings, origin))
    assert [saved for _, _, saved in log["asked"]] == [{"normalize": {}}] * 2


def test_a_run_that_has_an_end_records_nothing(log, settings):
    bounded = settings.model_copy(update={"flink": settings.flink.model_copy(update={"bounded": True})})
    assert application.versions(Job(bounded)) == Schedule()
    assert log == {"asked": [], "recorded": []}


def test_the_job_runs_with_what_holds(log, settings, monkeypatch):
    job = Job(settings)

    class Module:
        @staticmethod
        def main():
            application.environment.held.append(job)

    monkeypatch.setattr(
        application.importlib, "import_module", lambda name: Module if name.endswith("normalize") else 0
    )
    monkeypatch.setattr(application.environment, "held", None)
    application.main(["normalize"])
    assert job.told == [("", HELD.text())]


def test_a_version_that_holds_and_is_not_there_starts_nothing(log, settings, monkeypatch):
    job = Job(settings)

    def refused(_job):
        raise CommandError("release r1 has no version 2 of bar", hint="keep the newer code")

    monkeypatch.setattr(application, "versions", refused)
    monkeypatch.setattr(application.environment, "held", None)
    monkeypatch.setattr(
        application.importlib,
        "import_module",
        lambda _: type("M", (), {"main": staticmethod(lambda: application.environment.held.append(job))}),
    )
    with pytest.raises(
        SystemExit, match=r"normalize cannot start: release r1 has no version 2 of bar \(keep the newer"
    ):
        application.main(["normalize"])
    assert job.told == []


@pytest.mark.parametrize("arguments", [[], ["nothing"], ["normalize", "ingest"]])
def test_it_takes_one_job(arguments):
    with pytest.raises(SystemExit, match="takes one of analytics, normalize, ingest"):
        application.main(arguments)
