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

from batch.spark.session import SparkUnavailableError, spark_session
from runtime.config import settings

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
def spark() -> Iterator[SparkSession]:
    with TemporaryDirectory(prefix="polyglot-spark-") as scratch, pytest.MonkeyPatch.context() as patch:
        # Workers import `support` as well: a topic in memory is read there.
        patch.setenv("PYTHONPATH", str(FOLDER.parents[1]), prepend=os.pathsep)
        try:
            with spark_session(settings().cache_dir / "jars" / "spark", Path(scratch), memory_mb=1536) as session:
                for name, value in SMALL.items():
                    session.conf.set(name, value)
                yield session
        except SparkUnavailableError as error:
            absent(str(error))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
