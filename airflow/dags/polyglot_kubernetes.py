"""Bounded run on Kubernetes.

The production path: a job as a cluster of its own, by Flink's Kubernetes operator. `polyglot render` makes
the `FlinkDeployment`; it is made bounded, submitted once however often the task is tried, and is done when
its *job* is FINISHED.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, Param, task
from polyglot_provider.kubernetes import FlinkDeploymentOperator, FlinkDeploymentSensor, as_bounded
from polyglot_provider.lineage import ANALYTICS, NORMALIZED
from polyglot_provider.operators import PolyglotOperator


@task
def bounded(document: dict[str, Any], **context: Any) -> dict[str, Any]:
    """Return the manifest of a run that ends, under a name of its own."""
    return as_bounded(document, context["run_id"])


with DAG(
    "polyglot_kubernetes",
    description="Run a job bounded on Kubernetes, by a rendered FlinkDeployment",
    doc_md=__doc__,
    schedule=None,
    max_active_runs=1,
    tags=["polyglot", "replay", "kubernetes"],
    default_args={"retries": 2},
    params={
        "job": Param("normalize", enum=["normalize", "analytics"]),
        "state": Param(type="string", minLength=1, description="URI below which state is kept: s3://bucket/flink."),
        "image": Param("polyglot-flink:2.2.1", type="string"),
        "namespace": Param("polyglot", type="string"),
    },
) as dag:
    render = PolyglotOperator(
        task_id="render",
        command=["render", "{{ params.job }}"],
        options={"state": "{{ params.state }}", "image": "{{ params.image }}"},
        writes=(*NORMALIZED, *ANALYTICS),
    )
    manifest = bounded(render.output)  # type: ignore[arg-type]
    submit = FlinkDeploymentOperator(
        task_id="submit",
        application_file="{{ ti.xcom_pull('bounded') | tojson }}",
        namespace="{{ params.namespace }}",
    )
    finished = FlinkDeploymentSensor(
        task_id="finished",
        application_name="{{ ti.xcom_pull('submit').name }}",
        namespace="{{ params.namespace }}",
        timeout=24 * 3600,
    )
    manifest >> submit >> finished
