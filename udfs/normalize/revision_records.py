"""Normalized records of cancels and corrections. Law 5 (``docs/laws.md``) says what they do to bars; the trade itself
stays where it is.
"""

from __future__ import annotations

from collections.abc import Sequence

from schemas import catalog
from schemas.catalog import CORRECT
from schemas.contracts import contract
from udfs.gate.topic_rules import Rules
from udfs.values.times import DAY
from udfs.venues.frames import RevisionRow
from udfs.wire.avro import write_decimal, write_long, write_text
from udfs.wire.envelope import Envelopes
from udfs.wire.low_rate import LowRateRecord

_DIGITS = 28  # of a price or size


def revision_records(
    rules: Rules, envelopes: Envelopes, revised: Sequence[tuple[int, RevisionRow]], entity_seq: Sequence[int]
) -> list[LowRateRecord]:
    """Return the records of the accepted revisions.

    Args:
        rules: of the raw topic, whose kind is a cancel or a correction.
        envelopes: the batch.
        revised: which envelope each revision came in, in log order.
        entity_seq: the revisions' numbers.
    """
    topic, header = catalog.topic(rules.kind), contract(rules.kind).header
    records = []
    for (i, row), seq in zip(revised, entity_seq, strict=True):
        event_id, entity_id, _, _, _, _, ingest_time, source_id, source_seq, _ = envelopes.row(i)
        fields = [
            header,
            write_text(event_id),
            write_text(entity_id),
            write_text(rules.venue),
            write_text(entity_id[len(rules.venue) + 1 :]),
            write_long(row.event_time),
            write_long(ingest_time),
            write_long(ingest_time // DAY),
            write_long(seq),
            write_text(source_id),
            write_long(source_seq),
            write_text(row.venue_trade_id),
            write_long(row.trade_time),
            write_long(row.revision),
        ]
        if rules.kind == CORRECT:
            fields += [write_decimal(row.price, _DIGITS), write_decimal(row.size, _DIGITS)]
        records.append(LowRateRecord(topic, entity_id.encode(), row.event_time, b"".join(fields)))
    return records
