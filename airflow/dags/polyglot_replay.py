"""Bounded replay.

Recomputes a range of event time and proves it. `spark` recomputes the range from Bronze. `flink` runs
normalize and analytics once over all that their topics hold, so the range bounds the proof alone. Both
publish the bytes that the live jobs published; consumers drop them by number or version. Killed and retried,
it publishes the same once more.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, Param, TriggerRule, task
from polyglot_provider.lineage import ANALYTICS, BRONZE, NORMALIZED
from polyglot_provider.operators import PolyglotOperator, VerifyOperator
from polyglot_provider.ranges import checked
from polyglot_provider.sensors import FlinkJobSensor

PUBLISH, VERIFY = "publish", "verify only"


@task
def proofs(**context: Any) -> list[dict[str, str]]:
    """Return the options of each proof: the range, once for each entity."""
    params = context["params"]
    span = checked(params["from"], params["to"])
    return [{**span, "entity": entity} for entity in params["entities"]] or [span]


@task
def replays(ranges: list[dict[str, str]], **context: Any) -> list[dict[str, Any]]:
    """Return the commands that recompute them; none if it is only to be verified."""
    params = context["params"]
    if params["mode"] == VERIFY:
        return []
    if params["engine"] == "flink":
        return [{"command": "submit", "options": {"bounded": True}}]
    return [{"command": "replay", "options": {**one, "publish": True}} for one in ranges]


@task(trigger_rule=TriggerRule.NONE_FAILED)
def jobs(documents: list[Any] | None) -> list[str]:
    """Return the Flink jobs among what was run."""
    return [job["id"] for document in documents or [] if isinstance(document, list) for job in document]


with DAG(
    "polyglot_replay",
    description="Recompute a range by Spark or Flink, publish it, and prove it",
    doc_md=__doc__,
    schedule=None,
    max_active_runs=1,
    tags=["polyglot", "replay"],
    default_args={"retries": 2},
    params={
        "from": Param("", type="string", title="From", description="ISO date or instant (UTC), included; empty: all."),
        "to": Param("", type="string", title="To", description="ISO date or instant (UTC), excluded; empty: all."),
        "entities": Param([], type="array", items={"type": "string"}, description="Such as sim:BTCUSDT; empty: all."),
        "engine": Param("spark", enum=["spark", "flink"]),
        "mode": Param(PUBLISH, enum=[PUBLISH, VERIFY]),
    },
) as dag:
    ranges = proofs()
    settled = PolyglotOperator(task_id="settled", command="drain")
    commands = replays(ranges)  # type: ignore[arg-type]
    recompute = PolyglotOperator.partial(
        task_id="recompute", turn="spark", reads=BRONZE, writes=(*NORMALIZED, *ANALYTICS)
    ).expand_kwargs(commands)
    finished = FlinkJobSensor.partial(task_id="finished").expand(job_id=jobs(recompute.output))
    through = PolyglotOperator(task_id="through", command="drain", trigger_rule=TriggerRule.NONE_FAILED)
    parity = VerifyOperator.partial(task_id="parity", trigger_rule=TriggerRule.NONE_FAILED, reads=BRONZE).expand(
        options=ranges
    )
    ranges >> settled >> recompute
    [recompute, finished] >> through >> parity
