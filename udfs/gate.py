"""The gate: what a record must be like to be accepted. Pure: the record and its contract decide, no state, no clock
(law 3).
"""

from __future__ import annotations

from udfs import reference
from udfs.assign import Assignment, of_frame
from udfs.envelope import Envelopes
from udfs.rejects import Reject
from udfs.rules import Rules
from udfs.venues.facts import Fact
from udfs.venues.frames import CONTROL, UNASSIGNED, QuoteRow, TradeRow


def judge(rules: Rules, envelopes: Envelopes, i: int) -> list[TradeRow] | list[QuoteRow] | Fact | None:
    """Return the rows of one record, or its fact; None when its kind is not normalized.

    Raises:
        Reject: with the reason.
    """
    event_id, entity_id, venue, channel, event_time, source, ingest_time, _, _, payload = envelopes.row(i)
    if (venue, channel) != (rules.venue, rules.channel):
        raise Reject("wrong_topic", f"expected {rules.venue} {rules.channel}, got {venue} {channel}")
    claimed = Assignment(entity_id, channel, event_id, event_time if source == "venue" else None)
    if source == "ingest" and event_time != ingest_time:
        raise Reject("wrong_identity", "event_time: expected the ingest time, as event_time_source says")
    frame = rules.dialect.parse(payload)
    _same(of_frame(rules.venue, frame), claimed)
    if frame.channel in (UNASSIGNED, CONTROL) or not rules.kind:
        return None
    if rules.kind == "trade":
        trades = rules.dialect.trades(frame)
        for trade in trades:
            _in_time(rules, trade.event_time, ingest_time)
        return trades
    if rules.kind in reference.KINDS:
        fact = rules.dialect.facts(frame)
        return None if fact is None else reference.check(rules, fact, ingest_time)
    quotes = rules.dialect.quotes(frame)
    for quote in quotes:
        _in_time(rules, quote.event_time, ingest_time)
    return quotes


def _in_time(rules: Rules, event_time: int | None, ingest_time: int) -> None:
    if event_time is None:
        return
    lag = ingest_time - event_time
    if lag > rules.horizon:
        raise Reject("late", f"{lag} µs behind its ingest time, horizon {rules.horizon}")
    if lag < -rules.max_skew:
        raise Reject("future", f"{-lag} µs ahead of its ingest time, allowed {rules.max_skew}")


def _same(expected: Assignment, claimed: Assignment) -> None:
    """Demand that the envelope says what the payload says.

    Identity decides about duplicates, so it is never taken on trust.
    """
    if expected == claimed:
        return
    for name in ("entity_id", "channel", "event_id", "event_time"):
        want, got = getattr(expected, name), getattr(claimed, name)
        if want != got:
            raise Reject("wrong_identity", f"{name}: the payload says {want}, the envelope {got}")
