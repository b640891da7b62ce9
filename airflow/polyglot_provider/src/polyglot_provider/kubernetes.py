"""Flink and Spark on Kubernetes: a `FlinkDeployment` or a `SparkApplication`, submitted once and waited for to its end.

The official operator of Flink fails when it is tried again after a create that went through (409); Spark's gives each
try a name of its own, so that a driver that has no pod yet is not found, and a second one is started. Flink's sensor is
content with a JobManager that is ready.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import yaml
from airflow.providers.apache.flink.operators.flink_kubernetes import FlinkKubernetesOperator
from airflow.providers.apache.flink.sensors.flink_kubernetes import FlinkKubernetesSensor
from airflow.providers.cncf.kubernetes.sensors.spark_kubernetes import SparkKubernetesSensor
from airflow.sdk.exceptions import AirflowFailException
from kubernetes.client import ApiException

if TYPE_CHECKING:
    from airflow.sdk import Context

#: Says whose a resource is.
ANNOTATION = "polyglot/run"
CONFLICT = 409
#: Seconds between two looks.
POKE_S = 10.0
#: The operator of Flink still works on these, whatever is missing at the moment.
FAILED = frozenset({"FAILED", "CANCELED"})

#: A run that ends writes to topics alone: the stores tail them.
BOUNDED = {
    "POLYGLOT_FLINK__BOUNDED": "true",
    "POLYGLOT_LAKE__ENABLED": "false",
    "POLYGLOT_CLICKHOUSE__ENABLED": "false",
}


def as_bounded(document: dict[str, Any], run_id: str) -> dict[str, Any]:
    """Return a rendered deployment as one that reads to where its topics end now, and ends; named after the run."""
    found = of_run(document, run_id, "bounded")
    for container in found["spec"]["podTemplate"]["spec"]["containers"]:
        container["env"] = [*container.get("env", []), *({"name": n, "value": v} for n, v in BOUNDED.items())]
    job = found["spec"]["job"]
    job["upgradeMode"] = "stateless"
    job.pop("initialSavepointPath", None)
    return found


def of_run(document: dict[str, Any], run_id: str, *words: str) -> dict[str, Any]:
    """Return a rendered resource under a name of its own: the same for every try of the same run."""
    found: dict[str, Any] = json.loads(json.dumps(document))
    # Flink's operator takes 45 characters.
    found["metadata"]["name"] = "-".join(
        [found["metadata"]["name"], *words, hashlib.sha256(run_id.encode()).hexdigest()[:8]]
    )
    return found


class FlinkDeploymentOperator(FlinkKubernetesOperator):
    """Creates a `FlinkDeployment`, or finds the one that an earlier try of the same task has created."""

    kind = "FlinkDeployment"

    def execute(self, context: Context) -> dict[str, Any]:
        task = context["ti"]
        owner = f"{task.dag_id}/{task.run_id}/{task.task_id}/{task.map_index}"
        body = yaml.safe_load(self.application_file)
        body["metadata"].setdefault("annotations", {})[ANNOTATION] = owner
        self.application_file = json.dumps(body)
        name = body["metadata"]["name"]
        try:
            created: dict[str, Any] = super().execute(context)
        except ApiException as error:
            if error.status != CONFLICT:
                raise
            found = self._get(name)
            whose = found["metadata"].get("annotations", {}).get(ANNOTATION, "somebody else")
            if whose != owner:
                raise AirflowFailException(f"there is a {self.kind} {name} already, of {whose}") from None
            self.log.info("an earlier try has created %s", name)
            created = found
        return {"name": name, "uid": created["metadata"].get("uid", "")}

    def _get(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.hook.get_custom_object(
            group=self.api_group, version=self.api_version, plural=self.plural, name=name, namespace=self.namespace
        )
        return found


class SparkApplicationOperator(FlinkDeploymentOperator):
    """Creates a `SparkApplication` likewise, as `polyglot spark-application` has rendered it."""

    kind = "SparkApplication"

    def __init__(self, **kwargs: Any) -> None:
        place = {"api_group": "sparkoperator.k8s.io", "api_version": "v1beta2", "plural": "sparkapplications"}
        super().__init__(**{**place, **kwargs})


class SparkApplicationSensor(SparkKubernetesSensor):
    """Waits until a `SparkApplication` is COMPLETED; between two looks it keeps no worker."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"mode": "reschedule", "poke_interval": POKE_S, **kwargs})

    def poke(self, context: Context) -> bool:  # noqa: ARG002 - Airflow's signature
        found = self.hook.get_custom_object(
            group=self.api_group,
            version=self.api_version,
            plural="sparkapplications",
            name=self.application_name,
            namespace=self.namespace,
        )
        status = (found.get("status") or {}).get("applicationState") or {}
        state = status.get("state", "")
        self.log.info("application: %s", state or "not seen by the operator yet")
        # UNKNOWN is a driver whose node does not answer just now: the operator goes on looking.
        if state == "FAILED":
            raise AirflowFailException(
                f"{self.application_name} is {state}: {status.get('errorMessage') or 'no cause'}"
            )
        return bool(state == "COMPLETED")


class FlinkDeploymentSensor(FlinkKubernetesSensor):
    """Waits until the job of a `FlinkDeployment` is FINISHED, or in another state that is asked for.

    Between two looks it keeps no worker.

    Args:
        until: states to wait for: ``("RUNNING",)`` for a job without an end.
    """

    def __init__(self, *, until: Sequence[str] = ("FINISHED",), **kwargs: Any) -> None:
        super().__init__(**{"mode": "reschedule", "poke_interval": POKE_S, **kwargs})
        self.until = tuple(until)

    def poke(self, context: Context) -> bool:  # noqa: ARG002 - Airflow's signature
        found = self.hook.get_custom_object(
            group=self.api_group,
            version=self.api_version,
            plural=self.plural,
            name=self.application_name,
            namespace=self.namespace,
        )
        status = found.get("status") or {}
        state = (status.get("jobStatus") or {}).get("state", "")
        cluster = status.get("jobManagerDeploymentStatus", "")
        self.log.info("job: %s, JobManager: %s", state or "unknown", cluster or "unknown")
        if state in self.until:
            return True
        if state in FAILED or status.get("lifecycleState") == "FAILED" or cluster == "ERROR":
            raise AirflowFailException(
                f"{self.application_name} is {state or cluster}: {status.get('error') or 'no cause'}"
            )
        return False
