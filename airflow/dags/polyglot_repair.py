"""Repair.

Answers the open repair requests: replays the days that they are about, publishes the restated bars, and
proves those days. Without requests it ends at once. `polyglot up --with repair` does the same without a
proof; use one of the two.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import DAG, task
from polyglot_provider.lineage import ANALYTICS, BRONZE
from polyglot_provider.operators import PolyglotOperator, VerifyOperator


@task
def repaired(document: dict[str, Any]) -> list[dict[str, str]]:
    """Return the whole range that was replayed, as options of a proof; nothing if nothing was."""
    spans = [one for one in document.get("replays", []) if one["from"] and one["to"]]
    return [{"from": min(one["from"] for one in spans), "to": max(one["to"] for one in spans)}] if spans else []


with DAG(
    "polyglot_repair",
    description="Answer open repair requests, and prove what was restated",
    doc_md=__doc__,
    schedule=timedelta(minutes=30),
    start_date=datetime(2024, 8, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["polyglot", "restatement"],
    default_args={"retries": 2},
) as dag:
    repair = PolyglotOperator(task_id="repair", command="repair", turn="spark", reads=BRONZE, writes=ANALYTICS)
    ranges = repaired(repair.output)  # type: ignore[arg-type]
    through = PolyglotOperator(task_id="through", command="drain")
    parity = VerifyOperator.partial(task_id="parity", reads=BRONZE).expand(options=ranges)
    ranges >> through >> parity
