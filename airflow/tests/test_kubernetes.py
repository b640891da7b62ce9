"""A FlinkDeployment is created once; its job is waited for, not its JobManager. A SparkApplication likewise."""

from __future__ import annotations

import json

import pytest
from airflow.sdk.exceptions import AirflowFailException
from fake_kubernetes import connection, serving
from kubernetes.client import ApiException
from polyglot_provider.kubernetes import (
    BOUNDED,
    FlinkDeploymentOperator,
    FlinkDeploymentSensor,
    SparkApplicationOperator,
    SparkApplicationSensor,
    as_bounded,
    of_run,
)


def deployment(name="normalize"):
    return {
        "apiVersion": "flink.apache.org/v1beta1",
        "kind": "FlinkDeployment",
        "metadata": {"name": name},
        "spec": {
            "image": "polyglot-flink:2.2.1",
            "flinkVersion": "v2_2",
            "podTemplate": {"spec": {"containers": [{"name": "flink-main-container"}]}},
            "job": {"jarURI": "local:///x.jar", "upgradeMode": "savepoint", "initialSavepointPath": "s3://b/s"},
        },
    }


@pytest.fixture
def cluster(monkeypatch):
    with serving(["RECONCILING", "RUNNING", "FINISHED"]) as fake:
        monkeypatch.setenv("AIRFLOW_CONN_KUBERNETES_DEFAULT", connection(fake))
        yield fake


def operator(body):
    return FlinkDeploymentOperator(task_id="submit", application_file=json.dumps(body), namespace="polyglot")


def test_a_retry_finds_what_the_lost_answer_was_about(cluster, context):
    cluster.lose = 1
    with pytest.raises(ApiException):
        operator(deployment()).execute(context)
    assert operator(deployment()).execute(context) == {"name": "normalize", "uid": "u-1"}
    assert len(cluster.stored) == 1


def test_somebody_elses_deployment_is_left_alone(cluster, context):
    operator(deployment()).execute(context)
    context["ti"].run_id = "another"
    with pytest.raises(AirflowFailException, match="already, of dag/run/task/-1"):
        operator(deployment()).execute(context)


def test_a_manifest_that_is_none_is_refused(cluster, context):
    if cluster.validator is None:
        pytest.skip("no schema of FlinkDeployment beside the captures (k8s/)")
    body = deployment()
    body["spec"]["job"]["upgradeMod"] = "savepoint"
    with pytest.raises(ApiException) as raised:
        operator(body).execute(context)
    assert raised.value.status == 422


def sensor(**how):
    return FlinkDeploymentSensor(task_id="wait", application_name="normalize", namespace="polyglot", **how)


def test_a_jobmanager_that_is_ready_is_not_the_end(cluster, context):
    operator(deployment()).execute(context)
    waiting = sensor()
    assert [waiting.poke(context) for _ in range(3)] == [False, False, True]


def test_a_job_without_an_end_is_waited_for_until_it_runs(cluster, context):
    operator(deployment()).execute(context)
    waiting = sensor(until=("RUNNING",))
    assert [waiting.poke(context) for _ in range(2)] == [False, True]


@pytest.mark.parametrize("state", ["FAILED", "CANCELED"])
def test_a_job_that_failed_fails_the_task(cluster, context, state):
    operator(deployment()).execute(context)
    cluster.states = [state]
    with pytest.raises(AirflowFailException, match=state):
        sensor().poke(context)


def test_a_bounded_run_has_a_name_of_its_own_and_begins_from_nothing():
    before = deployment()
    found = as_bounded(before, "manual__2024")
    assert before == deployment(), "what was rendered is left as it is"
    assert found["metadata"]["name"] != as_bounded(before, "manual__2025")["metadata"]["name"]
    assert len(found["metadata"]["name"]) <= 45
    (container,) = found["spec"]["podTemplate"]["spec"]["containers"]
    assert {one["name"]: one["value"] for one in container["env"]} == BOUNDED
    assert found["spec"]["job"] == {"jarURI": "local:///x.jar", "upgradeMode": "stateless"}


def application():
    """Return what `polyglot spark-application` renders, but for options of the JVM."""
    pod = {
        "cores": 1,
        "memory": "2048m",
        "envFrom": [{"secretRef": {"name": "polyglot"}}],
        "volumeMounts": [{"name": "shared", "mountPath": "/shared"}],
    }
    return {
        "apiVersion": "sparkoperator.k8s.io/v1beta2",
        "kind": "SparkApplication",
        "metadata": {"name": "polyglot-replay"},
        "spec": {
            "type": "Python",
            "mode": "cluster",
            "image": "polyglot-spark:3.5.7",
            "sparkVersion": "3.5.7",
            "mainApplicationFile": "local:///opt/polyglot/polyglot/submitted.py",
            "arguments": ["replay", "--publish", "--json"],
            "restartPolicy": {"type": "Never"},
            "sparkConf": {"spark.driver.extraClassPath": "/opt/polyglot/.cache/jars/spark/*"},
            "volumes": [{"name": "shared", "persistentVolumeClaim": {"claimName": "polyglot"}}],
            "driver": {**pod, "serviceAccount": "spark"},
            "executor": {**pod, "instances": 2},
        },
    }


def spark(body):
    return SparkApplicationOperator(task_id="submit", application_file=json.dumps(body), namespace="polyglot")


def test_a_retry_starts_no_second_driver(cluster, context):
    cluster.lose = 1
    body = of_run(application(), "manual__2024")
    with pytest.raises(ApiException):
        spark(body).execute(context)
    assert spark(of_run(application(), "manual__2024")).execute(context) == {
        "name": body["metadata"]["name"],
        "uid": "u-1",
    }
    assert len(cluster.stored) == 1
    context["ti"].task_id = "another"
    with pytest.raises(
        AirflowFailException, match=r"a SparkApplication polyglot-replay-\w+ already, of dag/run/task/-1"
    ):
        spark(body).execute(context)


@pytest.mark.parametrize(
    ("place", "key", "value"),
    [("spec", "sparkConfig", {}), ("driver", "memry", "1m"), ("spec", "mainApplicationFile", "/here/submitted.py")],
)
def test_an_application_that_is_none_is_refused(cluster, context, place, key, value):
    body = application()
    (body["spec"] if place == "spec" else body["spec"][place])[key] = value
    with pytest.raises(ApiException) as raised:
        spark(body).execute(context)
    assert raised.value.status == 422


def test_an_application_is_waited_for_to_its_end(cluster, context):
    spark(application()).execute(context)
    waiting = SparkApplicationSensor(task_id="wait", application_name="polyglot-replay", namespace="polyglot")
    cluster.states = ["", "SUBMITTED", "RUNNING", "UNKNOWN", "COMPLETED"]
    assert [waiting.poke(context) for _ in range(5)] == [False, False, False, False, True]
    cluster.states = ["FAILED"]
    with pytest.raises(AirflowFailException, match="polyglot-replay is FAILED: driver pod failed"):
        waiting.poke(context)
