"""Exactly-once results over at-least-once topics: drop what was delivered before, by ``entity_seq`` (law 4)."""

from __future__ import annotations


def fresh(source: str) -> str:
    """Return the SELECT that keeps a row only if its ``entity_seq`` is higher than all before it.

    A producer that restarts repeats a run of records it sent before, in order; their ``entity_seq`` is not higher than
    the highest that was seen for the (entity, ingest date), so they drop out. ``gap`` counts the numbers missing right
    before a row: more than 0 is loss. State is one number per (entity, ingest date) and is never expired by a clock.
    """
    scope = "PARTITION BY entity_id, ingest_date ORDER BY pt"
    return f"""
        SELECT *, entity_seq - COALESCE(before, 0) - 1 AS gap FROM (
          SELECT *, LAG(highest) OVER ({scope}) AS before FROM (
            SELECT *, MAX(entity_seq) OVER ({scope} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS highest
            FROM {source}
          )
        ) WHERE before IS NULL OR entity_seq > before
    """
