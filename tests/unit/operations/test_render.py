"""Application mode: what is rendered is what the operator's own schema takes, and holds no password."""

import gzip
import importlib.util
import json
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator
from support.captures import PLACE

from operations.upgrade import render
from runtime.config import Settings

SETTINGS = Settings(flink={"parallelism": 2}, kafka={"sasl_password": "hidden"}, clickhouse={"password": "hidden"})


def strict(schema):
    """Let typos fail: what the schema does not name is not allowed, where it names something."""
    if isinstance(schema, dict):
        if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
            schema.setdefault("additionalProperties", False)
        for inner in schema.values():
            strict(inner)
    elif isinstance(schema, list):
        for inner in schema:
            strict(inner)
    return schema


@pytest.fixture(scope="module")
def schema():
    path = Path(PLACE or "nowhere").parent / "k8s" / "flinkdeployments.crd.yml.gz"
    if not path.exists():
        pytest.skip("no schema of FlinkDeployment beside the captures (k8s/)")
    versions = yaml.load(gzip.decompress(path.read_bytes()), yaml.CSafeLoader)["spec"]["versions"]
    found = strict(versions[0]["schema"]["openAPIV3Schema"])
    found["properties"] |= {"apiVersion": {}, "kind": {}, "metadata": {}}
    return Draft202012Validator(found)


def deployment(**how):
    return render.kubernetes(SETTINGS, "normalize", image="polyglot:1", state="s3://bucket/flink/", **how)


@pytest.mark.parametrize("savepoint", ["", "s3://bucket/flink/savepoints/savepoint-1"])
def test_the_operators_schema_takes_it(schema, savepoint):
    assert [error.message for error in schema.iter_errors(deployment(savepoint=savepoint))] == []


def test_the_schema_sees_a_typo(schema):
    document = deployment()
    document["spec"]["job"]["upgradeMod"] = document["spec"]["job"].pop("upgradeMode")
    assert list(schema.iter_errors(document))


def test_it_never_drops_state_and_holds_no_password():
    document = deployment(savepoint="s3://bucket/one")
    job = document["spec"]["job"]
    assert (job["allowNonRestoredState"], job["upgradeMode"], job["parallelism"]) == (False, "savepoint", 2)
    assert job["initialSavepointPath"] == "s3://bucket/one"
    assert document["spec"]["flinkConfiguration"]["execution.checkpointing.dir"] == "s3://bucket/flink/checkpoints"
    assert "hidden" not in json.dumps(document)


def test_a_standalone_cluster_of_one_job():
    assert importlib.util.find_spec(render.MODULE)
    manager, worker = render.standalone(SETTINGS, "ingest", savepoint="file:/s p")
    assert manager == (
        "$FLINK_HOME/bin/standalone-job.sh start --job-classname org.apache.flink.client.python.PythonDriver "
        "--fromSavepoint 'file:/s p' -Dparallelism.default=2 -pym operations.application ingest"
    )
    assert worker == "$FLINK_HOME/bin/taskmanager.sh start"
