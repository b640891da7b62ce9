"""From where a job is resumed: from the newest of all that its former runs have left behind."""

import json
import os
from types import SimpleNamespace

import pytest

from operations import lifecycle
from runtime.config import Settings
from runtime.console import CommandError, Console
from runtime.flink_rest import JobInfo
from runtime.layout import Layout


@pytest.fixture
def settings(tmp_path):
    return Settings(var_dir=tmp_path)


def complete(folder, at):
    folder.mkdir(parents=True)
    (folder / "_metadata").touch()
    os.utime(folder / "_metadata", (at, at))
    return str(folder)


def remember(settings, **known):
    record = settings.var_dir / "jobs" / "ingest.json"
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps(known))


def test_a_job_that_never_ran_starts_afresh(settings):
    assert lifecycle.latest_checkpoint(settings, "ingest") == ""


def test_the_newest_checkpoint_of_the_jobs_own_runs(settings):
    checkpoints = Layout.at(settings.var_dir).checkpoints
    complete(checkpoints / "one" / "chk-4", 100)
    newest = complete(checkpoints / "two" / "chk-1", 200)
    complete(checkpoints / "stranger" / "chk-9", 300)
    (checkpoints / "two" / "chk-2").mkdir()  # not complete
    remember(settings, job_ids=["one", "two"])
    assert lifecycle.latest_checkpoint(settings, "ingest") == newest


def test_a_savepoint_after_the_last_checkpoint_is_newer(settings):
    """Else a run that dies before its first checkpoint goes back behind what the lake has committed."""
    layout = Layout.at(settings.var_dir)
    complete(layout.checkpoints / "one" / "chk-4", 100)
    saved = complete(layout.savepoints / "savepoint-1", 200)
    remember(settings, job_ids=["one", "two"], savepoints=[f"file:{saved}"])
    assert lifecycle.latest_checkpoint(settings, "ingest") == saved
    newest = complete(layout.checkpoints / "two" / "chk-5", 300)
    assert lifecycle.latest_checkpoint(settings, "ingest") == newest


class Cluster:
    """A cluster on which a client starts those of its jobs that ``come``, and then ends with a code."""

    def __init__(self, come, code=0):
        self.come, self.code, self.commands = come, code, []

    def __call__(self, _url):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def run(self, command, **_):
        self.commands.append(command)
        return SimpleNamespace(returncode=self.code, stdout="", stderr="it broke")

    def jobs(self, *, live=False):
        return [JobInfo(f"id-{name}", name, "RUNNING", {}) for name in self.come] if self.commands else []

    def job(self, name):
        return SimpleNamespace(running=True)


@pytest.fixture
def submit(settings, monkeypatch):
    def of(cluster, names, **how):
        monkeypatch.setattr(lifecycle, "rules", lambda _: None)
        monkeypatch.setattr(lifecycle, "FlinkRest", cluster)
        monkeypatch.setattr(lifecycle.subprocess, "run", cluster.run)
        return lifecycle.submit(settings, Console(quiet=True), names, **how)

    return of


def test_one_client_submits_all_each_from_its_own_checkpoint(settings, submit):
    saved = complete(Layout.at(settings.var_dir).checkpoints / "one" / "chk-4", 100)
    remember(settings, job_ids=["one"])
    cluster = Cluster(["normalize", "ingest"])
    done = submit(cluster, ["normalize", "ingest"])
    ((*_, module, first, second),) = cluster.commands
    assert (module, first, second) == ("flink_jobs.together", "flink_jobs.normalize=", f"flink_jobs.ingest={saved}")
    assert [(one.name, one.job_id, one.restored_from) for one in done] == [
        ("normalize", "id-normalize", ""), ("ingest", "id-ingest", saved),
    ]  # fmt: skip
    assert json.loads((settings.var_dir / "jobs" / "ingest.json").read_text())["job_ids"] == ["one", "id-ingest"]


def test_fresh_jobs_forget_what_was_before(settings, submit):
    complete(Layout.at(settings.var_dir).checkpoints / "one" / "chk-4", 100)
    remember(settings, job_ids=["one"])
    cluster = Cluster(["ingest"])
    submit(cluster, ["ingest"], fresh=True)
    assert cluster.commands[0][-1] == "flink_jobs.ingest="
    assert json.loads((settings.var_dir / "jobs" / "ingest.json").read_text())["job_ids"] == ["id-ingest"]


def test_what_runs_is_remembered_although_the_client_failed_at_the_next(settings, submit):
    with pytest.raises(CommandError, match="failed for normalize, ingest"):
        submit(Cluster(["normalize"], code=1), ["normalize", "ingest"])
    assert json.loads((settings.var_dir / "jobs" / "normalize.json").read_text())["job_ids"] == ["id-normalize"]
    assert not (settings.var_dir / "jobs" / "ingest.json").exists()
