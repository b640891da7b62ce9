"""A batch command in a driver that somebody else starts: `spark-submit`, or Spark's operator on Kubernetes.

The command line itself is the application (``polyglot/submitted.py``). Its session finds the JVM that runs already, so
only what that must be started with is given here (`batch.spark.session.before_start`).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

from batch.spark.session import ROOT, SparkUnavailableError, before_start, classpath
from runtime.config import Settings
from runtime.maven import lake_jars
from runtime.spark_settings import SparkSettings

PROGRAM = Path("polyglot") / "submitted.py"
#: Variable with the number under which `spark-submit` has its caller's stdout.
STDOUT = "POLYGLOT_STDOUT"
#: Where an image has this code (``devstack/local/docker/Dockerfile``).
IMAGE_ROOT = Path("/opt/polyglot")
#: Options of a cluster that pods get by the manifest, not as variables.
_BY_MANIFEST = {"master", "driver_host", "python", "archive", "jars_dir", "conf"}


def call(settings: Settings, arguments: Sequence[str]) -> list[str]:
    """Return the call of ``spark-submit`` that runs a command of ours; the driver is where it is called.

    It is that of ``SPARK_HOME`` if there is one, with what the site has configured there, else that of our own Spark.

    Raises:
        SparkUnavailableError: no cluster is set, or the jars are missing.
    """
    where = _remote(settings)
    options = before_start(classpath((settings.cache_dir / "jars" / "spark").resolve()), where)
    confs = [part for key, value in {**options, **where.conf}.items() for part in ("--conf", f"{key}={value}")]
    home = os.environ.get("SPARK_HOME", "")
    program = str(Path(home) / "bin" / "spark-submit") if home else str(Path(sys.executable).with_name("spark-submit"))
    name = f"polyglot {' '.join(arguments[:1])}"
    start = [program, "--master", where.master, "--deploy-mode", "client", "--name", name, *confs]
    return [*start, str(ROOT / PROGRAM), *arguments]


def environment() -> dict[str, str]:
    """Return the variables of that call: the driver runs in this interpreter, with this code."""
    paths = [str(ROOT), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {**os.environ, "PYSPARK_DRIVER_PYTHON": sys.executable, "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths))}


def become(program: list[str]) -> NoReturn:
    """Become the call: signals and the exit code are its own.

    Libraries in the driver's JVM print to stdout, where a command with ``--json`` has one document and nothing else.
    So the JVM's stdout is our stderr, and the application finds ours under another number (`caller_stdout`).

    Raises:
        OSError: there is no such program.
    """
    sys.stdout.flush()
    ours = os.dup(1)
    os.set_inheritable(ours, True)
    os.dup2(2, 1)
    try:
        os.execve(program[0], program, {**environment(), STDOUT: str(ours)})  # noqa: S606 - see above
    finally:  # there is no such program
        os.dup2(ours, 1)
        os.close(ours)


def caller_stdout() -> None:
    """Let this process, a child of `spark-submit`'s JVM, write to the stdout of whoever made the call."""
    number = os.environ.pop(STDOUT, "")
    if number:  # a JVM hands no file on to its children, but it has it open
        os.dup2(os.open(f"/proc/{os.getppid()}/fd/{number}", os.O_WRONLY | os.O_APPEND), 1)


def application(
    settings: Settings, arguments: Sequence[str], *, image: str, claim: str, login: str = "polyglot"
) -> dict[str, Any]:
    """Return a ``SparkApplication`` for Spark's operator on Kubernetes, whose driver runs a command of ours.

    Passwords are not rendered: pods take them from a secret.

    Args:
        settings: memory, cores, and where all pods see one folder (``spark.shared_dir``) are taken from here.
        arguments: the command and its options.
        image: Spark's, with this code in /opt/polyglot.
        claim: name of the volume claim of that folder.
        login: name of a secret whose keys are variables, ``POLYGLOT_…``.

    Raises:
        SparkUnavailableError: no cluster is set, or no folder that all pods see.
    """
    where = _remote(settings)
    if not where.master.startswith("k8s://"):
        raise SparkUnavailableError(f"{where.master} is no Kubernetes: set POLYGLOT_SPARK__MASTER to k8s://https://…")
    if where.shared_dir is None:
        raise SparkUnavailableError("executors write files that the driver reads: set POLYGLOT_SPARK__SHARED_DIR")
    jars = f"{IMAGE_ROOT / '.cache' / 'jars' / 'spark'}/*"
    lake = [str(IMAGE_ROOT / jar.relative_to(ROOT)) for jar in lake_jars()]
    options = before_start(":".join([jars, *lake]), where)
    del options["spark.driver.memory"]  # the operator takes it from the driver's

    def pod(**own: Any) -> dict[str, Any]:
        mounts = [{"name": "shared", "mountPath": str(where.shared_dir)}]
        return {**own, "envFrom": [{"secretRef": {"name": login}}], "volumeMounts": mounts}

    return {
        "apiVersion": "sparkoperator.k8s.io/v1beta2",
        "kind": "SparkApplication",
        "metadata": {"name": f"polyglot-{arguments[0]}", "labels": {"app.kubernetes.io/part-of": "polyglot"}},
        "spec": {
            "type": "Python",
            "pythonVersion": "3",
            "mode": "cluster",
            "image": image,
            "sparkVersion": version("pyspark"),
            "mainApplicationFile": f"local://{IMAGE_ROOT / PROGRAM}",
            "arguments": list(arguments),
            # Airflow tries again; an application that restarted by itself would be no one's.
            "restartPolicy": {"type": "Never"},
            "sparkConf": {**options, **where.conf},
            "volumes": [{"name": "shared", "persistentVolumeClaim": {"claimName": claim}}],
            "driver": pod(
                cores=1,
                memory=f"{where.memory_mb}m",
                serviceAccount="spark",
                env=[{"name": name, "value": value} for name, value in _variables(where).items()],
            ),
            "executor": pod(
                instances=-(-where.cores // where.executor_cores),
                cores=where.executor_cores,
                memory=f"{where.executor_memory_mb}m",
            ),
        },
    }


def _remote(settings: Settings) -> SparkSettings:
    if settings.spark.local:
        raise SparkUnavailableError(
            "Spark is local: set POLYGLOT_SPARK__MASTER to a cluster, or run the command itself"
        )
    return settings.spark


def _variables(where: SparkSettings) -> dict[str, str]:
    """Return the settings of a driver in a pod: those that are not the defaults, and where its image has things."""
    chosen = where.model_dump(exclude_defaults=True, exclude=_BY_MANIFEST)
    return {
        "POLYGLOT_CACHE_DIR": str(IMAGE_ROOT / ".cache"),
        "POLYGLOT_SPARK__MASTER": where.master,
        **{f"POLYGLOT_SPARK__{name.upper()}": str(value) for name, value in chosen.items()},
    }
