"""Upgrade, with a health gate.

Only a healthy stream is upgraded. `polyglot plan` says what would change and refuses what would lose state;
`polyglot apply` stops with a savepoint, starts the new version, watches it, and rolls back by itself if it is
not healthy. Then it must catch up, and the proof must hold.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, Param, task
from polyglot_provider.lineage import ANALYTICS, NORMALIZED
from polyglot_provider.operators import PolyglotOperator, VerifyOperator
from polyglot_provider.sensors import FreshnessSensor


@task.short_circuit
def anything(document: dict[str, Any]) -> bool:
    """Return whether there is anything to change."""
    return not document["nothing"]


with DAG(
    "polyglot_upgrade",
    description="Upgrade the jobs from savepoints; keep the version, or roll back",
    doc_md=__doc__,
    schedule=None,
    max_active_runs=1,
    tags=["polyglot", "upgrade"],
    default_args={"retries": 2},
    params={
        "watch": Param(
            60, type="integer", minimum=1, description="Seconds to watch the new version before it is kept."
        ),
        "from": Param("", type="string", description="Prove from this ISO date or instant (UTC) on; empty: all."),
    },
) as dag:
    healthy = FreshnessSensor(task_id="healthy", timeout=600)
    plan = PolyglotOperator(task_id="plan", command="plan")
    apply = PolyglotOperator(
        task_id="apply",
        command="apply",
        options={"watch": "{{ params.watch }}"},
        turn="upgrade",
        writes=(*NORMALIZED, *ANALYTICS),
    )
    caught_up = FreshnessSensor(task_id="caught_up", timeout=1800)
    through = PolyglotOperator(task_id="through", command="drain")
    parity = VerifyOperator(task_id="parity", options={"from": "{{ params['from'] }}"})
    healthy >> plan >> anything(plan.output) >> apply >> caught_up >> through >> parity  # type: ignore[arg-type]
