"""The windows' aggregates become bars: derived columns, version and encoding, by the kernels of ``udfs/bars.py``.

The windows' output is a changelog. Topics carry inserts and update-afters only: a bar replaces its predecessor by its
version, so what was before is not part of the contract.

Reducers cannot undo a trade. A window that holds a revision is therefore never published by the stream: its computation
anew by a replay is requested, each time it changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from pyflink.common import Row, RowKind, Types

from flink_jobs.halt import HALT
from flink_jobs.repair import REPAIR
from schemas.quality import Rule
from udfs.bars import INTERVALS, Bar, QuoteBar, finish_bar, finish_quote_bar, key_time
from udfs.quality import QualityStop
from udfs.quality.results import hold
from udfs.repairs import RepairRequest

#: Why a window that the stream could compute is to be computed by a replay.
REVISED = "revised"
_BYTES = Types.PRIMITIVE_ARRAY(Types.BYTE())
#: Topic, record time in ms, key, value; or nothing but a message.
FINISHED = Types.ROW_NAMED(
    ["topic", "ts", "k", "v", HALT], [Types.STRING(), Types.LONG(), _BYTES, _BYTES, Types.STRING()]
)
FIELDS = 5
Rules = tuple[Rule, ...]


def finish_bars(rules: Rules, row: Row) -> Iterable[Row]:
    """Turn one row of ``sql/bars.sql`` into a record of analytics.bar.v1; an update-before into nothing."""
    if row.get_row_kind() == RowKind.UPDATE_BEFORE:
        return
    entity_id, interval, version, count, revised_at, open_key, close_key, high, low, *sums = row
    if interval == REPAIR:
        yield from _repairs(entity_id, revised_at, reason=open_key)
        return
    length = INTERVALS[interval]
    if revised_at is not None:
        yield _repair(RepairRequest(entity_id, "trade", revised_at, REVISED, length))
        return
    start = key_time(open_key) // length * length
    bar = finish_bar(entity_id, interval, start, count, open_key, close_key, Decimal(high), Decimal(low), sums, version)
    yield _finished("analytics.bar.v1", rules, bar)


def finish_quote_bars(rules: Rules, row: Row) -> Iterable[Row]:
    """Turn one row of ``sql/quote_bars.sql`` into a record of analytics.quote_bar.v1."""
    if row.get_row_kind() == RowKind.UPDATE_BEFORE:
        return
    entity_id, count, close_key = row
    if close_key.startswith(REPAIR):
        _, time, reason = close_key.split("|")
        yield _repair(RepairRequest(entity_id, "quote", int(time), reason))
        return
    length = INTERVALS["1s"]
    start = key_time(close_key) // length * length
    bar = finish_quote_bar(entity_id, start, count, close_key)
    yield _finished("analytics.quote_bar.v1", rules, bar)


def _finished(topic: str, rules: Rules, bar: Bar | QuoteBar) -> Row:
    try:
        hold(rules, bar)
    except QualityStop as stop:
        return Row(None, None, None, None, str(stop))
    return Row(topic, bar.window_start // 1000, bar.key(), bar.encode(), None)


def _repairs(entity_id: str, event_time: int, reason: str) -> Iterable[Row]:
    """Request the second of a late trade, but every window that a revision changes."""
    lengths = INTERVALS.values() if reason == REVISED else (INTERVALS["1s"],)
    for length in lengths:
        yield _repair(RepairRequest(entity_id, "trade", event_time, reason, length))


def _repair(request: RepairRequest) -> Row:
    return Row("repair.analytics.v1", request.event_time // 1000, request.key(), request.encode(), None)
