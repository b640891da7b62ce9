"""Law 6's side branch: an accepted event that the windows can no longer take is never lost in silence."""

from __future__ import annotations


def repair_requests(source: str, kind: str, lateness_ms: int) -> str:
    """Return the SELECT of repair requests for rows behind the windows' state, or after missing numbers."""
    second = "1000000"
    late = f"TIMESTAMPADD(SECOND, {1 + lateness_ms // 1000}, FLOOR(rowtime TO SECOND)) <= CURRENT_WATERMARK(rowtime)"
    return f"""
        SELECT entity_id, '{kind}' AS kind,
               event_time - MOD(event_time, {second}) AS window_start,
               event_time - MOD(event_time, {second}) + {second} AS window_end,
               event_time,
               CASE WHEN gap > 0 THEN 'sequence_gap' ELSE 'behind_watermark' END AS reason
        FROM {source}
        WHERE gap > 0 OR {late}
    """
