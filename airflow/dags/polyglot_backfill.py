"""Backfill.

Recomputes days one by one, for Airflow's own backfill:

    airflow backfill create --dag-id polyglot_backfill --from-date 2024-08-01 --to-date 2024-08-07

Each day is published and proven. Runs that the schedule makes do nothing: a schedule is what a backfill takes
its days from.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import DAG, CronDataIntervalTimetable, Param, task
from polyglot_provider.lineage import ANALYTICS, BRONZE, NORMALIZED
from polyglot_provider.operators import PolyglotOperator, VerifyOperator
from polyglot_provider.ranges import day_of


@task.short_circuit
def asked_for(**context: Any) -> bool:
    """Return whether somebody asked for this run."""
    return context["dag_run"].run_type != "scheduled"


@task
def day(**context: Any) -> dict[str, str]:
    """Return the day as options."""
    return {**day_of(context), "entity": context["params"]["entity"]}


@task
def publishing(options: dict[str, str]) -> dict[str, Any]:
    """Return the options of the replay."""
    return {**options, "publish": True}


with DAG(
    "polyglot_backfill",
    description="Recompute, publish and prove a range of days, by Airflow's backfill",
    doc_md=__doc__,
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    start_date=datetime(2017, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["polyglot", "replay"],
    default_args={"retries": 2},
    params={
        "day": Param("", type="string", description="For a run by hand: this day."),
        "entity": Param("", type="string", description="Such as sim:BTCUSDT; empty: all."),
    },
) as dag:
    which = day()
    settled = PolyglotOperator(task_id="settled", command="drain")
    recompute = PolyglotOperator(
        task_id="recompute",
        command="replay",
        options=publishing(which),  # type: ignore[arg-type]
        turn="spark",
        reads=BRONZE,
        writes=(*NORMALIZED, *ANALYTICS),
    )
    through = PolyglotOperator(task_id="through", command="drain")
    parity = VerifyOperator(task_id="parity", options=which, reads=BRONZE)
    asked_for() >> which >> settled >> recompute >> through >> parity
