"""From where a job is resumed: from the newest of all that its former runs have left behind."""

import json
import os

import pytest

from polyglot.config import Settings
from polyglot.jobs import lifecycle
from polyglot.stack.layout import Layout


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
