"""Exactly-once results over at-least-once topics: drop what was delivered before, by ``entity_seq`` (law 4)."""

from __future__ import annotations

#: Column that a source of ``fresh`` needs on top of its contract.
OFFSET = "`offset` BIGINT METADATA VIRTUAL"


def fresh(source: str) -> str:
    """Return the SELECT that keeps a row only if its ``entity_seq`` is higher than all before it.

    A producer that restarts repeats a run of records it sent before, in order; their ``entity_seq`` is not higher than
    the highest that was seen for the (entity, ingest date), so they drop out. ``gap`` counts the numbers missing right
    before a row: more than 0 is loss. State is a number or two per (entity, ingest date), never expired by a clock.

    ``place`` orders rows by sequence and, within one, the first delivered highest: a row is new if the highest place so
    far is its own. One aggregate and one shuffle, where comparing with the maximum before the row would take two.
    """
    scope = "PARTITION BY entity_id, ingest_date ORDER BY pt"
    place = "CAST(entity_seq AS DECIMAL(12, 0)) * CAST(1000000000000000000 AS DECIMAL(19, 0)) - `offset`"
    return f"""
        SELECT *, entity_seq - COALESCE(before, 0) - 1 AS gap FROM (
          SELECT *,
            MAX(place) OVER ({scope}) AS highest,
            LAG(entity_seq) OVER ({scope}) AS before
          FROM (SELECT *, {place} AS place FROM {source})
        ) WHERE place = highest
    """
