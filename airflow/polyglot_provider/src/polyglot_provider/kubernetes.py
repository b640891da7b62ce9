"""Flink on Kubernetes: a `FlinkDeployment`, submitted once, and its job, waited for to its end.

The official provider's operator fails when it is tried again after a create that went through (409). Its sensor is
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
from airflow.sdk.exceptions import AirflowFailException
from kubernetes.client import ApiException

if TYPE_CHECKING:
    from airflow.sdk import Context

#: Says whose a deployment is.
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
    found: dict[str, Any] = json.loads(json.dumps(document))
    # The operator takes 45 characters.
    found["metadata"]["name"] += f"-bounded-{hashlib.sha256(run_id.encode()).hexdigest()[:8]}"
    for container in found["spec"]["podTemplate"]["spec"]["containers"]:
        container["env"] = [*container.get("env", []), *({"name": n, "value": v} for n, v in BOUNDED.items())]
    job = found["spec"]["job"]
    job["upgradeMode"] = "stateless"
    job.pop("initialSavepointPath", None)
    return found


class FlinkDeploymentOperator(FlinkKubernetesOperator):
    """Creates a `FlinkDeployment`, or finds the one that an earlier try of the same task has created."""

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
                raise AirflowFailException(f"there is a FlinkDeployment {name} already, of {whose}") from None
            self.log.info("an earlier try has created %s", name)
            created = found
        return {"name": name, "uid": created["metadata"].get("uid", "")}

    def _get(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.hook.get_custom_object(
            group=self.api_group, version=self.api_version, plural=self.plural, name=name, namespace=self.namespace
        )
        return found


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
