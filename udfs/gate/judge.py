"""The gate: accept a record or reject it with a reason. Pure: the record and its contract decide, no state, no clock
(law 3).
"""

from __future__ import annotations

from collections.abc import Sequence

from schemas.catalog import FACTS
from udfs.gate.assign import Assignment, of_frame, parse
from udfs.gate.resubmitted import Resubmitted, resubmitted
from udfs.gate.topic_rules import Rules
from udfs.values.rejects import Reject
from udfs.venues.facts import ActionFact, Fact
from udfs.venues.frames import CONTROL, UNASSIGNED, Frame, QuoteRow, RevisionRow, TradeRow
from udfs.wire.envelope import Envelopes

Standard = list[TradeRow] | list[QuoteRow] | list[RevisionRow] | list[Fact]
#: Reasons for which a record is rejected before it is known which frame it is.
UNIDENTIFIED = frozenset({
    "wrong_topic", "wrong_identity", "payload_too_large", "empty_payload", "not_utf8", "not_json", "unknown_channel",
    "unknown_symbol",
})  # fmt: skip


def judge(rules: Rules, envelopes: Envelopes, i: int) -> Standard | None:
    """Return the rows of one record; None when its kind is not normalized.

    Raises:
        Reject: with the reason.
    """
    frame, copy = identify(rules, envelopes, i)
    return accept(rules, frame, int(envelopes.ingest_time[i]), copy)


def identify(rules: Rules, envelopes: Envelopes, i: int) -> tuple[Frame, Resubmitted | None]:
    """Parse one record's frame and check it against its envelope; return it, and how it is resubmitted (or None).

    Raises:
        Reject: it cannot be read, or it is another.
    """
    event_id, entity_id, venue, channel, event_time, source, ingest_time, source_id, _, payload = envelopes.row(i)
    if (venue, channel) != (rules.venue, rules.channel):
        raise Reject("wrong_topic", f"expected {rules.venue} {rules.channel}, got {venue} {channel}")
    copy = resubmitted(event_id, source_id)
    own_id = event_id if copy is None else copy.payload_id
    claimed = Assignment(entity_id, channel, own_id, event_time if source == "venue" else None)
    if source == "ingest" and event_time != _received(ingest_time, copy):
        raise Reject("wrong_identity", "event_time: expected the ingest time, as event_time_source says")
    frame = parse(rules.venue, payload)
    _same(of_frame(rules.venue, frame), claimed)
    return frame, copy


def accept(rules: Rules, frame: Frame, ingest_time: int, copy: Resubmitted | None) -> Standard | None:
    """Return the rows of a frame; None when its kind is not normalized. `copy` is what a resubmitted record says.

    Raises:
        Reject: with the reason.
    """
    if frame.channel in (UNASSIGNED, CONTROL) or not rules.kind:
        return None
    received = _received(ingest_time, copy)
    if rules.kind in FACTS:
        fact = rules.dialect.facts(frame)
        return None if fact is None else [_known(rules, fact, received)]
    rows = _rows(rules, frame)
    _in_time(rules, [row.event_time for row in rows], received, None if copy is None else copy.horizon)
    return rows


def _known(rules: Rules, fact: Fact, ingest_time: int) -> Fact:
    """Reject a fact that its source announces for later than it was ingested."""
    if isinstance(fact, ActionFact) and fact.announced_time is not None:
        ahead = fact.announced_time - ingest_time
        if ahead > rules.max_skew:
            raise Reject("future", f"announced {ahead} µs after its ingest time, allowed {rules.max_skew}")
    return fact


def _received(ingest_time: int, copy: Resubmitted | None) -> int:
    """Return the ingest time by which a record is judged: that of its original, if it is a copy."""
    return ingest_time if copy is None else copy.received(ingest_time)


def _rows(rules: Rules, frame: Frame) -> list[TradeRow] | list[QuoteRow] | list[RevisionRow]:
    if rules.kind == "trade":
        return rules.dialect.trades(frame)
    if rules.kind == "quote":
        return rules.dialect.quotes(frame)
    return rules.dialect.revisions(frame)


def _in_time(rules: Rules, event_times: Sequence[int | None], received: int, amended: int | None) -> None:
    """Reject an event that is too far from its ingest time; `amended` is the horizon that an amendment states."""
    horizon = rules.horizon if amended is None else amended
    lags = [received - time for time in event_times if time is not None]
    for lag in lags:
        if lag > horizon:
            raise Reject("late", f"{lag} µs behind its ingest time, horizon {horizon}")
        if lag < -rules.max_skew:
            raise Reject("future", f"{-lag} µs ahead of its ingest time, allowed {rules.max_skew}")
    if amended is not None and not any(lag > rules.horizon for lag in lags):
        # Its original was accepted, or will be: under two ids it would count twice.
        raise Reject("bad_amendment", f"nothing in it is late: at most {max(lags, default=0)} µs behind")


def _same(expected: Assignment, claimed: Assignment) -> None:
    """Reject an envelope that does not say what its payload says.

    Identity decides about duplicates, so it is never taken on trust.
    """
    if expected == claimed:
        return
    for name in ("entity_id", "channel", "event_id", "event_time"):
        want, got = getattr(expected, name), getattr(claimed, name)
        if want != got:
            raise Reject("wrong_identity", f"{name}: the payload says {want}, the envelope {got}")
