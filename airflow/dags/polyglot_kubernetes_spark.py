"""Bounded replay on Kubernetes.

The production path of Spark: a replay as an application of its own, by Spark's Kubernetes operator. `polyglot
spark-application` makes the `SparkApplication`, under a name that is the same for every try of the run, so that it is
submitted once. What it has published is proven at the end. Where the cluster is, and the folder that all pods see, are
settings of the installation (POLYGLOT_SPARK__MASTER, POLYGLOT_SPARK__SHARED_DIR).
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, Param, task
from polyglot_provider.kubernetes import SparkApplicationOperator, SparkApplicationSensor, of_run
from polyglot_provider.lineage import ANALYTICS, BRONZE, NORMALIZED
from polyglot_provider.operators import PolyglotOperator, VerifyOperator
from polyglot_provider.ranges import checked


@task
def span(**context: Any) -> dict[str, str]:
    """Return the options of the range, which is refused before anything starts if it cannot be right."""
    params = context["params"]
    return {**checked(params["from"], params["to"]), "entity": params["entity"]}


@task
def named(document: dict[str, Any], **context: Any) -> dict[str, Any]:
    """Return the manifest under the run's name."""
    return of_run(document, context["run_id"])


with DAG(
    "polyglot_kubernetes_spark",
    description="Recompute a range on Kubernetes, by a rendered SparkApplication, publish it, and prove it",
    doc_md=__doc__,
    schedule=None,
    max_active_runs=1,
    tags=["polyglot", "replay", "kubernetes"],
    default_args={"retries": 2},
    params={
        "from": Param("", type="string", title="From", description="ISO date or instant (UTC), included; empty: all."),
        "to": Param("", type="string", title="To", description="ISO date or instant (UTC), excluded; empty: all."),
        "entity": Param("", type="string", description="Such as sim:BTCUSDT; empty: all."),
        "image": Param("polyglot-spark:3.5.7", type="string", description="Spark's, with the code in /opt/polyglot."),
        "claim": Param("polyglot", type="string", description="Volume claim of the folder that all pods see."),
        "namespace": Param("polyglot", type="string"),
    },
) as dag:
    settled = PolyglotOperator(task_id="settled", command="drain")
    render = PolyglotOperator(
        task_id="render",
        # What is behind the inner command is that one's own, so this document is asked for before it.
        command=[
            "spark-application",
            "--json",
            "--image",
            "{{ params.image }}",
            "--claim",
            "{{ params.claim }}",
            "replay",
        ],
        options={
            "from": "{{ params['from'] }}",
            "to": "{{ params['to'] }}",
            "entity": "{{ params.entity }}",
            "publish": True,
        },
        reads=BRONZE,
        writes=(*NORMALIZED, *ANALYTICS),
    )
    manifest = named(render.output)  # type: ignore[arg-type]
    submit = SparkApplicationOperator(
        task_id="submit",
        application_file="{{ ti.xcom_pull('named') | tojson }}",
        namespace="{{ params.namespace }}",
    )
    finished = SparkApplicationSensor(
        task_id="finished",
        application_name="{{ ti.xcom_pull('submit').name }}",
        namespace="{{ params.namespace }}",
        timeout=24 * 3600,
    )
    through = PolyglotOperator(task_id="through", command="drain")
    asked = span()
    parity = VerifyOperator(task_id="parity", options=asked, reads=BRONZE)  # type: ignore[arg-type]
    asked >> settled >> render
    manifest >> submit >> finished >> through >> parity
