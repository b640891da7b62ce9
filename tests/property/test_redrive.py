"""Redrive: whatever a stream rejected and met again after a fix, a replay of the whole log agrees with the stream."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from property.frames import logs
from property.oracle import envelope

from operations.dead_letters.listing import DeadLetterEntry
from operations.dead_letters.redrive import Known, copies
from schemas.quality import Quality, parse
from udfs.gate.resubmitted import Verdicts, resubmitted
from udfs.ingest.ingestor import Ingestor
from udfs.normalize.normalizer import Normalized, Normalizer
from udfs.wire.envelope import decode

STRICT = {
    "trade": parse('["normalized.trade.v1".dear]\ntype="range"\naction="fail"\nfield="price"\nmost="60000"'),
    "quote": parse('["normalized.quote.v1".dear]\ntype="range"\naction="fail"\nfield="bid_price"\nmost="60000"'),
}
FIXED = Quality(())
TOPICS = ["raw.sim.trade.v1", "raw.binance_spot.book_ticker.v1", "raw.kraken.trade.v1"]


def told(out: Normalized) -> tuple[list[bytes], list[bytes]]:
    return (out.trades if len(out.trades) else out.quotes).encode(), [letter.encode() for letter in out.dead_letters]


def letters(out: Normalized) -> list[DeadLetterEntry]:
    names = DeadLetterEntry.__dataclass_fields__
    return [DeadLetterEntry(**{name: getattr(one, name) for name in names}) for one in out.dead_letters]


def known(topic: str, values: list[bytes]) -> Known:
    envelopes = decode(values)[0]
    newest: dict[tuple[str, str], int] = {}
    for entity, time in zip(envelopes.entity_id, envelopes.ingest_time.tolist(), strict=True):
        newest[topic, entity] = max(newest.get((topic, entity), 0), time)
    names = zip(envelopes.entity_id, envelopes.event_id, envelopes.source_id, strict=True)
    sent = [(entity, resubmitted(event, source)) for entity, event, source in names if source.startswith("redrive:")]
    ids = frozenset((topic, entity, copy.copy_id) for entity, copy in sent)
    return Known(newest, ids, frozenset(copy.digest for _, copy in sent))


@pytest.mark.parametrize("topic", TOPICS)
@given(data=st.data())
def test_a_replay_agrees_with_the_stream_after_redrives(topic: str, data: st.DataObject) -> None:
    log = [envelope(raw) for raw in data.draw(logs(topic))]
    values: list[bytes] = []
    rejected: list[bytes] = []
    state: list[bytes] = []
    found: list[DeadLetterEntry] = []
    part: list[Any] = log
    whole: list[bytes] = []
    for rules in (STRICT["quote" if "book" in topic else "trade"], FIXED, FIXED):
        stream = Normalizer.restore(topic, state, rules)
        out = stream.process(decode(part)[0])
        state = [stream.snapshot()]
        values, rejected = values + told(out)[0], rejected + told(out)[1]
        found += letters(out)
        whole += part
        part = [copy.value for copy in copies(found, known(topic, whole))[0]]
    bronze = Ingestor(topic).process(whole, range(len(whole)), 0).bronze.values.tolist()
    envelopes = decode(bronze)[0]
    copied = zip(envelopes.event_id, envelopes.source_id, strict=True)
    replay = Normalizer(topic, FIXED, Verdicts(copied))
    assert told(replay.process(envelopes)) == (values, rejected)
