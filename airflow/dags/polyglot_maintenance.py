"""Maintenance.

Every hour: compacts, clusters and cleans the lake's tables where it is due, beside the running stream, then cuts what
is too old of raw topics, as far as Bronze and every job have it. The bounds are in `schemas/domains.toml`. `polyglot up
--with maintenance` does the first part without Airflow; use one of the two.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG
from polyglot_provider.lineage import BRONZE, STORES
from polyglot_provider.operators import PolyglotOperator

with DAG(
    "polyglot_maintenance",
    description="Compact, cluster and clean the lake; cut what topics need no more",
    doc_md=__doc__,
    schedule=timedelta(hours=1),
    start_date=datetime(2024, 8, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["polyglot", "lake"],
    default_args={"retries": 2},
) as dag:
    tables = PolyglotOperator(task_id="tables", command="tables maintain", turn="spark", writes=(*BRONZE, *STORES))
    retention = PolyglotOperator(task_id="retention", command="retention", options={"apply": True})
    tables >> retention
