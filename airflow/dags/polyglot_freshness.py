"""Freshness and service level.

Every five minutes: the jobs run, no consumer is too far behind, results are young enough, and the last proof is
young enough and held. It waits four minutes for the stream, and fails then. What the domains promise of each
topic is in `schemas/domains.toml` (`lag_objective_ms`).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import DAG, Param, task
from polyglot_provider.hooks import PolyglotHook
from polyglot_provider.metrics import last_proof
from polyglot_provider.sensors import FreshnessSensor


@task(retries=0)
def proven(**context: Any) -> dict[str, float]:
    """Demand that the last proof held and is no older than promised."""
    return last_proof(PolyglotHook().installation.runs, 3600 * context["params"]["max_proof_age_h"])


with DAG(
    "polyglot_freshness",
    description="The stream runs, keeps up, and is fresh",
    doc_md=__doc__,
    schedule=timedelta(minutes=5),
    start_date=datetime(2024, 8, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["polyglot", "service level"],
    params={
        "max_lag": Param(10_000, type="integer", minimum=0, description="Records that a consumer may be behind."),
        "max_age_s": Param(
            None, type=["null", "integer"], description="How old the newest bar may be; empty: captures are years old."
        ),
        "max_proof_age_h": Param(36, type="number", minimum=0, description="How old the last proof may be."),
    },
) as dag:
    FreshnessSensor(
        task_id="fresh",
        max_lag="{{ params.max_lag }}",
        max_age_s="{{ '' if params.max_age_s is none else params.max_age_s }}",
        timeout=240,
        poke_interval=15,
    )
    proven()
