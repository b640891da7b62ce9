"""The one Spark session of a batch run: local and loopback only, or on a cluster; UTC, ANSI arithmetic.

An overflow raises, it never wraps.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import gettempdir

from pyspark.sql import SparkSession

from runtime.maven import lake_jars
from runtime.spark_settings import SparkSettings

__all__ = ["ROOT", "SparkSession", "SparkUnavailableError", "before_start", "spark_session"]

#: Folders that Spark's Python workers must see: kernels, contracts and SQL are imported from the repository.
ROOT = Path(__file__).resolve().parents[2]

_LOG4J = """\
rootLogger.level = error
rootLogger.appenderRef.stderr.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{HH:mm:ss} %p %c{1}: %m%n
# A clean stop cancels its own tasks: not an error of ours.
logger.heartbeat.name = org.apache.spark.executor.Executor
logger.heartbeat.level = fatal
"""

# Spark 3.5 on Java 17 needs these; spark-submit adds them, a driver started from Python through it as well, but the
# Kryo registrar of Hudi touches java.nio before that.
_OPENS = ("java.base/java.nio", "java.base/java.lang", "java.base/java.util", "java.base/sun.nio.ch")
_JAVA = [
    f"-Dderby.system.home={gettempdir()}",
    # Hudi estimates record sizes with JOL, which would attach to this JVM, in vain and with warnings.
    "-Djol.skipDynamicAttach=true",
    "-Djol.skipHotspotSAAttach=true",
    "-XX:+UseParallelGC",  # a batch run wants throughput on few cores, not short pauses
    *(f"--add-opens={name}=ALL-UNNAMED" for name in _OPENS),
]
#: What a driver's Python finds that `spark-submit` has started.
_SUBMITTED = "PYSPARK_GATEWAY_PORT"
#: Where executors unpack the packed environment, in their own working folder.
_UNPACKED = "environment"


class SparkUnavailableError(RuntimeError):
    """Spark cannot start here: no jars or no Java."""


def _jars(folder: Path) -> list[Path]:
    jars = sorted(folder.glob("*.jar"))
    if not any(jar.name.startswith("hudi-spark") for jar in jars):
        raise SparkUnavailableError(
            f"no Hudi bundle in {folder}: run `polyglot up` once, or "
            f"`mvn -f runtime/jars package -Djars.dir={folder.parent}`"
        )
    return jars


def before_start(jars: str, where: SparkSettings, memory_mb: int | None = None) -> dict[str, str]:
    """Return the options that a driver's JVM must be started with; it takes all others later.

    Args:
        jars: its class path.
        where: its heap, unless `memory_mb` says it.
        memory_mb: heap of the driver.
    """
    return {
        # Not spark.jars: a local executor would fetch a copy of each from its own driver.
        "spark.driver.extraClassPath": jars,
        "spark.driver.memory": f"{memory_mb or where.memory_mb}m",
        "spark.driver.extraJavaOptions": " ".join(_JAVA),
    }


def classpath(jars_dir: Path) -> str:
    """Return the driver's class path.

    Raises:
        SparkUnavailableError: the jars are missing.
    """
    return os.pathsep.join(str(jar) for jar in (*_jars(jars_dir), *lake_jars()))


@contextmanager
def spark_session(
    jars_dir: Path,
    scratch: Path,
    *,
    memory_mb: int | None = None,
    app: str = "polyglot",
    where: SparkSettings | None = None,
    hadoop: str = "",
) -> Iterator[SparkSession]:
    """Start Spark in this process tree, or as a client of a cluster, and stop it, whatever happens.

    Below `spark-submit`, whose JVM runs already and has its master, the session is that one's.

    Args:
        jars_dir: the Hudi bundle and the Kafka and Avro sources.
        scratch: a folder (created) for shuffle files.
        memory_mb: heap of the driver; by default what `where` says.
        app: name of the application.
        where: Spark runs; by default here, on two cores.
        hadoop: folder with what Hadoop is configured with (``runtime.object_store.hadoop_conf``).

    Raises:
        SparkUnavailableError: the jars are missing.
    """
    where = where or SparkSettings()
    jars = _jars(jars_dir)
    scratch.mkdir(parents=True, exist_ok=True)
    log4j = scratch / "log4j2.properties"
    log4j.write_text(_LOG4J)
    # Workers are forked from this interpreter, so that they run the very same libraries; the kernels come from ROOT.
    os.environ["PYSPARK_PYTHON"] = where.python or sys.executable
    os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    paths = [str(ROOT), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    if hadoop:
        # The JVM has it on its class path, and workers read the lake's files themselves.
        os.environ["HADOOP_CONF_DIR"] = hadoop
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(paths))
    start = before_start(classpath(jars_dir), where, memory_mb)
    start["spark.driver.extraJavaOptions"] += f" -Dlog4j2.configurationFile=file:{log4j}"
    submitted = _SUBMITTED in os.environ
    conf = {
        **({} if submitted else {"spark.master": where.master, **start}),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.ansi.enabled": "true",
        "spark.sql.warehouse.dir": str(scratch / "warehouse"),
        "spark.sql.shuffle.partitions": str(2 * where.cores),
        "spark.sql.adaptive.enabled": "true",
        # A shard must stay whole and in order: no partition is split or merged after its sort.
        "spark.sql.adaptive.coalescePartitions.parallelismFirst": "true",
        "spark.sql.execution.arrow.maxRecordsPerBatch": "10000",
        "spark.python.daemon.module": "batch.replaying.daemon",
        "spark.sql.parquet.compression.codec": "lz4_raw",  # scratch files: cheap to write, soon gone
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
        "spark.serializer": "org.apache.spark.serializer.KryoSerializer",
        "spark.kryo.registrator": "org.apache.spark.HoodieSparkKryoRegistrar",
        "spark.sql.extensions": "org.apache.spark.sql.hudi.HoodieSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.hudi.catalog.HoodieCatalog",
        "spark.port.maxRetries": "64",
        **(_here(scratch, where) if where.local else _cluster(jars, where, hadoop)),
        **where.conf,
    }
    builder = SparkSession.builder.appName(app)
    for key, value in conf.items():
        builder = builder.config(key, value)
    with _stdout_as_stderr():
        spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    try:
        yield spark
    finally:
        spark.stop()


def _here(scratch: Path, where: SparkSettings) -> dict[str, str]:
    """Return the options of a Spark in this process tree; nobody else reaches it."""
    host = where.driver_host or "127.0.0.1"
    os.environ["SPARK_LOCAL_IP"] = host
    return {"spark.driver.bindAddress": host, "spark.driver.host": host, "spark.local.dir": str(scratch)}


def _cluster(jars: list[Path], where: SparkSettings, hadoop: str = "") -> dict[str, str]:
    """Return the options of a client of a cluster: what executors need besides a Spark of their own."""
    os.environ.pop("SPARK_LOCAL_IP", None)
    there = [str((where.jars_dir or jar.parent) / jar.name) for jar in jars]
    root = f"./{_UNPACKED}" if where.archive else str(ROOT)
    return {
        # Kryo's registrator must be there before an executor fetches jars.
        "spark.executor.extraClassPath": os.pathsep.join(there),
        "spark.executor.extraJavaOptions": " ".join(_JAVA),
        "spark.executor.memory": f"{where.executor_memory_mb}m",
        "spark.executor.cores": str(where.executor_cores),
        "spark.executor.instances": str(-(-where.cores // where.executor_cores)),
        "spark.cores.max": str(where.cores),
        # A replay spreads its shards over the executors that are there when it begins.
        "spark.scheduler.minRegisteredResourcesRatio": "1.0",
        "spark.executorEnv.PYTHONPATH": root,
        **({"spark.executorEnv.HADOOP_CONF_DIR": hadoop} if hadoop else {}),
        # Folds write files: of two copies of a task the second would only cost.
        "spark.speculation": "false",
        **({"spark.driver.host": where.driver_host} if where.driver_host else {}),
        **({"spark.archives": f"{where.archive}#{_UNPACKED}"} if where.archive else {}),
    }


@contextmanager
def _stdout_as_stderr() -> Iterator[None]:
    """Let a process started inside write to stderr what it writes to stdout.

    The JVM inherits our stdout, and libraries in it print warnings there (Hudi's object sizes, for one): a command with
    ``--json`` has one document on stdout and nothing else.
    """
    sys.stdout.flush()
    kept = os.dup(1)
    try:
        os.dup2(2, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
