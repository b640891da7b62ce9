"""Law 6's side branch: an accepted event that the windows can no longer take is never lost in silence."""

from __future__ import annotations

#: What a repair row carries in place of an interval.
REPAIR = "repair"
_REVISION_REASONS = ("'revised'", "'sequence_gap'")
#: Columns of ``sql/bars.sql`` behind the keys that a repair row has no use for, as typed nulls.
_NULLS = ", ".join(["CAST(NULL AS DECIMAL(28, 12))"] * 2 + ["CAST(NULL AS BIGINT)"] * 14)


def repair_rows(source: str, bar: str, lateness_ms: int) -> str:
    """Return the SELECT of rows behind the windows' state, or after missing numbers, shaped like rows of the windows.

    Being part of one query with the windows, it shares their source and their duplicate filter. ``revised_at`` has the
    event time, ``open_key`` the reason; a quote row has both in its only key.
    """
    # A window's state goes with the last millisecond it would take, one before ``window_end + lateness``.
    dropped = "CURRENT_WATERMARK(rowtime) + INTERVAL '0.001' SECOND"
    late = f"TIMESTAMPADD(SECOND, {1 + lateness_ms // 1000}, FLOOR(rowtime TO SECOND)) <= {dropped}"
    reason = "CASE WHEN gap > 0 THEN 'sequence_gap' ELSE 'behind_watermark' END"
    if bar == "bar":
        columns = _bar_columns("event_time", reason)
    else:
        columns = f"gap, CONCAT('{REPAIR}|', CAST(event_time AS STRING), '|', {reason})"
    return f"SELECT entity_id, {columns} FROM {source} WHERE gap > 0 OR {late}"


def revision_rows(source: str) -> str:
    """Return the SELECT of every revision of a trade, shaped like rows of the windows of bars.

    The windows may still be there or not: only a replay undoes a trade, so all of them are to be computed anew. That
    must not depend on a watermark: the revisions' source has none. Missing numbers are reported besides.
    """
    revised, gap = (f"SELECT entity_id, {_bar_columns('trade_time', why)} FROM {source}" for why in _REVISION_REASONS)
    return f"{revised} UNION ALL {gap} WHERE gap > 0"


def _bar_columns(time: str, reason: str) -> str:
    return f"'{REPAIR}', gap, CAST(0 AS BIGINT), {time}, {reason}, CAST(NULL AS STRING), {_NULLS}"
