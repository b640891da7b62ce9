"""Several jobs by one client, which waits until it is told from where they are to start."""

import fcntl
import json
import sys
from threading import Thread
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest
from support.patience import wait_for

from flink_jobs import environment, together


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A desk, and the log of what two jobs do: built as they were ordered, run from their origins."""
    log = []
    monkeypatch.setattr(environment, "held", None)
    monkeypatch.setattr(environment, "order", environment.Order())
    monkeypatch.setattr(together, "manifest", lambda job: {"job": job.name})
    monkeypatch.setattr(together, "contents", lambda path: {"of": path})
    for name in ("first", "second"):

        def main(name=name):
            log.append(("built", name, environment.order.parallelism, environment.order.former))

            def run(origin, versions):
                log.append(("ran", name, origin, versions))

            environment.held.append(SimpleNamespace(name=name, run=run))

        monkeypatch.setitem(sys.modules, f"a_package.{name}", SimpleNamespace(main=main))
    monkeypatch.setitem(sys.modules, "a_package", SimpleNamespace())
    jobs = [
        {"module": "a_package.second", "parallelism": 2, "former": ["one", "two"]},
        {"module": "a_package.first", "parallelism": 0, "former": []},
    ]
    (tmp_path / "jobs.json").write_text(json.dumps(jobs))
    return tmp_path, log


def test_jobs_are_built_at_once_and_run_when_the_desk_says_so(desk):
    folder, log = desk
    with (folder / "owner").open("w") as owner:
        fcntl.flock(owner, fcntl.LOCK_EX)
        client = Thread(target=together.main, args=([str(folder)],), daemon=True)
        client.start()
        wait_for((folder / "built").exists, 30)
        assert log == [("built", "second", 2, ("one", "two")), ("built", "first", 0, ())]
        assert json.loads((folder / "first.json").read_text()) == {"job": "first"}
        draft = folder / "draft"
        draft.write_text(json.dumps({"second": "file:/saved/chk-4", "first": ""}))
        draft.rename(folder / "origins.json")
        wait_for((folder / "looked").exists, 30)
        assert json.loads((folder / "second.saved.json").read_text()) == {"of": "file:/saved/chk-4"}
        assert not (folder / "first.saved.json").exists()
        assert len(log) == 2
        (folder / "versions.json").write_text("[]")
        (folder / "go").touch()
        client.join()
    assert log[2:] == [("ran", "second", "file:/saved/chk-4", "[]"), ("ran", "first", "", "[]")]


def test_a_client_that_nobody_waits_for_runs_nothing(desk):
    folder, log = desk
    (folder / "owner").touch()
    with pytest.raises(SystemExit, match="nobody is left"):
        together.main([str(folder)])
    assert [kind for kind, *_ in log] == ["built", "built"]


def test_a_job_starts_from_its_origin_and_is_as_wide_as_ordered(monkeypatch):
    given = MagicMock()
    monkeypatch.setattr(environment, "Configuration", lambda: given)
    monkeypatch.setattr(environment, "StreamExecutionEnvironment", MagicMock())
    monkeypatch.setattr(environment, "order", environment.Order(3, ("one",)))
    job = environment.start("ingest")
    options = dict(call.args for call in given.set_string.call_args_list)
    assert (options["parallelism.default"], job.former) == ("3", ("one",))
    given.reset_mock()
    job.run("file:/saved/chk-4")
    given.set_string.assert_called_once_with("execution.state-recovery.path", "file:/saved/chk-4")
