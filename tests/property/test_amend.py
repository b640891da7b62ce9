"""Amend: what came too late is accepted exactly once, and no copy of an accepted event ever again; a replay agrees."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from property.frames import SECOND, logs
from property.oracle import Raw, read

from batch.repair.amend import amended, first_copies, within
from udfs.gate.amendments import REASONS, amendment
from udfs.gate.resubmitted import MAX_HORIZON, original_id
from udfs.gate.topic_rules import rules
from udfs.ingest.ingestor import Ingestor
from udfs.normalize.normalizer import Normalized, Normalizer
from udfs.rows.arrow import to_arrow
from udfs.wire.envelope import decode, encode_one

TOPICS = [
    "raw.sim.trade.v1", "raw.sim.trade_cancel.v1", "raw.sim.trade_correct.v1", "raw.kraken.trade.v1",
    "raw.binance_usdm.book_ticker.v1",
]  # fmt: skip


def told(out: Normalized) -> tuple[list[bytes], list[bytes], list[bytes]]:
    """Return records, letters, and the revisions among the low-rate records: gaps have properties of their own."""
    values = (out.trades if len(out.trades) else out.quotes).encode()
    revisions = [record.value for record in out.low_rate if record.topic.startswith("normalized.trade_")]
    return values, [letter.encode() for letter in out.dead_letters], revisions


def accepted(topic: str, *outcomes: Normalized) -> Counter[str]:
    """Return how often each event was accepted, whichever of its copies."""
    frames: set[str] = set()
    for out in outcomes:
        kind = rules(topic).kind
        names = [read(kind, value)["event_id"] for value in told(out)[2]]
        for rows in (out.trades, out.quotes):
            names += to_arrow(rows).column("event_id").to_pylist()
        frames |= {re.sub("#[0-9]+$", "", name) for name in names}
    assert len(frames) == sum(out.frames for out in outcomes)
    return Counter(map(original_id, frames))


def envelope(raw: Raw) -> bytes:
    return encode_one(*raw)


def newest(values: Sequence[bytes]) -> dict[str, int]:
    """Return the newest ingest time of each entity."""
    envelopes = decode(values)[0]
    found: dict[str, int] = {}
    for entity, time in zip(envelopes.entity_id, envelopes.ingest_time.tolist(), strict=True):
        found[entity] = max(found.get(entity, 0), time)
    return found


@pytest.mark.parametrize("topic", TOPICS)
@given(data=st.data())
def test_what_came_too_late_is_accepted_once_and_copies_never(topic: str, data: st.DataObject) -> None:
    # Without the drawn log's own amendments, and the frames that forge their ids.
    drawn = [raw for raw in data.draw(logs(topic)) if not (raw.source_id + raw.event_id).count("amend")]
    # A collector's backlog: what it received in time, long after. Some of it is a copy, some was missing until now.
    lost = {raw.event_id for raw in drawn[::3]}
    kept = [raw for raw in drawn if raw.event_id not in lost]
    end = max((raw.ingest_time for raw in kept), default=0)
    far = [raw._replace(source_id="late", source_seq=n, ingest_time=end + 200 * SECOND) for n, raw in enumerate(kept)]
    backlog = [raw._replace(source_id="backlog", source_seq=n) for n, raw in enumerate(drawn)]
    whole = [envelope(raw) for raw in (*kept, *far[-3:], *backlog)]
    stream = Normalizer(topic)
    first = stream.process(decode(whole)[0])
    before = accepted(topic, first)

    letters = [one for one in first.dead_letters if one.reason in REASONS]
    late = [one for one in first_copies((one.topic, one.record) for one in letters) if one.event_id not in before]
    times = newest(whole)
    events = []
    for one in late:
        ready, refused = within([one], MAX_HORIZON, {topic: times[one.envelope[1]]})
        assert not refused or set(refused) == {"late"}  # a year 1970 is beyond any horizon
        events += ready
    what = amendment("sim:A", 0, 1, MAX_HORIZON, [one.event_id for one in events])
    again = [amended(one, what.source_id, n, times[one.envelope[1]]) for n, one in enumerate(events, 1)]
    # Sent twice, and after it all the collectors' frames once more, from others that have no marks.
    copies = [envelope(raw._replace(source_id="other", source_seq=n)) for n, raw in enumerate(drawn)]
    after = stream.process(decode([*again, *again, *copies])[0])
    whole += [*again, *again, *copies]

    total = accepted(topic, first, after)
    assert total == before + Counter(one.event_id for one in events)
    assert set(total.values()) <= {1}
    bronze = Ingestor(topic).process(whole, range(len(whole)), 0).bronze.values.tolist()
    replayed = told(Normalizer(topic).process(decode(bronze)[0]))
    assert replayed == tuple(a + b for a, b in zip(told(first), told(after), strict=True))
