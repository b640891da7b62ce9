"""One command as a task: its exit codes, its document, its retries."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path
from urllib.parse import unquote

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, TaskDeferred
from fake_polyglot import EQUAL, WELL
from polyglot_provider.operators import LARGEST_XCOM, PolyglotOperator, VerifyOperator
from polyglot_provider.reports import find
from polyglot_provider.runs import Attempt


def operator(command="drain", **how):
    return PolyglotOperator(**{"task_id": "task", "command": command, "deferrable": False, "every_s": 0.02, **how})


def test_the_document_is_the_xcom_and_the_progress_is_the_log(fake, context, capsys):
    fake.answer("drain", {"lines": ["waiting for Bronze", "warning: slow"], "document": {"seconds": 2.0}})
    assert operator(options={"timeout": 900}).execute(context) == {"seconds": 2.0}
    assert fake.calls == [["drain", "--timeout", "900", "--json"]]
    said = capsys.readouterr().out
    assert re.search(r"\[info +\] waiting for Bronze", said)
    assert re.search(r"\[warning +\] warning: slow", said)


def test_a_command_gets_none_of_airflows_variables(fake, context):
    operator().execute(context)
    assert fake.airflow_variables == set()


@pytest.mark.parametrize("code", [3, 5, 130])
def test_what_may_pass_fails_the_try(fake, context, code):
    fake.answer("drain", {"code": code, "lines": ["error: no answer from Flink"]})
    with pytest.raises(AirflowException, match="no answer from Flink") as raised:
        operator().execute(context)
    assert not isinstance(raised.value, AirflowFailException)


@pytest.mark.parametrize("code", [1, 2, 4, 77])
def test_an_answer_fails_the_task(fake, context, code):
    fake.answer("drain", {"code": code, "document": {"refused": True}})
    with pytest.raises(AirflowFailException):
        operator().execute(context)
    assert context["ti"].pushed["document"] == {"refused": True}


def test_success_without_a_document_is_none(fake, context):
    fake.answer("nothing", {"document": None})
    with pytest.raises(AirflowFailException, match="no JSON document"):
        operator("nothing").execute(context)


def test_a_retry_starts_again_what_failed(fake, context):
    fake.answer("drain", {"code": 3}, {"document": {"seconds": 1.0}})
    with pytest.raises(AirflowException):
        operator().execute(context)
    assert operator().execute(context) == {"seconds": 1.0}
    assert len(fake.calls) == 2


def test_it_waits_in_the_triggerer_and_resumes_from_the_event_alone(fake, context, tmp_path):
    fake.answer("drain", {"until": str(tmp_path / "gate"), "document": {"seconds": 3.0}})
    with pytest.raises(TaskDeferred) as deferred:
        operator(deferrable=True, defer_after_s=0).execute(context)
    assert deferred.value.kwargs is None  # they would be lost under `dags test`
    folder = deferred.value.trigger.folder
    (tmp_path / "gate").touch()
    Attempt(Path(folder)).wait()
    assert operator().resumed(context, {"folder": folder}) == {"seconds": 3.0}


def test_a_short_command_needs_no_triggerer(fake, context):
    assert operator(deferrable=True, defer_after_s=600).execute(context) == WELL["drain"]


def test_what_the_worker_has_logged_the_triggerer_does_not(fake, context, tmp_path, wait):
    fake.answer("drain", {"until": str(tmp_path / "gate"), "lines": ["one", "two"]})
    one = operator(deferrable=True, defer_after_s=0)
    with pytest.raises(TaskDeferred):
        one.execute(context)
    wait(lambda: fake.pids)
    with pytest.raises(TaskDeferred) as deferred:
        operator(deferrable=True, defer_after_s=0).execute(context)
    assert deferred.value.trigger.said == len("one\ntwo\n")
    (tmp_path / "gate").touch()
    Attempt(Path(deferred.value.trigger.folder)).wait()


def test_a_worker_killed_while_its_command_runs_leaves_one_command(fake, context, tmp_path, wait):
    fake.answer("drain", {"until": str(tmp_path / "gate"), "document": {"seconds": 4.0}})
    with pytest.raises(TaskDeferred):
        operator(deferrable=True, defer_after_s=0).execute(context)
    wait(lambda: fake.pids)
    with pytest.raises(TaskDeferred):  # the retry, while the command still runs
        operator(deferrable=True, defer_after_s=0).execute(context)
    (tmp_path / "gate").touch()
    assert operator().execute(context) == {"seconds": 4.0}  # and another one, which also finds it
    assert len(fake.calls) == 1


def test_a_command_that_was_killed_is_started_again(fake, context, tmp_path, wait):
    fake.answer("drain", {"until": str(tmp_path / "gate")}, {"document": {"seconds": 5.0}})
    with pytest.raises(TaskDeferred) as deferred:
        operator(deferrable=True, defer_after_s=0).execute(context)
    wait(lambda: fake.pids)
    os.kill(fake.pids[0], signal.SIGKILL)
    folder = deferred.value.trigger.folder
    Attempt(Path(folder)).wait()
    with pytest.raises(AirflowException, match="killed by signal 9"):
        operator().resumed(context, {"folder": folder})
    assert operator().execute(context) == {"seconds": 5.0}
    assert len(fake.calls) == 2


def test_a_cleared_task_runs_its_command_anew(fake, context):
    assert operator().execute(context)
    assert operator().execute(context)
    assert len(fake.calls) == 2


def test_mapped_tasks_and_other_runs_have_runs_of_their_own(fake, context):
    for run_id, map_index in (("run", -1), ("run", 0), ("other", -1)):
        context["ti"].run_id, context["ti"].map_index = run_id, map_index
        operator().execute(context)
    assert len(list(fake.runs.iterdir())) == 3


def test_a_command_that_takes_too_long_is_ended(fake, context, tmp_path):
    fake.answer("drain", {"until": str(tmp_path / "never")})
    with pytest.raises(AirflowException, match="timed out"):
        operator(timeout_s=0.5).execute(context)


def test_a_large_document_stays_in_its_folder(fake, context):
    fake.answer("replay", {"document": {"events": 7, "rows": ["x" * 100] * (LARGEST_XCOM // 100)}})
    found = operator("replay").execute(context)
    assert found["events"] == 7
    assert "rows" not in found
    whole = json.loads(Path(found["whole"]).read_bytes())
    assert len(whole["rows"]) == LARGEST_XCOM // 100


def test_the_link_leads_to_the_job(fake, context):
    one = operator("submit")
    assert one.flink_page(context["ti"]) == ""
    one.execute(context)
    assert one.flink_page(context["ti"]) == f"http://127.0.0.1:1/#/job/running/{'j' * 32}/overview"


def test_a_proof_publishes_its_numbers_and_links_to_its_report(fake, context):
    table = {"table": "gold_bar", "status": "different", "replayed": 3, "found": 2, "differences": {"missing": 1}}
    document = {**EQUAL, "passed": False, "differences": 1, "tables": [{**table, "samples": []}]}
    fake.answer("verify", {"code": 1, "document": document, "lines": ["error: 1 differences"]})
    proof = VerifyOperator(task_id="task", deferrable=False, options={"from": "2024-08-08"})
    with pytest.raises(AirflowFailException, match="1 differences"):
        proof.execute(context)
    metrics = (fake.runs / "metrics" / "polyglot_verify.prom").read_text()
    assert "\npolyglot_verify_differences 1\n" in metrics
    assert "\npolyglot_verify_passed 0\n" in metrics
    name = proof.report_page(context["ti"]).rsplit("/", 1)[-1]
    assert find(fake.runs, "dag", unquote(name)) == document
    assert find(fake.runs, "other", unquote(name)) is None


def test_topics_and_tables_are_datasets(fake):
    from polyglot_provider.hooks import Installation
    from polyglot_provider.lineage import place

    local = Installation(kafka="127.0.0.1:19092,127.0.0.1:19093", lake="file:///data/lake")
    assert place(local, "topic:analytics.bar.v1") == ("kafka://127.0.0.1:19092", "analytics.bar.v1")
    assert place(local, "table:gold_bar") == ("file", "/data/lake/gold_bar")
    assert place(Installation(lake="s3a://bucket/lake"), "table:gold_bar") == ("s3a://bucket", "lake/gold_bar")
    with pytest.raises(ValueError, match="topic:NAME or table:NAME"):
        place(local, "gold_bar")
    told = operator(reads=["topic:a"], writes=["table:b"]).get_openlineage_facets_on_complete(None)
    assert ([one.name for one in told.inputs], [one.name for one in told.outputs]) == (["a"], ["/lake/b"])
