"""One Spark session for this folder's tests, on the jars of `polyglot build`."""

from __future__ import annotations

import gc
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from pyspark.sql import SparkSession
from support.absent import absent
from support.s3_server import s3_server

from batch.spark.session import SparkUnavailableError, spark_session
from runtime.config import Settings, settings
from runtime.object_store import hadoop_conf

#: Small data on few cores: no code is compiled for it, no plan is thought over twice.
SMALL = {
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}
FOLDER = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """py4j leaves sockets to the garbage collector."""
    for item in items:
        if FOLDER in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"))


@pytest.fixture(scope="package")
def object_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings with an S3 server, which runs."""
    with s3_server(tmp_path_factory.mktemp("s3")) as found:
        yield found


@pytest.fixture(scope="package")
def spark(object_store: Settings) -> Iterator[SparkSession]:
    with TemporaryDirectory(prefix="polyglot-spark-") as scratch, pytest.MonkeyPatch.context() as patch:
        # Workers import `support` as well: a topic in memory is read there.
        patch.setenv("PYTHONPATH", str(FOLDER.parents[1]), prepend=os.pathsep)
        jars = settings().cache_dir / "jars" / "spark"
        try:
            with spark_session(jars, Path(scratch), memory_mb=1536, hadoop=hadoop_conf(object_store)) as session:
                for name, value in SMALL.items():
                    session.conf.set(name, value)
                yield session
        except SparkUnavailableError as error:
            absent(str(error))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
