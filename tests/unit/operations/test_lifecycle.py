"""From where a job is resumed: from the newest of all that its former runs have left behind."""

import json
import os

import pytest
from support.patience import patient

from operations import lifecycle
from operations.client import Client, Order
from operations.expired import Expired
from operations.releases import pack
from operations.runs import known, latest_checkpoint
from runtime.console import CommandError, Console
from runtime.layout import Layout
from schemas.versions import Held, Schedule


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
    assert latest_checkpoint(settings, "ingest") == ""


def test_the_newest_checkpoint_of_the_jobs_own_runs(settings):
    checkpoints = Layout.at(settings.var_dir).checkpoints
    complete(checkpoints / "one" / "chk-4", 100)
    newest = complete(checkpoints / "two" / "chk-1", 200)
    complete(checkpoints / "stranger" / "chk-9", 300)
    (checkpoints / "two" / "chk-2").mkdir()  # not complete
    remember(settings, job_ids=["one", "two"])
    assert latest_checkpoint(settings, "ingest") == newest


def test_a_savepoint_after_the_last_checkpoint_is_newer(settings):
    """Else a run that dies before its first checkpoint goes back behind what the lake has committed."""
    layout = Layout.at(settings.var_dir)
    complete(layout.checkpoints / "one" / "chk-4", 100)
    saved = complete(layout.savepoints / "savepoint-1", 200)
    remember(settings, job_ids=["one", "two"], savepoints=[f"file:{saved}"])
    assert latest_checkpoint(settings, "ingest") == saved
    newest = complete(layout.checkpoints / "two" / "chk-5", 300)
    assert latest_checkpoint(settings, "ingest") == newest


@pytest.fixture
def submit(settings, cluster, monkeypatch):
    monkeypatch.setattr(lifecycle, "rules", lambda _: None)
    monkeypatch.setattr(lifecycle, "planned", lambda *_: (Schedule((Held("bar", 1),)), []))
    monkeypatch.setattr(lifecycle, "record", lambda *_: None)
    monkeypatch.setattr(lifecycle, "renew_taskmanager", lambda *_: None)
    monkeypatch.setattr(lifecycle, "await_running", lambda *_: None)
    monkeypatch.setattr(lifecycle, "cuts", lambda *_: [])
    return lambda names, **how: lifecycle.submit(settings, Console(quiet=True), names, **how)


def test_one_client_submits_all_each_from_its_own_checkpoint(settings, cluster, submit):
    saved = complete(Layout.at(settings.var_dir).checkpoints / "one" / "chk-4", 100)
    remember(settings, job_ids=["one"])
    done = submit(["normalize", "ingest"])
    assert cluster.asked == [[
        {"module": "flink_jobs.normalize", "parallelism": 0, "former": []},
        {"module": "flink_jobs.ingest", "parallelism": 0, "former": ["one"]},
    ]]  # fmt: skip
    assert cluster.origins == [{"normalize": "", "ingest": saved}]
    assert [(one.name, one.job_id, one.restored_from) for one in done] == [
        ("normalize", "id-normalize", ""), ("ingest", "id-ingest", saved),
    ]  # fmt: skip
    found = known(settings, "ingest")
    assert found.job_ids == ["one", "id-ingest"]
    assert found.manifest == {"job": "ingest", "operators": {"fold": {"kind": "KEYED PROCESS", "states": [3]}}}
    assert (settings.var_dir / "releases" / found.release / "flink_jobs" / "ingest.py").exists()


def test_a_job_does_not_start_behind_what_it_has_not_read_unless_it_is_told_to(settings, cluster, submit, monkeypatch):
    gone = Expired("ingest", "polyglot-ingest", "raw.sim.trade.v1", 0, 40, 100, 400)
    monkeypatch.setattr(lifecycle, "cuts", lambda _, jobs: [gone] if "ingest" in jobs else [])
    submit(["ingest"])  # it never ran: it begins where the topic does
    complete(Layout.at(settings.var_dir).checkpoints / "id-ingest" / "chk-4", 100)
    (cluster.folder / "went.log").unlink()
    with pytest.raises(CommandError, match=r"at most 60 of raw\.sim\.trade\.v1/0"):
        submit(["normalize", "ingest"])
    assert len(cluster.asked) == 1
    submit(["ingest"], skip_expired=True)
    submit(["normalize"], fill=settings.var_dir / "fill")
    skips, folder = "POLYGLOT_FLINK__EXPIRED", "POLYGLOT_FLINK__FILL"
    assert [(one.get(skips), one.get(folder)) for one in cluster.environment] == [
        (None, None), ("skip", None), ("skip", str(settings.var_dir / "fill")),
    ]  # fmt: skip


def test_fresh_jobs_forget_what_was_before(settings, cluster, submit):
    complete(Layout.at(settings.var_dir).checkpoints / "one" / "chk-4", 100)
    remember(settings, job_ids=["one"])
    submit(["ingest"], fresh=True)
    assert (cluster.origins, cluster.asked[0][0]["former"]) == ([{"ingest": ""}], [])
    assert known(settings, "ingest").job_ids == ["id-ingest"]


def test_what_runs_is_remembered_although_the_client_failed_at_the_next(settings, cluster, submit):
    cluster.come, cluster.code = ["normalize"], 1
    with pytest.raises(CommandError, match="failed for normalize, ingest:\nit broke"):
        submit(["normalize", "ingest"])
    assert known(settings, "normalize").job_ids == ["id-normalize"]
    assert known(settings, "ingest").job_ids == []


def test_a_job_that_cannot_be_built_starts_nothing(settings, cluster, submit):
    cluster.breaks = True
    with pytest.raises(CommandError, match="failed for ingest:\nit broke"):
        submit(["ingest"])
    assert (cluster.origins, known(settings, "ingest").job_ids) == ([], [])


@pytest.mark.parametrize(
    ("saved", "message"),
    [
        ({"error": "FileNotFoundException: gone/_metadata"}, "cannot start from gone: FileNotFound"),
        ({"number": 7, "operators": [{"uid": "fold", "bytes": 9}], "missing": ["gone/1", "gone/2"]}, "2 of its files"),
        ({"number": 7, "operators": [{"uid": "bars", "bytes": 9}], "missing": []}, "another job's"),
    ],
)
def test_a_savepoint_is_looked_at_before_a_job_starts_from_it(settings, cluster, submit, saved, message):
    cluster.saved = saved
    with pytest.raises(CommandError, match=message):
        submit(["ingest"], from_savepoint="gone")
    assert not cluster.went
    assert known(settings, "ingest").job_ids == []


def test_a_client_whose_owner_is_gone_ends(settings, cluster):
    with Client(settings, pack(settings), [Order("flink_jobs.ingest")]) as client:
        client.manifests()
        client._owner.close()
        assert client._process.wait(patient(30)) != 0
