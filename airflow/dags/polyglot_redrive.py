"""Dead-letter redrive.

After a fix of code or rules: sends rejected records again, so that the jobs judge them anew. It says first
which, sends them, waits until they came through, and proves the topics. What was sent before is not sent
twice.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, Param, task
from airflow.sdk.exceptions import AirflowFailException
from polyglot_provider.lineage import DEAD_LETTERS, NORMALIZED
from polyglot_provider.operators import PolyglotOperator, VerifyOperator

CHOSEN = {name: f"{{{{ params.{name} }}}}" for name in ("reason", "entity", "since")}


@task
def chosen(**context: Any) -> None:
    """Refuse to send everything."""
    params = context["params"]
    if not any(params[name] for name in CHOSEN):
        raise AirflowFailException(f"say which letters: {', '.join(CHOSEN)}")


@task.short_circuit
def anything(document: dict[str, Any]) -> bool:
    """Return whether there is anything to send."""
    return bool(document["copies"])


with DAG(
    "polyglot_redrive",
    description="Send rejected records again, after a fix",
    doc_md=__doc__,
    schedule=None,
    max_active_runs=1,
    tags=["polyglot", "dead letters"],
    default_args={"retries": 2},
    params={
        "reason": Param("", type="string", description="This reason, or its first part: quality, quality.crossed."),
        "entity": Param("", type="string", description="Such as sim:BTCUSDT."),
        "since": Param("", type="string", description="Event times from this ISO date or instant (UTC) on."),
    },
) as dag:
    settled = PolyglotOperator(task_id="settled", command="drain")
    plan = PolyglotOperator(
        task_id="plan",
        command="deadletters redrive",
        options={**CHOSEN, "dry-run": True},
        turn="spark",
        reads=DEAD_LETTERS,
    )
    redrive = PolyglotOperator(
        task_id="redrive",
        command="deadletters redrive",
        options=CHOSEN,
        turn="spark",
        reads=DEAD_LETTERS,
        writes=NORMALIZED,
    )
    through = PolyglotOperator(task_id="through", command="drain")
    parity = VerifyOperator(
        task_id="parity",
        options={"store": ["bronze", "normalized", "deadletters"], "from": CHOSEN["since"], "entity": CHOSEN["entity"]},
    )
    chosen() >> settled >> plan >> anything(plan.output) >> redrive >> through >> parity  # type: ignore[arg-type]
