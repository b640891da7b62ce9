"""Daily proof.

Each day, once it is over, every topic and table is compared with a replay of the day. The numbers are
published as metrics (`polyglot.verify.*`, and `polyglot_verify.prom` for Prometheus), the report is a page.
Any difference fails the run.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import (
    DAG,
    Asset,
    CronDataIntervalTimetable,
    Param,
    task,
)
from polyglot_provider.lineage import BRONZE, STORES
from polyglot_provider.operators import PolyglotOperator, VerifyOperator
from polyglot_provider.ranges import day_of

PROOF = Asset("polyglot_daily_proof", "polyglot://proof/day")


@task
def day(**context: Any) -> dict[str, str]:
    """Return the day as options: its date and the next one, whatever the timetable makes of the run's interval."""
    return day_of(context)


with DAG(
    "polyglot_verify_daily",
    description="Prove yesterday: every topic and table against a replay",
    doc_md=__doc__,
    # With "@daily" a run has an empty interval, and the day that has just begun.
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    start_date=datetime(2024, 8, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["polyglot", "proof"],
    default_args={"retries": 2},
    params={"day": Param("", type="string", description="Prove this day instead: 2024-08-08.")},
) as dag:
    settled = PolyglotOperator(task_id="settled", command="drain")
    proof = VerifyOperator(task_id="proof", options=day(), reads=(*BRONZE, *STORES), outlets=[PROOF])
    settled >> proof
