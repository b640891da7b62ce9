"""Every DAG runs from end to end, against the fake of the command line; what it calls the real one understands."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fake_kubernetes import connection, serving
from fake_polyglot import WELL
from test_kubernetes import application, deployment

ROOT = Path(__file__).parents[2]
#: What any test had a DAG call.
CALLED: list[list[str]] = []
DAY = ["--from", "2024-08-08", "--to", "2024-08-09"]


@pytest.fixture
def run(dag, fake):
    def run_dag(which, conf: dict | None = None, approve: str | None = None) -> dict[str, str]:
        one = dag(which) if isinstance(which, str) else which
        done = one.test(run_conf=conf or {}, mark_success_pattern=approve)
        CALLED.extend(fake.calls)
        states = {one.task_id: str(one.state) for one in done.get_task_instances()}
        return {"": str(done.state), **states}

    return run_dag


def test_all_are_there_without_errors(bag):
    assert bag.import_errors == {}
    names = "amend backfill freshness kubernetes kubernetes_spark maintenance redrive repair replay restate upgrade"
    assert set(bag.dags) == {f"polyglot_{name}" for name in [*names.split(), "verify_daily"]}
    for dag in bag.dags.values():
        assert dag.doc_md and dag.description
        assert dag.max_active_runs == 1, "two runs of one range at once would publish it twice"


def test_a_replay_by_spark_is_published_and_proven_for_each_entity(run, fake):
    done = run("polyglot_replay", {"from": "2024-08-08", "to": "2024-08-09", "entities": ["sim:A", "sim:B"]})
    assert done[""] == "success"
    assert [call[0] for call in fake.calls] == ["drain", "replay", "replay", "drain", "verify", "verify"]
    # Entities come in any order.
    assert sorted(fake.calls[1:3]) == [
        ["replay", *DAY, "--entity", f"sim:{name}", "--publish", "--json"] for name in "AB"
    ]
    assert sorted(fake.calls[4:]) == [["verify", *DAY, "--entity", f"sim:{name}", "--json"] for name in "AB"]


def test_a_replay_by_flink_is_asked_of_flink_and_proven_by_spark(run, fake):
    done = run("polyglot_replay", {"engine": "flink", "from": "2024-08-08", "to": "2024-08-09", "entities": ["sim:A"]})
    assert done[""] == "success"
    which = [*DAY, "--entity", "sim:A"]
    assert fake.calls == [
        ["drain", "--json"],
        ["replay", *which, "--engine", "flink", "--publish", "--json"],
        ["drain", "--json"],
        ["verify", *which, "--json"],
    ]


def test_a_proof_alone_is_the_engines_that_was_asked(run, fake):
    asked = {"engine": "flink", "from": "2024-08-08", "to": "2024-08-09", "mode": "verify only"}
    assert run("polyglot_replay", asked)[""] == "success"
    assert fake.calls[-1] == ["verify", *DAY, "--engine", "flink", "--json"]
    assert "replay" not in [call[0] for call in fake.calls]


@pytest.mark.parametrize(
    ("start", "end"), [("2024-08-09", "2024-08-08"), ("2024-08-08", "2024-08-08"), ("2999-01-01", ""), ("tuesday", "")]
)
def test_a_range_that_is_none_is_refused_before_anything_starts(start, end):
    from airflow.sdk.exceptions import AirflowFailException
    from polyglot_provider.ranges import checked

    with pytest.raises(AirflowFailException, match="from"):
        checked(start, end)


def test_a_service_that_was_away_is_tried_again_and_differences_are_not(run, fake):
    different = {**WELL["verify"], "passed": False, "differences": 2}
    fake.answer("verify", {"code": 3, "lines": ["error: no broker"]}, {"code": 1, "document": different})
    done = run("polyglot_verify_daily", {"day": "2024-08-08"})
    assert done == {"": "failed", "settled": "success", "day": "success", "proof": "failed"}
    assert fake.calls == [["drain", "--json"], *[["verify", *DAY, "--json"]] * 2]


def test_a_replay_may_be_a_proof_alone(bag):
    replays = bag.dags["polyglot_replay"].task_dict["replays"].python_callable
    assert replays([{"from": "a"}], params={"mode": "verify only", "engine": "spark"}) == []


@pytest.mark.parametrize(
    ("dag_id", "nothing", "something"),
    [
        ("polyglot_amend", {"amended": 0}, {"amended": 1}),
        ("polyglot_redrive", {"copies": []}, {"copies": [{}]}),
        ("polyglot_upgrade", {"nothing": True}, {"nothing": False}),
    ],
)
def test_where_there_is_nothing_to_do_nothing_is_done(bag, dag_id, nothing, something):
    gate = bag.dags[dag_id].task_dict["anything"]
    assert [gate.python_callable(nothing), gate.python_callable(something)] == [False, True]
    assert gate.downstream_task_ids


def test_a_backfilled_day_is_published_and_proven(dag, run, fake):
    one = dag("polyglot_backfill")
    recompute = one.task_dict["recompute"]
    recompute.defer_after_s, recompute.every_s = 0, 0.5  # as if it took its time: in the triggerer
    assert run(one, {"day": "2024-08-08", "entity": "sim:A"})[""] == "success"
    which = [*DAY, "--entity", "sim:A"]
    assert fake.calls == [
        ["drain", "--json"],
        ["replay", *which, "--publish", "--json"],
        ["drain", "--json"],
        ["verify", *which, "--json"],
    ]


def test_a_corporate_action_restates_and_proves_the_adjusted_tables(run, fake):
    assert run("polyglot_restate", {"entity": "reference:CALM"})[""] == "success"
    assert fake.calls == [
        ["drain", "--json"],
        ["adjust", "--entity", "reference:CALM", "--json"],
        ["drain", "--json"],
        ["verify", "--store", "adjusted", "--json"],
    ]


def test_a_repair_proves_the_days_that_it_restated(run, fake):
    spans = [
        {"from": "2024-08-09T00:00:00Z", "to": "2024-08-10T00:00:00Z"},
        {"from": "2024-08-08T00:00:00Z", "to": "2024-08-09T00:00:00Z"},
    ]
    fake.answer("repair", {"document": {"requests": 2, "published": 9, "replays": spans}})
    assert run("polyglot_repair")[""] == "success"
    assert fake.calls[1:] == [
        ["drain", "--json"],
        ["verify", "--from", "2024-08-08T00:00:00Z", "--to", "2024-08-10T00:00:00Z", "--json"],
    ]


AMENDMENT = {"entity": "sim:A", "from": "2024-08-08", "to": "2024-08-09"}


def test_tables_are_maintained_before_topics_are_cut(run, fake):
    assert run("polyglot_maintenance")[""] == "success"
    assert fake.calls == [["tables", "maintain", "--json"], ["retention", "--apply", "--json"]]


def test_an_amendment_that_was_approved_is_recorded_and_proven(run, fake):
    assert run("polyglot_amend", AMENDMENT, approve="approve")[""] == "success"
    line = ["amend", "--entity", "sim:A", *DAY, "--horizon", "30d"]
    proof = ["verify", "--entity", "sim:A", *DAY, "--json"]
    assert fake.calls == [[*line, "--dry-run", "--json"], [*line, "--json"], proof]


def test_letters_are_sent_again_and_proven(run, fake):
    assert run("polyglot_redrive", {"reason": "quality", "since": "2024-08-08"})[""] == "success"
    line = ["deadletters", "redrive", "--reason", "quality", "--since", "2024-08-08"]
    assert fake.calls[1:3] == [[*line, "--dry-run", "--json"], [*line, "--json"]]
    assert fake.calls[-1][:2] == ["verify", "--store"]


def test_a_stream_and_its_last_proof_are_looked_at(run, fake):
    assert run("polyglot_freshness", {"max_age_s": 60}) == {"": "failed", "fresh": "success", "proven": "failed"}
    assert [call[0] for call in fake.calls] == ["status", "query"]


def test_a_proof_that_is_old_or_did_not_hold_breaks_the_promise(fake):
    from airflow.sdk.exceptions import AirflowFailException
    from polyglot_provider.metrics import last_proof, publish

    publish(fake.runs, WELL["verify"])
    assert last_proof(fake.runs, 3600)["differences"] == 0
    with pytest.raises(AirflowFailException, match="h old"):
        last_proof(fake.runs, -1)
    publish(fake.runs, {**WELL["verify"], "passed": False, "differences": 2})
    with pytest.raises(AirflowFailException, match="2 differences"):
        last_proof(fake.runs, 3600)


def test_an_upgrade_is_planned_applied_and_proven(run, fake):
    assert run("polyglot_upgrade", {"watch": 30, "from": "2024-08-08"})[""] == "success"
    assert [call[0] for call in fake.calls] == ["status", "plan", "apply", "status", "drain", "verify"]
    assert ["apply", "--watch", "30", "--json"] in fake.calls


def test_a_rendered_deployment_is_run_to_its_end(dag, run, fake, monkeypatch):
    fake.answer("render", {"document": deployment()})
    one = dag("polyglot_kubernetes")
    one.task_dict["finished"].poke_interval = timedelta(seconds=0.1)
    with serving(["RUNNING", "FINISHED"]) as cluster:
        monkeypatch.setenv("AIRFLOW_CONN_KUBERNETES_DEFAULT", connection(cluster))
        assert run(one, {"state": "s3://bucket/flink"})[""] == "success"
        ((namespace, name),) = cluster.stored
    assert (namespace, name[:18]) == ("polyglot", "normalize-bounded-")
    assert fake.calls == [
        ["render", "normalize", "--state", "s3://bucket/flink", "--image", "polyglot-flink:2.2.1", "--json"]
    ]


def test_a_rendered_application_is_run_to_its_end_and_proven(dag, run, fake, monkeypatch):
    fake.answer("spark-application", {"document": application()})
    one = dag("polyglot_kubernetes_spark")
    one.task_dict["finished"].poke_interval = timedelta(seconds=0.1)
    with serving(["SUBMITTED", "RUNNING", "COMPLETED"]) as cluster:
        monkeypatch.setenv("AIRFLOW_CONN_KUBERNETES_DEFAULT", connection(cluster))
        assert run(one, {"from": "2024-08-08", "to": "2024-08-09", "entity": "sim:A"})[""] == "success"
        ((namespace, name),) = cluster.stored
    assert (namespace, name[:16]) == ("polyglot", "polyglot-replay-")
    which = [*DAY, "--entity", "sim:A"]
    image = ["--image", "polyglot-spark:3.5.7", "--claim", "polyglot"]
    assert fake.calls == [
        ["drain", "--json"],
        ["spark-application", "--json", *image, "replay", *which, "--publish", "--json"],
        ["drain", "--json"],
        ["verify", *which, "--json"],
    ]


def test_a_replay_on_a_cluster_is_submitted_by_spark_submit(run, fake):
    fake.answer("spark-submit", {"document": WELL["replay"]})
    asked = {"engine": "spark-submit", "from": "2024-08-08", "to": "2024-08-09"}
    assert run("polyglot_replay", asked)[""] == "success"
    assert fake.calls[1:2] == [["spark-submit", "replay", *DAY, "--publish", "--json"]]
    assert [call[0] for call in fake.calls] == ["drain", "spark-submit", "drain", "verify"]


def test_scheduled_runs_of_the_backfill_do_nothing(bag):
    from types import SimpleNamespace

    asked_for = bag.dags["polyglot_backfill"].task_dict["asked_for"].python_callable
    found = {kind: asked_for(dag_run=SimpleNamespace(run_type=kind)) for kind in ("scheduled", "backfill", "manual")}
    assert found == {"scheduled": False, "backfill": True, "manual": True}


@pytest.mark.parametrize("dag_id", ["polyglot_verify_daily", "polyglot_backfill"])
def test_a_day_is_a_whole_day_that_is_over(bag, dag_id):
    from airflow.serialization.encoders import coerce_to_core_timetable
    from airflow.timetables.base import TimeRestriction
    from polyglot_provider.ranges import day_of

    timetable = coerce_to_core_timetable(bag.dags[dag_id].timetable)
    restriction = TimeRestriction(earliest=datetime(2024, 8, 8, tzinfo=UTC), latest=None, catchup=True)
    info = timetable.next_dagrun_info_v2(last_dagrun_info=None, restriction=restriction)
    assert day_of({"params": {}, "data_interval_start": info.data_interval.start}) == {
        "from": "2024-08-08",
        "to": "2024-08-09",
    }
    assert info.run_after >= datetime(2024, 8, 9, tzinfo=UTC)


def test_datasets_are_the_contracts(bag):
    from polyglot_provider import lineage

    text = (ROOT / "schemas" / "domains.toml").read_text()
    for name, value in vars(lineage).items():
        if name.isupper() and isinstance(value, tuple):
            for dataset in value:
                kind, _, rest = dataset.partition(":")
                assert f'topics."{rest}"' in text or f"tables.{rest}]" in text, f"{name}: no {kind} {rest}"


def test_the_real_command_line_understands_every_call():
    """Last: it looks at what the tests above had DAGs call."""
    assert len(CALLED) > 20
    python = ROOT / ".venv" / "bin" / "python"
    found = (
        python if python.exists() else shutil.which("polyglot") and Path(shutil.which("polyglot")).with_name("python")
    )
    if not found:
        pytest.skip("the product is not installed beside this environment: `make setup`")
    done = subprocess.run(
        [found, ROOT / "airflow" / "tests" / "understood.py"],
        input=json.dumps(CALLED),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["wrong"] == []
    assert answer["unknown"] == []
