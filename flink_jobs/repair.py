"""Law 6's side branch: an accepted event that the windows can no longer take is never lost in silence."""

from __future__ import annotations

#: Columns of ``sql/bars.sql`` and ``sql/quote_bars.sql`` that a repair row has no use for, as typed nulls.
_NULLS = {
    "bar": ["CAST(NULL AS DECIMAL(28, 12))"] * 2 + ["CAST(NULL AS BIGINT)"] * 14,
    "quote_bar": [],
}
#: What a repair row carries in place of an interval.
REPAIR = "repair"


def repair_rows(source: str, bar: str, lateness_ms: int) -> str:
    """Return the SELECT of rows behind the windows' state, or after missing numbers, shaped like rows of the windows.

    Being part of one query with the windows, it shares their source and their duplicate filter. ``open_key`` has the
    event time, ``close_key`` the reason; a quote row has both in its only key.
    """
    # A window's state goes with the last millisecond it would take, one before ``window_end + lateness``.
    dropped = "CURRENT_WATERMARK(rowtime) + INTERVAL '0.001' SECOND"
    late = f"TIMESTAMPADD(SECOND, {1 + lateness_ms // 1000}, FLOOR(rowtime TO SECOND)) <= {dropped}"
    reason = "CASE WHEN gap > 0 THEN 'sequence_gap' ELSE 'behind_watermark' END"
    time = "CAST(event_time AS STRING)"
    if bar == "bar":
        columns = [f"'{REPAIR}'", "gap", time, reason, *_NULLS[bar]]
    else:
        columns = ["gap", f"CONCAT('{REPAIR}|', {time}, '|', {reason})"]
    return f"SELECT entity_id, {', '.join(columns)} FROM {source} WHERE gap > 0 OR {late}"
