"""A command in a driver that somebody else starts: what `spark-submit` is called with, and what Kubernetes is given."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from batch.spark import session, submission
from batch.spark.session import ROOT
from polyglot.cli import run
from runtime.config import Settings
from runtime.console import Exit

WORDS = ["replay", "--from", "2024-08-08", "--publish"]


@pytest.fixture(autouse=True)
def jars(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "_jars", lambda folder: [folder / "hudi-spark.jar"])
    monkeypatch.delenv("SPARK_HOME", raising=False)


def settings(master: str = "spark://a:7077", **spark: Any) -> Settings:
    return Settings(spark={"master": master, **spark})


def test_the_call_starts_the_jvm_with_what_it_cannot_be_given_later() -> None:
    found = submission.call(settings(memory_mb=700, conf={"spark.driver.memory": "900m"}), WORDS)
    confs = dict(part.split("=", 1) for flag, part in pairwise(found) if flag == "--conf")
    assert confs["spark.driver.extraClassPath"].partition(":")[0].endswith("jars/spark/hudi-spark.jar")
    assert "--add-opens=java.base/java.nio=ALL-UNNAMED" in confs["spark.driver.extraJavaOptions"]
    assert confs["spark.driver.memory"] == "900m", "a site's own options win"
    assert found[0] == str(Path(sys.executable).with_name("spark-submit"))
    assert found[1:5] == ["--master", "spark://a:7077", "--deploy-mode", "client"]
    assert found[-5:] == [str(ROOT / "polyglot" / "submitted.py"), *WORDS]
    assert Path(found[-5]).is_file()


def test_a_sites_own_spark_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_HOME", "/opt/spark")
    monkeypatch.setenv("PYTHONPATH", "/more")
    assert submission.call(settings(), WORDS)[0] == "/opt/spark/bin/spark-submit"
    assert submission.environment()["PYTHONPATH"] == f"{ROOT}:/more"
    assert submission.environment()["PYSPARK_DRIVER_PYTHON"] == sys.executable


def test_the_application_writes_to_the_stdout_of_whoever_called_spark_submit(tmp_path: Path) -> None:
    """Its parent, here this process, has that open under some number; its own stdout is for the JVM's libraries."""
    with (tmp_path / "out").open("wb") as out:
        command = [sys.executable, str(ROOT / submission.PROGRAM), "spark-submit", "--help"]
        env = {**submission.environment(), submission.STDOUT: str(out.fileno())}
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert "spark-submit" in (tmp_path / "out").read_text()


def test_a_program_that_is_not_there_is_said_and_stdout_is_ours_again(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SPARK_HOME", "/nowhere")
    monkeypatch.setenv("POLYGLOT_SPARK__MASTER", "yarn")
    assert run(["spark-submit", "verify"]) == Exit.MISSING
    os.write(1, b"ours")
    found = capfd.readouterr()
    assert (found.out, "/nowhere/bin/spark-submit" in found.err) == ("ours", True)


def application(**spark: Any) -> dict[str, Any]:
    found = settings("k8s://https://a", **{"shared_dir": "/shared", **spark})
    return submission.application(found, WORDS, image="spark:1", claim="claim")


def test_pods_see_one_folder_and_hold_no_password() -> None:
    spec = application(cores=5, executor_cores=2, executor_memory_mb=3000)["spec"]
    for pod in ("driver", "executor"):
        assert spec[pod]["volumeMounts"] == [{"name": "shared", "mountPath": "/shared"}]
        assert spec[pod]["envFrom"] == [{"secretRef": {"name": "polyglot"}}]
    executor = spec["executor"]
    assert (executor["instances"], executor["cores"], executor["memory"]) == (3, 2, "3000m")
    assert spec["arguments"] == WORDS


def test_a_driver_in_a_pod_has_the_settings_that_were_chosen_and_the_images_paths() -> None:
    spec = application(cores=5, conf={"spark.kubernetes.namespace": "n"}, jars_dir="/here")["spec"]
    assert {one["name"]: one["value"] for one in spec["driver"]["env"]} == {
        "POLYGLOT_CACHE_DIR": "/opt/polyglot/.cache",
        "POLYGLOT_SPARK__MASTER": "k8s://https://a",
        "POLYGLOT_SPARK__CORES": "5",
        "POLYGLOT_SPARK__SHARED_DIR": "/shared",
    }
    assert spec["sparkConf"]["spark.kubernetes.namespace"] == "n"
    assert str(ROOT) not in str(spec)


@pytest.mark.parametrize(
    ("command", "variables", "message"),
    [
        (["spark-submit", "verify"], {}, "Spark is local"),
        (["spark-submit", "feed", "sim"], {"MASTER": "yarn"}, "feed is none of"),
        (["spark-application", "--image", "i", "--claim", "c", "verify"], {"MASTER": "yarn"}, "yarn is no Kubernetes"),
        (
            ["spark-application", "--image", "i", "--claim", "c", "verify"],
            {"MASTER": "k8s://https://a"},
            "POLYGLOT_SPARK__SHARED_DIR",
        ),
    ],
)
def test_what_cannot_run_there_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: list[str],
    variables: dict[str, str], message: str,
) -> None:  # fmt: skip
    for name, value in variables.items():
        monkeypatch.setenv(f"POLYGLOT_SPARK__{name}", value)
    assert run(command) == Exit.USAGE
    assert message in capsys.readouterr().err


def test_a_command_keeps_its_own_options(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("POLYGLOT_SPARK__MASTER", "yarn")
    assert run(["spark-submit", "--explain", "replay", "--from", "2024-08-08", "--explain", "--json"]) == Exit.OK
    assert capsys.readouterr().out.rstrip().endswith("submitted.py replay --from 2024-08-08 --explain --json")


def test_the_fake_of_kubernetes_takes_it() -> None:
    """Its structure is that of sparkoperator.k8s.io/v1beta2, as far as it is used (``airflow/tests``)."""
    path = ROOT / "airflow" / "tests" / "fake_kubernetes.py"
    spec = importlib.util.spec_from_file_location("fake_kubernetes", path)
    assert spec and spec.loader
    fake = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fake)
    validators = [one for one in fake.Kubernetes([]).validators["sparkapplications"] if one]
    assert [error.message for one in validators for error in one.iter_errors(application())] == []
    assert not validators[0].is_valid({**application(), "spec": {}})
