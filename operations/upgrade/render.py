"""One job per cluster (Flink's application mode), rendered for those who run it so: Kubernetes, or standalone.

Nothing is applied. Passwords are not rendered: the pods take them from a secret, the shell from its environment.
"""

from __future__ import annotations

import shlex
from typing import Any

from runtime.config import Settings
from runtime.flink_config import jobmanager_memory, taskmanager_memory

#: What runs a Python job in application mode.
ENTRY = "org.apache.flink.client.python.PythonDriver"
#: What it runs: a job that records its cut-overs itself.
MODULE = "operations.application"
_JAR = "local:///opt/flink/opt/flink-python-2.2.1.jar"
#: Options of the cluster that an application needs as well; those of the job are in `flink_jobs.environment`.
_OPTIONS = {
    "state.backend.type": "hashmap",
    "taskmanager.memory.segment-size": "256kb",
    "python.fn-execution.memory.managed": "false",
    "execution.checkpointing.num-retained": "2",
    "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
}


def kubernetes(
    settings: Settings, job: str, *, image: str, state: str, savepoint: str = "", login: str = "polyglot"
) -> dict[str, Any]:
    """Return a ``FlinkDeployment`` for Flink's Kubernetes operator.

    Args:
        settings: parallelism and memory are taken from here.
        job: name of the job.
        image: with this code, Flink and the connectors (``devstack/local/docker/Dockerfile``).
        state: URI below which checkpoints and savepoints are kept.
        savepoint: what it starts from, when it is deployed first.
        login: name of a secret whose keys are variables, ``POLYGLOT_…``.
    """
    root = state.rstrip("/")
    options = {
        **_OPTIONS,
        **{key: str(value) for key, value in jobmanager_memory().options("jobmanager").items()},
        **taskmanager_memory(settings.flink.taskmanager_memory_mb).options("taskmanager"),
        "taskmanager.numberOfTaskSlots": str(settings.flink.taskmanager_slots),
        "execution.checkpointing.dir": f"{root}/checkpoints",
        "execution.checkpointing.savepoint-dir": f"{root}/savepoints",
    }
    return {
        "apiVersion": "flink.apache.org/v1beta1",
        "kind": "FlinkDeployment",
        "metadata": {"name": job, "labels": {"app.kubernetes.io/part-of": "polyglot"}},
        "spec": {
            "image": image,
            "flinkVersion": "v2_2",
            "serviceAccount": "flink",
            "flinkConfiguration": options,
            "podTemplate": {
                "spec": {"containers": [{"name": "flink-main-container", "envFrom": [{"secretRef": {"name": login}}]}]}
            },
            "jobManager": {"replicas": 1, "resource": {"cpu": 0.5, "memory": f"{jobmanager_memory().total}m"}},
            "taskManager": {"resource": {"cpu": 1.0, "memory": f"{settings.flink.taskmanager_memory_mb}m"}},
            "job": {
                "jarURI": _JAR,
                "entryClass": ENTRY,
                "args": ["-pym", MODULE, job],
                "parallelism": settings.flink.parallelism,
                "upgradeMode": "savepoint",
                "state": "running",
                # State without an operator is an error, never dropped.
                "allowNonRestoredState": False,
                **({"initialSavepointPath": savepoint} if savepoint else {}),
            },
        },
    }


def standalone(settings: Settings, job: str, *, savepoint: str = "") -> list[str]:
    """Return the calls of Flink's own scripts that start the job as a cluster of its own."""
    start = ["$FLINK_HOME/bin/standalone-job.sh", "start", "--job-classname", ENTRY]
    start += ["--fromSavepoint", savepoint] if savepoint else []
    start += [f"-Dparallelism.default={settings.flink.parallelism}", "-pym", MODULE, job]
    return [" ".join(part if part.startswith("$") else shlex.quote(part) for part in start),
            "$FLINK_HOME/bin/taskmanager.sh start"]  # fmt: skip
