"""Restatement after a corporate action.

When corporate actions or closes have come in, late ones too: recomputes adjusted series, publishes what has
changed under higher versions, and proves the adjusted tables. A run that finds nothing new publishes nothing.
"""

from __future__ import annotations

from airflow.sdk import DAG, Param
from polyglot_provider.lineage import ADJUSTED, REFERENCE
from polyglot_provider.operators import PolyglotOperator, VerifyOperator

with DAG(
    "polyglot_restate",
    description="Restate adjusted series after a corporate action",
    doc_md=__doc__,
    schedule=None,
    max_active_runs=1,
    tags=["polyglot", "restatement"],
    default_args={"retries": 2},
    params={
        "entity": Param("", type="string", description="Such as reference:CALM; empty: all."),
        "known_at": Param("", type="string", description="ISO time (UTC): only what was known then; empty: now."),
    },
) as dag:
    settled = PolyglotOperator(task_id="settled", command="drain")
    adjust = PolyglotOperator(
        task_id="adjust",
        command="adjust",
        options={"entity": "{{ params.entity }}", "known-at": "{{ params.known_at }}"},
        turn="spark",
        reads=REFERENCE,
        writes=ADJUSTED,
    )
    through = PolyglotOperator(task_id="through", command="drain")
    parity = VerifyOperator(task_id="parity", options={"store": ["adjusted"]}, reads=(*REFERENCE, *ADJUSTED))
    settled >> adjust >> through >> parity
