"""The gate: what a record must be like to be accepted. Pure: the record and its contract decide, no state, no clock
(law 3).
"""

from __future__ import annotations

from udfs.assign import Assignment, of_frame, parse
from udfs.envelope import Envelopes
from udfs.rejects import Reject
from udfs.rules import Rules
from udfs.venues.frames import CONTROL, UNASSIGNED, Frame, QuoteRow, RevisionRow, TradeRow

Standard = list[TradeRow] | list[QuoteRow] | list[RevisionRow]


def judge(rules: Rules, envelopes: Envelopes, i: int) -> Standard | None:
    """Return the rows of one record; None when its kind is not normalized.

    Raises:
        Reject: with the reason.
    """
    return accept(rules, identify(rules, envelopes, i), int(envelopes.ingest_time[i]))


def identify(rules: Rules, envelopes: Envelopes, i: int) -> Frame:
    """Return the frame of one record, which is the one that its envelope says.

    Raises:
        Reject: it cannot be read, or it is another.
    """
    event_id, entity_id, venue, channel, event_time, source, ingest_time, _, _, payload = envelopes.row(i)
    if (venue, channel) != (rules.venue, rules.channel):
        raise Reject("wrong_topic", f"expected {rules.venue} {rules.channel}, got {venue} {channel}")
    claimed = Assignment(entity_id, channel, event_id, event_time if source == "venue" else None)
    if source == "ingest" and event_time != ingest_time:
        raise Reject("wrong_identity", "event_time: expected the ingest time, as event_time_source says")
    frame = parse(rules.venue, payload)
    _same(of_frame(rules.venue, frame), claimed)
    return frame


def accept(rules: Rules, frame: Frame, ingest_time: int) -> Standard | None:
    """Return the rows of a frame; None when its kind is not normalized.

    Raises:
        Reject: with the reason.
    """
    if frame.channel in (UNASSIGNED, CONTROL) or not rules.kind:
        return None
    rows = _rows(rules, frame)
    for row in rows:
        _in_time(rules, row.event_time, ingest_time)
    return rows


def _rows(rules: Rules, frame: Frame) -> Standard:
    if rules.kind == "trade":
        return rules.dialect.trades(frame)
    if rules.kind == "quote":
        return rules.dialect.quotes(frame)
    return rules.dialect.revisions(frame)


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
