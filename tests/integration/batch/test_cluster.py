"""A replay on a cluster: a standalone master with two workers, which get the project as a packed environment.

The bytes are those of a local replay, and both workers have made some of them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO

import httpx
import pyarrow.parquet as pq
import pyspark
import pytest
from pyspark.sql import SparkSession
from support import lake
from support.patience import patient, wait_for

from runtime.config import ROOT, settings
from runtime.ports import free_ports

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.timeout(1800)]

START = 1_723_161_590_000_000  # ten seconds before midnight
ENTITIES = 24
PACKAGES = ("batch", "runtime", "schemas", "udfs")


def frames() -> Iterator[lake.Frame]:
    for n in range(4_800):
        ingest, symbol = START + n * 5_000, f"C{n % ENTITIES:02d}USDT"
        ms = (ingest - (n * 7919) % 30_000) // 1000
        yield lake.Frame(
            ingest,
            f'{{"e":"trade","E":{ms},"s":"{symbol}","t":{n},"p":"{100 + n % 7}.{n % 100:02d}","q":"0.{n + 1:04d}",'
            f'"T":{ms},"m":{"true" if n % 3 else "false"},"M":true}}'.encode(),
        )


@dataclass
class Cluster:
    """A master and its workers; ``folders`` are the workers' own."""

    master: str
    page: str
    folders: list[Path]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    port, page, *pages = free_ports(4)
    found = Cluster(f"spark://127.0.0.1:{port}", f"http://127.0.0.1:{page}/json/", [folder / "1", folder / "2"])
    name = "org.apache.spark.deploy"
    own = ("--host", "127.0.0.1")
    commands = [[f"{name}.master.Master", *own, "--port", str(port), "--webui-port", str(page)]]
    for at, ui in zip(found.folders, pages, strict=True):
        size = ("--cores", "1", "--memory", "1g", "--work-dir", str(at), "--webui-port", str(ui))
        commands.append([f"{name}.worker.Worker", *own, *size, found.master])
    processes = []
    try:
        for number, command in enumerate(commands):
            with (folder / f"{number}.log").open("wb") as log:
                processes.append(_spark_class(command, log))
        wait_for(lambda: httpx.get(found.page).json()["aliveworkers"] == len(found.folders), 120, "workers do not come")
        yield found
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(patient(30))


def _spark_class(command: list[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    home = Path(pyspark.__file__).parent
    env = {**os.environ, "SPARK_HOME": str(home), "SPARK_LOCAL_IP": "127.0.0.1"}
    env.pop("PYTHONPATH", None)  # executors are to find the project in what was packed
    program = [str(home / "bin" / "spark-class"), *command]
    return subprocess.Popen(program, env=env, stdout=log, stderr=subprocess.STDOUT)


def packed(target: Path) -> Path:
    """Pack the project as executors want it, machine code of kernels too."""
    with tarfile.open(target, "w:gz", compresslevel=1) as archive:
        for package in PACKAGES:
            archive.add(ROOT / package, package)
    return target


def replay(folder: Path, bronze: Path, entity: str, *before: str, **spark: str) -> dict[str, str]:
    """Replay an entity by the command line, or by what is given ``before``; return a digest of each kind."""
    env = {
        **os.environ,
        "POLYGLOT_VAR_DIR": str(folder),
        "POLYGLOT_LAKE__URI": bronze.as_uri(),
        **{f"POLYGLOT_SPARK__{name.upper()}": value for name, value in spark.items()},
    }
    # There is no broker that could say which versions hold.
    words = [*before, "replay", "--json", "--versions", "current", *(("--entity", entity) if entity else ())]
    command = [sys.executable, "-m", "polyglot.cli", *words]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=patient(600), check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["records"]["trade"] > 0 < found["records"]["bar"]
    digests = {}
    for kind in found["records"]:
        values = (
            sorted(pq.read_table(Path(found["out"]) / kind).column("value").to_pylist()) if _any(found, kind) else []
        )
        digests[kind] = sha256(b"".join(values)).hexdigest()
    return digests


def _any(found: dict[str, dict[str, int]], kind: str) -> bool:
    return found["records"][kind] > 0


@pytest.mark.parametrize(("entity", "before"), [("sim:C07USDT", ()), ("", ()), ("", ("spark-submit",))])
def test_a_cluster_computes_the_bytes_of_one_machine(
    spark: SparkSession, cluster: Cluster, tmp_path: Path, entity: str, before: tuple[str, ...]
) -> None:
    """The driver is the command's own, or one that `spark-submit` has started."""
    bronze = tmp_path / "lake"
    lake.write_bronze(spark, bronze, lake.bronze_rows("sim", list(frames())))
    here = replay(tmp_path / "here", bronze, entity)
    jars = tmp_path / "jars"
    jars.symlink_to(settings().cache_dir.resolve() / "jars" / "spark")
    there = replay(
        tmp_path / "driver",
        bronze,
        entity,
        *before,
        master=cluster.master,
        driver_host="127.0.0.1",
        executor_memory_mb="768",
        jars_dir=str(jars),
        archive=packed(tmp_path / "environment.tar.gz").as_uri(),
        shared_dir=str(tmp_path / "shared"),
    )
    assert there == here
    assert (tmp_path / "shared" / "replay" / "bar").is_dir()
    assert not (tmp_path / "driver" / "replay").exists()
    for folder in cluster.folders:
        # Each worker's newest executor runs what was packed, not what lies here.
        assert any(folder.glob("app-*/*/environment/udfs/__init__.py"))
