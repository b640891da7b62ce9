"""What a session is started with, here and on a cluster."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from batch.spark import session
from runtime.config import SparkSettings

JARS = [Path("/jars/hudi-spark.jar"), Path("/jars/kafka.jar")]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_LOCAL_IP", "127.0.0.1")


def test_nobody_reaches_a_local_spark(tmp_path: Path) -> None:
    found = session._here(tmp_path, SparkSettings())
    assert {found["spark.driver.host"], found["spark.driver.bindAddress"]} == {"127.0.0.1"}


def test_executors_have_the_jars_from_their_beginning_and_as_many_tasks_as_were_asked_for() -> None:
    found = session._cluster(JARS, SparkSettings(master="spark://a:7077", cores=5, executor_cores=2))
    assert found["spark.executor.extraClassPath"] == "/jars/hudi-spark.jar:/jars/kafka.jar"
    assert (found["spark.cores.max"], found["spark.executor.instances"]) == ("5", "3")
    assert "--add-opens=java.base/java.nio=ALL-UNNAMED" in found["spark.executor.extraJavaOptions"]
    assert found["spark.executorEnv.PYTHONPATH"] == str(session.ROOT)
    assert not {"spark.driver.host", "spark.archives"} & found.keys()


def test_a_packed_environment_is_unpacked_where_executors_look_for_the_project() -> None:
    where = SparkSettings(
        master="yarn", archive="hdfs:///env.tar.gz", jars_dir=Path("/opt/jars"), driver_host="10.0.0.1"
    )
    found = session._cluster(JARS, where)
    assert found["spark.archives"] == "hdfs:///env.tar.gz#environment"
    assert found["spark.executorEnv.PYTHONPATH"] == "./environment"
    assert found["spark.executor.extraClassPath"] == "/opt/jars/hudi-spark.jar:/opt/jars/kafka.jar"
    assert found["spark.driver.host"] == "10.0.0.1"


class Builder:
    """Takes the options of a session, and starts nothing."""

    def __init__(self) -> None:
        self.conf: dict[str, str] = {}

    def appName(self, _name: str) -> Builder:  # noqa: N802 - Spark's
        return self

    def config(self, key: str, value: str) -> Builder:
        self.conf[key] = value
        return self

    def getOrCreate(self) -> Any:  # noqa: N802 - Spark's
        return SimpleNamespace(sparkContext=SimpleNamespace(setLogLevel=str), stop=lambda: None)


@pytest.mark.parametrize("submitted", [False, True])
def test_a_driver_that_spark_submit_has_started_keeps_its_master_and_its_jvm(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, submitted: bool
) -> None:
    for name in ("PYSPARK_PYTHON", "PYSPARK_DRIVER_PYTHON", "PYTHONPATH"):
        monkeypatch.setenv(name, "")  # so that what the session sets is gone afterwards
    monkeypatch.setenv("PYSPARK_GATEWAY_PORT", "1")
    if not submitted:
        monkeypatch.delenv("PYSPARK_GATEWAY_PORT")
    builder = Builder()
    monkeypatch.setattr(session, "SparkSession", SimpleNamespace(builder=builder))
    monkeypatch.setattr(session, "_jars", lambda _: JARS)
    where = SparkSettings(master="k8s://https://a", executor_memory_mb=700)
    with session.spark_session(tmp_path, tmp_path / "scratch", where=where):
        pass
    of_the_jvm = {"spark.master", "spark.driver.extraClassPath", "spark.driver.memory", "spark.driver.extraJavaOptions"}
    assert of_the_jvm & builder.conf.keys() == (set() if submitted else of_the_jvm)
    assert builder.conf["spark.executor.memory"] == "700m"


@pytest.mark.parametrize(
    ("master", "local"), [("local[2]", True), ("local[*]", True), ("spark://a:1", False), ("k8s://https://a", False)]
)
def test_a_master_says_whether_spark_is_here(master: str, local: bool) -> None:
    assert SparkSettings(master=master).local is local
