"""Bounded replay.

Recomputes a range of event time, publishes it, and proves it. `spark` folds Bronze's files; `flink` runs the stream's
jobs over the range's part of the raw log. Both publish the bytes that the live jobs published; consumers drop them by
number or version. Killed and retried, it publishes the same once more. `spark-submit` is Spark on the cluster of
POLYGLOT_SPARK__MASTER, in a driver that the site's own Spark (SPARK_HOME) starts.

The proof of what was published is Spark's, whoever recomputed it. Without publishing, the engine's own replay is what
the stores are compared with.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, Param, TriggerRule, task
from polyglot_provider.lineage import ANALYTICS, BRONZE, NORMALIZED
from polyglot_provider.operators import PolyglotOperator, VerifyOperator
from polyglot_provider.ranges import checked

PUBLISH, VERIFY = "publish", "verify only"
SPARK, FLINK, SUBMIT = "spark", "flink", "spark-submit"


@task
def proofs(**context: Any) -> list[dict[str, str]]:
    """Return the options of each proof: the range, once for each entity."""
    params = context["params"]
    span = checked(params["from"], params["to"])
    if params["mode"] == VERIFY and params["engine"] == FLINK:
        span["engine"] = params["engine"]
    return [{**span, "entity": entity} for entity in params["entities"]] or [span]


@task
def replays(ranges: list[dict[str, str]], **context: Any) -> list[dict[str, Any]]:
    """Return the commands that recompute them; none if it is only to be verified."""
    params = context["params"]
    if params["mode"] == VERIFY:
        return []
    engine = {"engine": FLINK} if params["engine"] == FLINK else {}
    command = f"{SUBMIT} replay" if params["engine"] == SUBMIT else "replay"
    return [{"command": command, "options": {**one, **engine, "publish": True}} for one in ranges]


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
        "engine": Param(SPARK, enum=[SPARK, FLINK, SUBMIT]),
        "mode": Param(PUBLISH, enum=[PUBLISH, VERIFY]),
    },
) as dag:
    ranges = proofs()
    settled = PolyglotOperator(task_id="settled", command="drain")
    commands = replays(ranges)  # type: ignore[arg-type]
    recompute = PolyglotOperator.partial(
        task_id="recompute", turn="spark", reads=BRONZE, writes=(*NORMALIZED, *ANALYTICS)
    ).expand_kwargs(commands)
    through = PolyglotOperator(task_id="through", command="drain", trigger_rule=TriggerRule.NONE_FAILED)
    parity = VerifyOperator.partial(task_id="parity", trigger_rule=TriggerRule.NONE_FAILED, reads=BRONZE).expand(
        options=ranges
    )
    ranges >> settled >> recompute >> through >> parity
