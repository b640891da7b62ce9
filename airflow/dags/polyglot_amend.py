"""Amend, with approval.

Accepts events that came too late. First it says what would be amended; then a person approves or rejects
(*Required actions* on the run's page); then the amendment is recorded, windows are restated, and the range is
proven.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG, Param, task
from polyglot_provider.lineage import ANALYTICS, BRONZE, NORMALIZED
from polyglot_provider.operators import PolyglotOperator, VerifyOperator

RANGE = {"entity": "{{ params.entity }}", "from": "{{ params['from'] }}", "to": "{{ params['to'] }}"}
CHOSEN = {**RANGE, "horizon": "{{ params.horizon }}"}


@task.short_circuit
def anything(document: dict[str, Any]) -> bool:
    """Return whether there is anything to amend."""
    return document["amended"] > 0


with DAG(
    "polyglot_amend",
    description="Accept late events, after a person has approved",
    doc_md=__doc__,
    schedule=None,
    max_active_runs=1,
    tags=["polyglot", "restatement", "approval"],
    default_args={"retries": 2},
    params={
        "entity": Param(type="string", minLength=3, description="Such as binance_usdm:BTCUSDT."),
        "from": Param(type="string", minLength=10, description="Event time: ISO date or instant (UTC), included."),
        "to": Param(type="string", minLength=10, description="Event time: ISO date or instant (UTC), excluded."),
        "horizon": Param("30d", type="string", description="How far behind they may be: 90s, 12h, 30d."),
    },
) as dag:
    plan = PolyglotOperator(
        task_id="plan", command="amend", options={**CHOSEN, "dry-run": True}, turn="spark", reads=BRONZE
    )
    approve = ApprovalOperator(
        task_id="approve",
        subject="Amend {{ params.entity }}, {{ params['from'] }} to {{ params['to'] }}?",
        body="{{ ti.xcom_pull('plan').amended }} of {{ ti.xcom_pull('plan').late }} late events would be accepted.",
        response_timeout=timedelta(days=7),
        retries=0,
    )
    amend = PolyglotOperator(
        task_id="amend",
        command="amend",
        options=CHOSEN,
        turn="spark",
        reads=BRONZE,
        writes=(*NORMALIZED, *ANALYTICS, "topic:amendment.ingestion.v1"),
    )
    parity = VerifyOperator(task_id="parity", options=RANGE, reads=BRONZE)
    anything(plan.output) >> approve >> amend >> parity  # type: ignore[arg-type]
